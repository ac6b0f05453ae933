package instances

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/internal/rtmp"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// RTMP is a call that is pushed to an RTMP server. Its publication begins with
// the first source and lasts as long as the call: sources, pauses and mutes change
// what is in it. When it breaks off, what is playing is held until there is another.
type RTMP struct {
	// immutable after NewRTMP
	cfg    Config
	events Events
	target rtmp.Target
	dial   func(rtmp.Format) (push, error)
	player *player
	life   context.Context // ends with the call
	cancel context.CancelFunc
	loop   sync.WaitGroup // one while the call publishes
	over   chan struct{}  // closed when the call has ended and nothing of it is left

	mu    sync.Mutex  // guards what follows; held while nothing waits
	comp  *compositor // nil before the first source
	runs  bool        // the call publishes, or has
	ended bool
	push  push             // the latest; nil before the first
	state models.ConnState // what events.Connection heard last
	began time.Time        // when the call began to publish
	since time.Time        // when the server first took it
	bytes uint64           // published before the latest push
}

// NewRTMP checks the URL. It opens nothing.
func NewRTMP(cfg Config, events Events, url string) (*RTMP, error) {
	target, err := rtmp.ParseTarget(url)
	if err != nil {
		return nil, err
	}
	r := &RTMP{cfg: cfg, events: events, target: target, over: make(chan struct{})}
	r.life, r.cancel = context.WithCancel(context.Background())
	r.dial = func(f rtmp.Format) (push, error) { return rtmp.Start(cfg.Media, target, f) }
	r.player = newPlayer(cfg.Media, cfg.StallTimeout, audience{ended: r.streamEnded, changed: r.changed})
	return r, nil
}

// Connect is for WebRTC calls.
func (r *RTMP) Connect(context.Context, string) error { return fmt.Errorf("connect: %w", errRTMP()) }

// AudioSSRC is for WebRTC calls.
func (r *RTMP) AudioSSRC() (uint32, error) { return 0, errRTMP() }

func errRTMP() error { return fmt.Errorf("%w: it is an RTMP call", models.ErrWrongMode) }

// SetSource opens a source and lets it replace what is playing. The first one
// says how the call is encoded, and begins its publication.
func (r *RTMP) SetSource(ctx context.Context, src media.Source) error {
	if src == nil {
		return fmt.Errorf("%w: nil source", models.ErrInvalidParams)
	}
	comp, err := r.compositor(media.OptionsOf(src))
	if err != nil {
		return fmt.Errorf("open source: %w", err)
	}
	raw, err := media.Raw(src, comp.format.RawFormat)
	if err != nil {
		return fmt.Errorf("open source: %w", err)
	}
	if err := r.player.setSource(ctx, raw); err != nil {
		return err
	}
	r.begin(comp)
	return nil
}

// compositor returns the call's, which the first options make.
func (r *RTMP) compositor(o media.EncodeOptions) (*compositor, error) {
	raw, err := o.RawFormat()
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.comp == nil {
		r.comp = newCompositor(rtmp.Format{RawFormat: raw, VideoKbps: o.VideoBitrateKbps, AudioKbps: o.AudioBitrateKbps})
	}
	return r.comp, nil
}

// begin starts to publish, once.
func (r *RTMP) begin(comp *compositor) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.runs || r.ended {
		return
	}
	r.runs, r.began = true, time.Now()
	r.tell(models.Connecting, nil)
	r.loop.Add(1)
	go func() { // ends with life; end waits for it
		defer r.loop.Done()
		r.publish(comp)
	}()
}

// Seek plays the current source from what target makes of its position.
func (r *RTMP) Seek(ctx context.Context, target func(at time.Duration) time.Duration) error {
	return r.player.seek(ctx, target)
}

// SetPaused stops or resumes the source where it is. It reports whether that
// changed anything.
func (r *RTMP) SetPaused(on bool) (bool, error) { return r.player.setPaused(on) }

// SetMuted withholds or sends what is played. It reports whether that changed
// anything.
func (r *RTMP) SetMuted(on bool) (bool, error) { return r.player.setMuted(on) }

// State returns the mute, pause and video flags.
func (r *RTMP) State() models.MediaState { return r.player.state() }

// Position is where in the source what was last handed to the encoder ends.
func (r *RTMP) Position() time.Duration { return r.player.position() }

// Stats returns what the call has done so far.
func (r *RTMP) Stats() models.Stats {
	r.mu.Lock()
	stats := models.Stats{State: r.state, ConnectedAt: r.since}
	if !r.since.IsZero() {
		stats.ConnectTime = r.since.Sub(r.began)
	}
	stats.Video.Bytes = r.bytes
	if r.push != nil {
		stats.Video.Bytes += r.push.Bytes()
	}
	if r.comp != nil {
		stats.Video.Packets, stats.PicturesShed = r.comp.counts()
	}
	r.mu.Unlock()
	for t := range kinds(r.player.tracks()) {
		stats.Tracks = append(stats.Tracks, t)
	}
	count := r.player.counts()
	stats.FramesLate, stats.ClockMoves, stats.SourceRestarts = count.late, count.moves, count.restarts
	return stats
}

// Stop ends the call for a reason and waits until nothing of it is left. It may
// be called at any time, any number of times.
// It reports whether it was what ended the call.
func (r *RTMP) Stop(reason error) bool { return r.end(reason) }

// end tears the call down: its last events first, with which the chat is free, then
// media, then the publication.
func (r *RTMP) end(reason error) bool {
	r.mu.Lock()
	if r.ended {
		r.mu.Unlock()
		<-r.over
		return false
	}
	r.ended = true
	r.mu.Unlock()
	defer r.events.Gone()
	defer close(r.over)

	r.events.Ended(nil, func() {
		r.player.shut(reason)
		info := finalState(reason)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.tell(info.State, info.Err)
	})
	r.cancel()
	r.player.close(reason)
	r.loop.Wait()
	return true
}

// tell reports a state of the connection and the reason for it. The caller holds
// mu, which keeps the reports in order.
func (r *RTMP) tell(state models.ConnState, why error) {
	r.state = state
	r.events.Connection(models.NetworkInfo{State: state, Err: why})
}

// changed hears from the player.
func (r *RTMP) changed(state models.MediaState) {
	r.mu.Lock()
	comp := r.comp
	r.mu.Unlock()
	if comp != nil {
		comp.setDark(state.VideoStopped)
	}
	r.events.Upgrade(state)
}

// streamEnded tells of each track of a source.
func (r *RTMP) streamEnded(tracks media.Track, err error) {
	for t, device := range kinds(tracks) {
		r.events.StreamEnd(t, device, err)
	}
}
