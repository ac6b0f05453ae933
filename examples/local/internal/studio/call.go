package studio

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

const (
	// A call that is lost is joined again after this long, and this often.
	rejoinAfter = time.Second
	rejoins     = 30
	// lastWord is what the end of a call has to arrive; on a dark network it never does.
	lastWord = time.Second
)

// call is one call: the library's side of it, and the server.
type call struct {
	studio *Studio
	id     int
	chat   int64
	far    *sfu.SFU

	arrival arrival

	mu          sync.Mutex // guards what follows; nothing is called with it held
	title, next string
	participant *sfu.Participant
	connection  gotgcall.ConnState
	trouble     string // why the connection is not up
	media       gotgcall.MediaState
	volume      int
	network     Network
	darkUntil   time.Time
	touched     bool // by a verb or a knob
}

// begin joins, connects and plays. This is what a bot does; a bot's join is
// phone.joinGroupCall.
func (c *call) begin(ctx context.Context, src gotgcall.Source) error {
	client := c.studio.client
	params, err := client.CreateCall(c.chat)
	if err != nil {
		return err
	}
	if err := c.connect(ctx, params); err != nil {
		return err
	}
	return client.SetStreamSourcesContext(ctx, c.chat, src)
}

// connect joins with a payload and connects.
func (c *call) connect(ctx context.Context, params string) error {
	answer, err := c.join(ctx, params)
	if err != nil {
		return err
	}
	return c.studio.client.ConnectContext(ctx, c.chat, answer)
}

// join is the part of phone.joinGroupCall. The network in front of the server stays what
// it is.
func (c *call) join(ctx context.Context, params string) (answer string, err error) {
	p, answer, err := c.far.Admit(ctx, params)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	c.participant = p
	network, dark := c.network, time.Until(c.darkUntil)
	c.mu.Unlock()
	if dark > 0 {
		p.Network().BlackOut(dark)
	}
	if network == (Network{}) {
		return answer, nil
	}
	return answer, network.apply(p)
}

// rejoin brings a lost call back, as a bot does.
func (c *call) rejoin(ctx context.Context) {
	s := c.studio
	timer := time.NewTimer(rejoinAfter)
	defer timer.Stop()
	for range rejoins {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		params, err := s.client.RejoinContext(ctx, c.chat)
		if err == nil {
			err = c.connect(ctx, params)
		}
		switch {
		case err == nil:
			s.log.add(c.id, Verb, slog.LevelInfo, "rejoined after the loss")
			return
		case ctx.Err() != nil, errors.Is(err, gotgcall.ErrConnectionNotFound), errors.Is(err, gotgcall.ErrConnectionExists):
			return // somebody has left, or joined
		}
		s.log.add(c.id, Verb, slog.LevelWarn, "rejoin: %v", err)
		timer.Reset(rejoinAfter)
	}
}

// connectionChanged is the library's OnConnectionChange.
func (s *Studio) connectionChanged(chat int64, info gotgcall.NetworkInfo) {
	id, level, why := callOf(chat), slog.LevelInfo, ""
	if info.Err != nil {
		level, why = slog.LevelWarn, ": "+info.Err.Error()
	}
	s.log.add(id, Event, level, "OnConnectionChange: %s%s", info.State, why)
	c, err := s.call(id)
	if err != nil {
		return
	}
	c.mu.Lock()
	c.connection, c.trouble = info.State, ""
	if info.Err != nil {
		c.trouble = s.scrub(info.Err.Error())
	}
	c.mu.Unlock()
	if info.State != gotgcall.Failed || !errors.Is(info.Err, gotgcall.ErrConnectionFailed) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.tasks.Add(1)
	go func() { // ends with s.ctx; awaited by Close
		defer s.tasks.Done()
		c.rejoin(s.ctx)
	}()
}

// streamEnded is the library's OnStreamEnd.
func (s *Studio) streamEnded(chat int64, t gotgcall.StreamType, _ gotgcall.Device, end error) {
	id, level, why := callOf(chat), slog.LevelInfo, "the natural end"
	if end != nil {
		level, why = slog.LevelWarn, end.Error()
	}
	s.log.add(id, Event, level, "OnStreamEnd: %s: %s", t, why)
	if c, err := s.call(id); err == nil {
		stats, err := s.client.Stats(chat)
		c.mu.Lock()
		if err == nil && len(stats.Ending) == 0 && len(stats.Tracks) > 0 && c.next != "" {
			c.title, c.next = c.next, ""
		}
		c.mu.Unlock()
	}
	if s.cfg.OnEnd != nil {
		s.cfg.OnEnd(id, t, end)
	}
}

// upgraded is the library's OnUpgrade.
func (s *Studio) upgraded(chat int64, state gotgcall.MediaState) {
	id := callOf(chat)
	s.log.add(id, Event, slog.LevelInfo, "OnUpgrade: muted %v, paused %v, video %v", state.Muted, state.Paused, !state.VideoStopped)
	if c, err := s.call(id); err == nil {
		c.mu.Lock()
		c.media = state
		c.mu.Unlock()
	}
}

func (c *call) setTitle(title string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.title, c.next = title, ""
}

// touch returns the participant, and notes that what arrives is no longer all of the
// source.
func (c *call) touch() *sfu.Participant {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.touched = true
	return c.participant
}

// awaitLast waits until the server knows that the call is over.
func (c *call) awaitLast() {
	c.mu.Lock()
	p := c.participant
	c.mu.Unlock()
	if p == nil {
		return
	}
	timer := time.NewTimer(lastWord)
	defer timer.Stop()
	select {
	case <-p.Done():
	case <-timer.C:
	}
}
