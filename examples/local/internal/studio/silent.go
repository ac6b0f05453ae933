package studio

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotgcall/gotgcall"
)

// joining is how many calls of a load connect at once.
const joining = 4

// RunLoad is the process of a load: calls that all play one tone, with their joins and
// answers on out and in. It ends with in, or with ctx.
func RunLoad(ctx context.Context, calls int, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if calls < 1 || calls > MaxLoad {
		return fmt.Errorf("%d silent calls, want 1 to %d", calls, MaxLoad)
	}
	client, err := gotgcall.New()
	if err != nil {
		return err
	}
	defer client.Close()
	l := &silent{client: client, to: json.NewEncoder(out), answers: make([]chan string, calls+1)}
	for i := range l.answers {
		l.answers[i] = make(chan string, 1)
	}
	l.source = gotgcall.Shared(gotgcall.FromShell(Patterns[len(Patterns)-1].Command, gotgcall.TrackAudio))
	go func() { // ends with in, which ends the process
		defer cancel()
		l.read(json.NewDecoder(in))
	}()
	var group sync.WaitGroup
	defer group.Wait()
	turns := make(chan int64)
	for range joining {
		group.Go(func() { // ends with turns
			for chat := range turns {
				l.join(ctx, chat)
			}
		})
	}
	defer close(turns)
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for next := int64(1); ; {
		free := turns
		if next > int64(calls) {
			free = nil
		}
		select {
		case <-ctx.Done():
			return nil
		case free <- next:
			next++
		case <-ticker.C:
			if err := l.report(); err != nil {
				return err
			}
		}
	}
}

// silent is the calls of a load.
type silent struct {
	client    *gotgcall.Client
	source    gotgcall.Source
	answers   []chan string // by chat
	connected atomic.Int64
	process   meter

	mu sync.Mutex // guards to
	to *json.Encoder
}

func (l *silent) read(from *json.Decoder) {
	for {
		var m loadMessage
		if err := from.Decode(&m); err != nil {
			return
		}
		l.answers[m.Chat] <- m.Answer // each has one
	}
}

func (l *silent) send(m loadMessage) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Encode(m)
}

// join brings one call up. One that cannot be is missing in the figures.
func (l *silent) join(ctx context.Context, chat int64) {
	params, err := l.client.CreateCall(chat)
	if err != nil || l.send(loadMessage{Chat: chat, Join: params}) != nil {
		return
	}
	var answer string
	select {
	case answer = <-l.answers[chat]:
	case <-ctx.Done():
		return
	}
	if l.client.ConnectContext(ctx, chat, answer) == nil && l.client.SetStreamSourcesContext(ctx, chat, l.source) == nil {
		l.connected.Add(1)
	}
}

func (l *silent) report() error {
	connected := int(l.connected.Load())
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	return l.send(loadMessage{
		Connected: connected, Processor: l.process.read(), HeapKB: float64(mem.HeapInuse) / 1024 / float64(max(1, connected)),
	})
}
