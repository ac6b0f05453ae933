package groupcall_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/internal/serial"
)

// library is a gotgcall.Client without media, for virtual time. It refuses what the
// Client refuses, and keeps a place as the Client does.
type library struct {
	events serial.Queue

	mu         sync.Mutex // guards what follows
	calls      map[int64]*libraryCall
	lost       map[int64]libraryCall
	nextSSRC   int
	connects   []error // what the next Connects fail with
	params     []string
	onEnd      func(int64, gotgcall.StreamType, gotgcall.Device, error)
	onChange   func(int64, gotgcall.NetworkInfo)
	onUpgrade  func(int64, gotgcall.MediaState)
	openTakes  time.Duration
	publishing []string
	sounds     []gotgcall.Sound
}

type libraryCall struct {
	ssrc, asked   uint32
	state         gotgcall.ConnState
	connected     bool // once
	rtmp          bool
	source        gotgcall.Source
	opened        int
	at            time.Duration
	since         time.Time // zero: it stands
	paused, muted bool
}

var _ groupcall.Library = (*library)(nil)

func newLibrary() *library {
	return &library{
		calls: map[int64]*libraryCall{}, lost: map[int64]libraryCall{},
		openTakes: 100 * time.Millisecond, nextSSRC: 100,
	}
}

func (l *library) OnStreamEnd(f func(int64, gotgcall.StreamType, gotgcall.Device, error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.onEnd = f
}

func (l *library) OnConnectionChange(f func(int64, gotgcall.NetworkInfo)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.onChange = f
}

func (l *library) OnUpgrade(f func(int64, gotgcall.MediaState)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.onUpgrade = f
}

// What follows expects mu to be held.

func (l *library) call(id int64) (*libraryCall, error) {
	if c := l.calls[id]; c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("%w: chat %d", gotgcall.ErrConnectionNotFound, id)
}

func (l *library) report(id int64, state gotgcall.ConnState, err error) {
	l.events.Post(func() {
		l.mu.Lock()
		f := l.onChange
		l.mu.Unlock()
		if f != nil {
			f(id, gotgcall.NetworkInfo{State: state, Err: err})
		}
	})
}

func (l *library) upgrade(id int64, c *libraryCall) {
	s := c.mediaState()
	l.events.Post(func() {
		l.mu.Lock()
		f := l.onUpgrade
		l.mu.Unlock()
		if f != nil {
			f(id, s)
		}
	})
}

func (l *library) newParams() (uint32, string) {
	l.nextSSRC++
	p := fmt.Sprintf(`{"ssrc":%d,"ssrc-groups":[]}`, l.nextSSRC)
	l.params = append(l.params, p)
	return uint32(l.nextSSRC), p
}

func (c *libraryCall) mediaState() gotgcall.MediaState {
	video := c.source != nil && c.source.Tracks().Has(gotgcall.TrackVideo)
	return gotgcall.MediaState{Muted: c.muted, Paused: c.paused, VideoStopped: !video, PresentationPaused: true}
}

func (c *libraryCall) position() time.Duration {
	if c.since.IsZero() {
		return c.at
	}
	return c.at + time.Since(c.since)
}

// run has the place move, or stand.
func (c *libraryCall) run() {
	c.at = c.position()
	c.since = time.Time{}
	if c.source != nil && !c.paused && (c.state == gotgcall.Connected || c.state == gotgcall.Disconnected) {
		c.since = time.Now()
	}
}

func (l *library) end(id int64, state gotgcall.ConnState, err error) {
	c := l.calls[id]
	c.run()
	delete(l.calls, id)
	if state != gotgcall.Closed && c.connected && !c.rtmp {
		l.lost[id] = *c
	}
	l.report(id, state, err)
}

// The Client's methods.

func (l *library) CreateCall(id int64) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.calls[id] != nil {
		return "", gotgcall.ErrConnectionExists
	}
	delete(l.lost, id)
	ssrc, params := l.newParams()
	l.calls[id] = &libraryCall{ssrc: ssrc, asked: ssrc}
	return params, nil
}

func (l *library) RejoinContext(ctx context.Context, id int64) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.calls[id]
	lost, ok := l.lost[id]
	switch {
	case c != nil && c.rtmp:
		return "", gotgcall.ErrWrongMode
	case c == nil && !ok:
		return "", gotgcall.ErrConnectionNotFound
	case c == nil:
		delete(l.lost, id)
		lost.state, lost.since = gotgcall.Connecting, time.Time{}
		c = &lost
		l.calls[id] = c
	}
	var params string
	c.asked, params = l.newParams()
	return params, nil
}

func (l *library) ConnectContext(ctx context.Context, id int64, _ string) error {
	time.Sleep(20 * time.Millisecond) //nolint:forbidigo // virtual time
	l.mu.Lock()
	defer l.mu.Unlock()
	c, err := l.call(id)
	if err != nil {
		return err
	}
	if len(l.connects) > 0 {
		err, l.connects = l.connects[0], l.connects[1:]
	}
	if err != nil {
		if !errors.Is(err, gotgcall.ErrConnectionExists) {
			l.end(id, gotgcall.Failed, err)
		}
		return err
	}
	c.state, c.connected, c.ssrc = gotgcall.Connected, true, c.asked
	c.run()
	l.report(id, gotgcall.Connected, nil)
	return nil
}

func (l *library) StartRTMP(id int64, url string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.calls[id] != nil {
		return gotgcall.ErrConnectionExists
	}
	l.publishing = append(l.publishing, url)
	l.calls[id] = &libraryCall{rtmp: true}
	return nil
}

func (l *library) Stop(id int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.lost, id)
	if _, err := l.call(id); err != nil {
		return err
	}
	l.end(id, gotgcall.Closed, nil)
	return nil
}

func (l *library) Stats(id int64) (gotgcall.Stats, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, err := l.call(id)
	if err != nil {
		return gotgcall.Stats{}, err
	}
	s := gotgcall.Stats{State: c.state}
	s.Audio.SSRC = c.asked
	return s, nil
}

func (l *library) GetState(id int64) (gotgcall.MediaState, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, err := l.call(id)
	if err != nil {
		return gotgcall.MediaState{}, err
	}
	return c.mediaState(), nil
}

func (l *library) Position(id int64) (time.Duration, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if lost, ok := l.lost[id]; ok {
		return lost.at, nil
	}
	c, err := l.call(id)
	if err != nil {
		return 0, err
	}
	return c.position(), nil
}

func (l *library) set(id int64, what func(*libraryCall) *bool, on bool) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, err := l.call(id)
	if err != nil {
		return false, err
	}
	flag := what(c)
	changed := *flag != on
	*flag = on
	c.run()
	if changed {
		l.upgrade(id, c)
	}
	return changed, nil
}

func (l *library) Pause(id int64) (bool, error) {
	return l.set(id, func(c *libraryCall) *bool { return &c.paused }, true)
}

func (l *library) Resume(id int64) (bool, error) {
	return l.set(id, func(c *libraryCall) *bool { return &c.paused }, false)
}

func (l *library) Mute(id int64) (bool, error) {
	return l.set(id, func(c *libraryCall) *bool { return &c.muted }, true)
}

func (l *library) Unmute(id int64) (bool, error) {
	return l.set(id, func(c *libraryCall) *bool { return &c.muted }, false)
}

func (l *library) SetSound(id int64, s gotgcall.Sound) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.call(id); err != nil {
		return err
	}
	l.sounds = append(l.sounds, s)
	return nil
}

func (l *library) SetStreamSourcesContext(ctx context.Context, id int64, src gotgcall.Source) error {
	l.mu.Lock()
	takes := l.openTakes
	_, err := l.call(id)
	l.mu.Unlock()
	if err != nil {
		return err
	}
	timer := time.NewTimer(takes)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c, err := l.call(id)
	if err != nil {
		return fmt.Errorf("%w: %w", gotgcall.ErrStopped, err)
	}
	if bad, ok := src.(badSource); ok {
		return bad.err
	}
	c.run()
	c.source, c.at, c.since = src, 0, time.Time{}
	c.opened++
	c.run()
	l.upgrade(id, c)
	if c.rtmp && c.state != gotgcall.Connected {
		if len(l.connects) > 0 {
			err, l.connects = l.connects[0], l.connects[1:]
			if err != nil {
				l.end(id, gotgcall.Failed, err)
				return nil
			}
		}
		c.state = gotgcall.Connected
		l.report(id, gotgcall.Connected, nil)
	}
	return nil
}

func (l *library) SeekToContext(_ context.Context, id int64, position time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, err := l.call(id)
	if err != nil {
		return err
	}
	c.run()
	c.at = position
	c.run()
	return nil
}
