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
	endAt   time.Time // of the last of ends
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

// StreamEnd keeps the end of a source: that of sound with that of the picture, which
// comes just before it.
func (r *rig) StreamEnd(kind models.StreamType, _ models.Device, err error) {
	r.mu.Lock()
	track, n, now := map[models.StreamType]media.Track{models.Audio: a, models.Video: v}[kind], len(r.ends), time.Now()
	if track == a && n > 0 && r.ends[n-1].tracks == v && r.endAt.Equal(now) {
		r.ends[n-1].tracks = av
	} else {
		r.ends = append(r.ends, endOf{track, err})
	}
	r.endAt = now
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
