package bot

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
)

// song is a source that plays on a stage.
type song struct {
	title  string
	length time.Duration
	broken error // why it cannot be opened
	crash  error // what it ends with
}

func (s *song) Tracks() gotgcall.Track { return gotgcall.TrackAudio }

func (s *song) Open(context.Context, gotgcall.Env) (gotgcall.Stream, error) {
	return nil, errors.New("a song is for a stage")
}

// stage stands for an account's groupcall.Calls and gotgcall.Client, in virtual time.
type stage struct {
	notify func(groupcall.Notice)

	mu    sync.Mutex // guards what follows
	shows map[int64]*show
	none  bool // chats have no call
	left  int  // how often Leave was called
}

// show is what a stage plays in a chat.
type show struct {
	in, live, paused, muted bool
	listeners               int
	sound                   gotgcall.Sound
	now, next               *song
	began                   time.Time     // when it was at `at`
	at                      time.Duration // then
	ending                  *time.Timer
	heard                   []string // titles, in order
}

const joinTakes = 200 * time.Millisecond

func newStage() *stage { return &stage{shows: make(map[int64]*show)} }

func (s *stage) show(chat int64) *show {
	if s.shows[chat] == nil {
		s.shows[chat] = &show{listeners: 3}
	}
	return s.shows[chat]
}

func (s *stage) PlayAt(ctx context.Context, chat int64, src gotgcall.Source, at time.Duration) error {
	return s.play(ctx, chat, src, at, false)
}

func (s *stage) Live(ctx context.Context, chat int64, src gotgcall.Source) error {
	return s.play(ctx, chat, src, 0, true)
}

func (s *stage) play(ctx context.Context, chat int64, src gotgcall.Source, at time.Duration, live bool) error {
	s.mu.Lock()
	in := s.show(chat).in
	s.mu.Unlock()
	if !in {
		select {
		case <-time.After(joinTakes):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	x, tune := s.show(chat), src.(*song)
	switch {
	case s.none:
		return &groupcall.ParkedError{Err: groupcall.ErrNoCall, Until: time.Now().Add(10 * time.Minute)}
	case x.in && x.live != live:
		return gotgcall.ErrWrongMode
	case tune.broken != nil:
		return tune.broken
	}
	x.in, x.live, x.next = true, live, nil
	s.begin(chat, tune, at)
	return nil
}

// begin plays a song. mu must be held.
func (s *stage) begin(chat int64, tune *song, at time.Duration) {
	x := s.show(chat)
	x.now, x.at, x.began = tune, at, time.Now()
	x.heard = append(x.heard, tune.title)
	s.arm(chat)
}

// arm has the song end in time. mu must be held.
func (s *stage) arm(chat int64) {
	x := s.show(chat)
	if x.ending != nil {
		x.ending.Stop()
	}
	if x.now == nil || x.paused {
		return
	}
	tune := x.now
	x.ending = time.AfterFunc(tune.length-x.at, func() { s.ended(chat, tune) })
}

func (s *stage) ended(chat int64, tune *song) {
	s.mu.Lock()
	x := s.show(chat)
	if x.now != tune {
		s.mu.Unlock()
		return
	}
	x.now = nil
	if x.next != nil {
		next := x.next
		x.next = nil
		s.begin(chat, next, 0)
	}
	s.mu.Unlock()
	s.notify(groupcall.TrackEnded{InChat: groupcall.InChat(chat), Err: tune.crash})
}

func (s *stage) Leave(_ context.Context, chat int64) error {
	<-time.After(50 * time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left++
	x := s.show(chat)
	if x.ending != nil {
		x.ending.Stop()
	}
	s.shows[chat] = &show{listeners: x.listeners, heard: x.heard}
	return nil
}

// Move does nothing: a test moves what is played when it likes.
func (s *stage) Move(_, _ int64) {}

func (s *stage) Status(chat int64) groupcall.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return groupcall.Status{Listeners: s.show(chat).listeners}
}

func (s *stage) Chats() map[int64]groupcall.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := map[int64]groupcall.State{}
	for id, x := range s.shows {
		if x.in {
			in[id] = groupcall.In
		}
	}
	return in
}

func (s *stage) Close() error {
	s.mu.Lock()
	shows := maps.Clone(s.shows)
	s.mu.Unlock()
	for chat := range shows {
		_ = s.Leave(context.Background(), chat)
	}
	return nil
}

func (s *stage) Pause(chat int64) (bool, error)  { return s.setPaused(chat, true) }
func (s *stage) Resume(chat int64) (bool, error) { return s.setPaused(chat, false) }

func (s *stage) setPaused(chat int64, paused bool) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.show(chat)
	if !x.in {
		return false, gotgcall.ErrConnectionNotFound
	}
	changed := x.paused != paused
	if changed {
		x.at, x.began = x.position(), time.Now()
		x.paused = paused
		s.arm(chat)
	}
	return changed, nil
}

func (s *stage) Mute(chat int64) (bool, error)   { return s.setMuted(chat, true) }
func (s *stage) Unmute(chat int64) (bool, error) { return s.setMuted(chat, false) }

func (s *stage) setMuted(chat int64, muted bool) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.show(chat)
	changed := x.muted != muted
	x.muted = muted
	return changed, nil
}

func (s *stage) SeekToContext(_ context.Context, chat int64, to time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.show(chat)
	if x.now == nil {
		return gotgcall.ErrNoSource
	}
	x.at, x.began = min(to, x.now.length), time.Now()
	s.arm(chat)
	return nil
}

func (s *stage) SetNextSourceContext(_ context.Context, chat int64, src gotgcall.Source) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.show(chat)
	if !x.in {
		return gotgcall.ErrConnectionNotFound
	}
	x.next = nil
	if src == nil {
		return nil
	}
	tune := src.(*song)
	switch {
	case tune.broken != nil:
		return tune.broken
	case x.now == nil:
		s.begin(chat, tune, 0)
	default:
		x.next = tune
	}
	return nil
}

func (s *stage) SetSoundContext(_ context.Context, chat int64, sound gotgcall.Sound) error {
	if _, err := sound.Resolve(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.show(chat).in {
		return gotgcall.ErrConnectionNotFound
	}
	s.show(chat).sound = sound
	return nil
}

// position returns where the song is. mu must be held.
func (x *show) position() time.Duration {
	if x.now == nil || x.paused {
		return x.at
	}
	return x.at + time.Since(x.began)
}

func (s *stage) Position(chat int64) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.show(chat); x.in {
		return x.position(), nil
	}
	return 0, gotgcall.ErrConnectionNotFound
}

func (s *stage) Duration(chat int64) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.show(chat); x.now != nil {
		return x.now.length, nil
	}
	return 0, gotgcall.ErrNoSource
}

func (s *stage) Stats(chat int64) (gotgcall.Stats, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var stats gotgcall.Stats
	if s.show(chat).now != nil {
		stats.Tracks = []gotgcall.StreamType{gotgcall.Audio}
	}
	return stats, nil
}

// heard returns the titles that have been played in a chat.
func (s *stage) heard(chat int64) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.show(chat).heard...)
}

// look returns a copy of what goes on in a chat.
func (s *stage) look(chat int64) show {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := *s.show(chat)
	x.at = x.position()
	return x
}

func (s *stage) leaves() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.left
}

// setNone takes the calls of all chats away, or gives them back.
func (s *stage) setNone(none bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.none = none
}
