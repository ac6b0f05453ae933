package play

import (
	"log/slog"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// written is one frame that reached the sink.
type written struct {
	media.Frame
	media time.Duration // position in the media
	due   time.Time
	at    time.Time
}

type endOf struct {
	tracks media.Track
	err    error
}

// rig is a player and what it reported.
type rig struct {
	*Player
	mu      sync.Mutex // guards what follows
	written []written
	ends    []endOf
	states  []models.MediaState
	onEnd   func()
}

func newRig(stall time.Duration) *rig { return newRigWithin(stall, 0) }

func newRigWithin(stall, window time.Duration) *rig {
	r := &rig{}
	r.Player = New(Config{
		Env: media.Env{Logger: slog.New(slog.DiscardHandler)}, StallTimeout: stall, Window: window,
	}, r)
	return r
}

func (r *rig) SourceEnd(kinds []models.StreamType, err error) {
	r.mu.Lock()
	end := endOf{err: err}
	for _, kind := range kinds {
		end.tracks |= map[models.StreamType]media.Track{models.Audio: a, models.Video: v}[kind]
	}
	r.ends = append(r.ends, end)
	onEnd := r.onEnd
	r.mu.Unlock()
	if onEnd != nil {
		onEnd()
	}
}

func (r *rig) Upgrade(s models.MediaState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.states = append(r.states, s)
}

// plug connects the player to the rig.
func (r *rig) plug() {
	r.Connect(func(f media.Frame, due time.Time) {
		position, err := time.ParseDuration(string(f.Data))
		if err != nil {
			panic(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		f.Data = nil
		r.written = append(r.written, written{f, position, due, time.Now()})
	})
}

func (r *rig) got(track media.Track) []written {
	r.mu.Lock()
	defer r.mu.Unlock()
	var some []written
	for _, w := range r.written {
		if w.Track == track {
			some = append(some, w)
		}
	}
	return some
}

func (r *rig) ended() []endOf {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]endOf(nil), r.ends...)
}

func (r *rig) stats() (s models.Stats) {
	r.Stats(&s)
	return s
}
