package instances

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/internal/play"
	"github.com/gotgcall/gotgcall/internal/rtmp"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// RTMP is a call that is pushed to an RTMP server. Its publication begins with
// the first source and lasts as long as the call: sources, pauses and mutes change
// what is in it. When it breaks off, what is playing is held until there is another.
type RTMP struct {
	// immutable after NewRTMP
	cfg     Config
	events  Events
	publish rtmp.Config // but for the format and NoVideo
	player  *play.Player
	over    chan struct{} // closed when the call has ended and nothing of it is left

	mu        sync.Mutex // guards what follows; held while nothing waits
	noVideo   bool
	publisher *rtmp.Publisher // nil before the first source
	ended     bool
	state     models.ConnState // what events.Connection heard last
	began     time.Time        // when the call began to publish
	since     time.Time        // when the server first took it
}

// NewRTMP checks the URL. It opens nothing.
func NewRTMP(cfg Config, events Events, url string) (*RTMP, error) {
	ingest, err := rtmp.ParseIngest(url)
	if err != nil {
		return nil, err
	}
	r := &RTMP{cfg: cfg, events: events, over: make(chan struct{}), noVideo: true}
	r.publish = rtmp.Config{
		Env: cfg.Media, Ingest: ingest, ConnectTimeout: cfg.ConnectTimeout, Retry: cfg.RTMPRetry,
		Connected: r.connected, Disconnected: r.disconnected,
		Failed: func(err error) { go r.end(err) }, // ends by itself; Stop waits for the same end
	}
	r.player = play.New(play.Config{Env: cfg.Media, StallTimeout: cfg.StallTimeout}, noticing{events, r})
	return r, nil
}

// Connect is for WebRTC calls.
func (r *RTMP) Connect(context.Context, string) error { return fmt.Errorf("connect: %w", errRTMP()) }

// AudioSSRC is for WebRTC calls.
func (r *RTMP) AudioSSRC() (uint32, error) { return 0, errRTMP() }

func errRTMP() error { return fmt.Errorf("%w: it is an RTMP call", models.ErrWrongMode) }

// SetSource opens a source and lets it replace what is playing. The first one that
// could be opened says how the call is encoded, and begins its publication.
func (r *RTMP) SetSource(ctx context.Context, src media.Source) error {
	if src == nil {
		return fmt.Errorf("%w: nil source", models.ErrInvalidParams)
	}
	raw, ok := src.(media.RawSource)
	if !ok {
		return fmt.Errorf("open source: %w: only FromFile and FromURL can be played here: other sources give Opus and VP8",
			models.ErrInvalidParams)
	}
	for {
		format, err := r.format(raw.Encoding())
		if err != nil {
			return fmt.Errorf("open source: %w", err)
		}
		raw := inFormat(raw, format.Format)
		if err := r.player.SetSource(ctx, raw); err != nil {
			return err
		}
		if r.begin(format) || !r.player.Plays(raw) {
			return nil
		}
		// Another first source was faster, and has another format.
	}
}

// format returns the call's, or what it would be by some options.
func (r *RTMP) format(o media.EncodeOptions) (rtmp.Format, error) {
	r.mu.Lock()
	publisher := r.publisher
	r.mu.Unlock()
	if publisher != nil {
		return publisher.Format(), nil
	}
	return rtmp.FormatOf(o)
}

// begin starts to publish in a format, once. It reports whether that is the call's.
func (r *RTMP) begin(f rtmp.Format) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return true
	}
	if r.publisher == nil {
		r.began = time.Now()
		r.tell(models.NetworkInfo{State: models.Connecting})
		cfg := r.publish
		cfg.Format, cfg.NoVideo = f, r.noVideo
		r.publisher = rtmp.Start(cfg) // end closes it
	}
	return r.publisher.Format() == f
}

// Seek plays the current source from what target makes of its position.
func (r *RTMP) Seek(ctx context.Context, target func(at time.Duration) time.Duration) error {
	return r.player.Seek(ctx, target)
}

// SetPaused stops or resumes the source where it is. It reports whether that
// changed anything.
func (r *RTMP) SetPaused(on bool) (bool, error) { return r.player.SetPaused(on) }

// SetMuted withholds or sends what is played. It reports whether that changed
// anything.
func (r *RTMP) SetMuted(on bool) (bool, error) { return r.player.SetMuted(on) }

// State returns the mute, pause and video flags.
func (r *RTMP) State() models.MediaState { return r.player.State() }

// Position is where in the source what was last handed to the encoder ends.
func (r *RTMP) Position() time.Duration { return r.player.Position() }

// Stats returns what the call has done so far.
func (r *RTMP) Stats() models.Stats {
	r.mu.Lock()
	stats := models.Stats{State: r.state, ConnectedAt: r.since}
	if !r.since.IsZero() {
		stats.ConnectTime = r.since.Sub(r.began)
	}
	if r.publisher != nil {
		published := r.publisher.Stats()
		stats.Video.Packets, stats.Video.Bytes = published.Pictures, published.Bytes
		stats.PicturesShed = published.PicturesShed
	}
	r.mu.Unlock()
	r.player.Stats(&stats)
	return stats
}

// Stop ends the call for a reason and waits until nothing of it is left. It may
// be called at any time, any number of times. It reports whether it was what ended the call.
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
	publisher := r.publisher
	r.mu.Unlock()
	defer r.events.Gone()
	defer close(r.over)

	r.events.Ended(nil, func() {
		r.player.Shut(reason)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.tell(finalState(reason))
	})
	r.player.Close(reason)
	if publisher != nil {
		publisher.Close()
	}
	return true
}

// connected plays into the publication.
func (r *RTMP) connected() {
	r.mu.Lock()
	publisher := r.publisher
	if !r.ended {
		if r.since.IsZero() {
			r.since = time.Now()
		}
		r.tell(models.NetworkInfo{State: models.Connected})
	}
	r.mu.Unlock()
	r.player.Connect(publisher.Sink)
}

// disconnected holds the source where it is.
func (r *RTMP) disconnected(err error) {
	r.player.Disconnect()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended {
		r.tell(models.NetworkInfo{State: models.Disconnected, Err: err})
	}
}

// tell reports a state of the connection. r.mu must be held, which keeps the
// reports in order.
func (r *RTMP) tell(info models.NetworkInfo) {
	r.state = info.State
	r.events.Connection(info)
}

// noticing lets an RTMP call know, before its bot does, whether there is video.
type noticing struct {
	play.Events
	call *RTMP
}

// Upgrade receives the player's state.
func (n noticing) Upgrade(state models.MediaState) {
	r := n.call
	r.mu.Lock()
	r.noVideo = state.VideoStopped
	if r.publisher != nil {
		r.publisher.SetNoVideo(state.VideoStopped)
	}
	r.mu.Unlock()
	n.Events.Upgrade(state)
}
