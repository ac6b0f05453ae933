package studio

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/internal/sfu"
)

const (
	// MaxLoad is how many silent calls there can be.
	MaxLoad = 1000
	// endLoad is what a load has to end by itself.
	endLoad = 10 * time.Second
	// serverCalls is how many calls one server of a load has.
	serverCalls = 250
)

// LoadState is the state of the silent calls.
type LoadState struct {
	Wanted    int     `json:"wanted"`
	Connected int     `json:"connected"`
	Processor float64 `json:"processor"` // share of a core that the library uses for them; 0: not known yet, negative: never
	HeapKB    float64 `json:"heapKB"`    // per call
	Trouble   string  `json:"trouble"`
}

// load is calls that nobody hears. They live in another process, so that what they cost is
// the library's alone: the servers are in this one.
type load struct {
	turn sync.Mutex // one change at a time

	mu    sync.Mutex // guards what follows
	shown LoadState
	stop  context.CancelFunc
	ended chan struct{} // closed when the process is gone; nil without one
}

func (l *load) state() LoadState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shown
}

// SetLoad replaces the silent calls by others, once the former are gone.
func (s *Studio) SetLoad(calls int) error {
	if calls < 0 || calls > MaxLoad {
		return fmt.Errorf("%d silent calls, want 0 to %d", calls, MaxLoad)
	}
	l := &s.load
	l.turn.Lock()
	defer l.turn.Unlock()
	l.mu.Lock()
	stop, ended := l.stop, l.ended
	l.stop, l.ended = nil, nil
	l.mu.Unlock()
	if stop != nil {
		stop()
		<-ended
	}
	l.set(func(st *LoadState) { *st = LoadState{Wanted: calls} })
	if calls == 0 {
		return nil
	}
	if s.ctx.Err() != nil {
		return ErrClosed
	}
	s.log.add(0, Verb, slog.LevelInfo, "%d silent calls", calls)
	ctx, cancel := context.WithCancel(s.ctx)
	ended = make(chan struct{})
	l.mu.Lock()
	l.stop, l.ended = cancel, ended
	l.mu.Unlock()
	go func() { // stopped by cancel, or with s.ctx; awaited by the next SetLoad, which Close calls
		defer close(ended)
		defer cancel()
		if err := l.run(ctx, calls); err != nil && ctx.Err() == nil {
			l.set(func(st *LoadState) { st.Trouble = s.scrub(err.Error()) })
			s.log.add(0, Event, slog.LevelError, "silent calls: %v", err)
		}
	}()
	return nil
}

func (l *load) set(change func(*LoadState)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.shown)
}

// LoadFlag is the argument with which this program runs [RunLoad].
const LoadFlag = "-silent-calls"

// run runs the process, and the servers that it joins.
func (l *load) run(ctx context.Context, calls int) (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	servers := make([]*sfu.SFU, 0, calls/serverCalls+1)
	defer func() {
		for _, far := range servers {
			_ = far.Close()
		}
	}()
	for range cap(servers) {
		far, err := sfu.New(sfu.Config{IgnoreMedia: true})
		if err != nil {
			return err
		}
		servers = append(servers, far)
	}
	cmd := exec.CommandContext(ctx, self, LoadFlag, strconv.Itoa(calls))
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	cmd.Cancel = in.Close // it ends with its input
	cmd.WaitDelay = endLoad
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = l.serve(ctx, servers, json.NewDecoder(out), json.NewEncoder(in))
	in.Close()
	err = errors.Join(err, cmd.Wait())
	if line, _, _ := strings.Cut(said.String(), "\n"); err != nil && line != "" {
		return fmt.Errorf("%w: %s", err, line)
	}
	return err
}

// serve answers joins, and takes figures, until the process ends.
func (l *load) serve(ctx context.Context, servers []*sfu.SFU, from *json.Decoder, to *json.Encoder) error {
	for {
		var m loadMessage
		switch err := from.Decode(&m); {
		case errors.Is(err, io.EOF), errors.Is(err, os.ErrClosed):
			return nil
		case err != nil:
			return err
		}
		if m.Join == "" {
			l.set(func(st *LoadState) {
				st.Connected, st.Processor, st.HeapKB = m.Connected, m.Processor, m.HeapKB
			})
			continue
		}
		answer, err := servers[int(m.Chat)%len(servers)].Join(ctx, m.Join)
		if err == nil {
			err = to.Encode(loadMessage{Chat: m.Chat, Answer: answer})
		}
		if err != nil {
			return err
		}
	}
}

// loadMessage is a join, its answer, or figures.
type loadMessage struct {
	Chat         int64
	Join, Answer string

	Connected         int
	Processor, HeapKB float64
}
