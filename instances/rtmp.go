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

// publication is the line to an RTMP server. It begins with the first source and
// lasts as long as the call, through changes of source, pauses and mutes. While the
// server is lost, playback is held.
type publication struct {
	noLine
	call *Call
	cfg  rtmp.Config // immutable; without the format and NoVideo

	mu        sync.Mutex // guards what follows; taken last, but for the publisher's
	noVideo   bool
	publisher *rtmp.Publisher // nil before the first source
}

// NewRTMP returns an RTMP call. It checks the URL and opens nothing.
func NewRTMP(cfg Config, events Events, url string) (*Call, error) {
	ingest, err := rtmp.ParseIngest(url)
	if err != nil {
		return nil, err
	}
	c := newCall(RTMP, cfg, events, idle)
	p := &publication{noLine: noLine{RTMP}, call: c, noVideo: true}
	p.cfg = rtmp.Config{
		Env: cfg.Media, Ingest: ingest, ConnectTimeout: cfg.ConnectTimeout, Retry: cfg.RTMPRetry,
		Connected: p.connected, Disconnected: p.disconnected,
		Failed: func(err error) { go c.Stop(err) }, // ends by itself; Stop waits for the same end
	}
	c.player = play.New(play.Config{Env: cfg.Media, StallTimeout: cfg.StallTimeout}, videoWatch{events, p})
	c.line = p
	return c, nil
}

// SetSource begins the publication with the first source that could be opened, in the
// format of its options.
func (p *publication) SetSource(ctx context.Context, src media.Source) error {
	return p.open(ctx, src, p.call.player.SetSource, p.call.player.Replace)
}

// SetNext is like SetSource, for the next source.
func (p *publication) SetNext(ctx context.Context, src media.Source) error {
	set := p.call.player.SetNext
	if src == nil {
		return set(ctx, nil)
	}
	return p.open(ctx, src, set, set)
}

// open opens a source in the publication's format by set. If another first source was
// faster, and has another format, the source is opened in that one by again.
func (p *publication) open(ctx context.Context, src media.Source, set, again func(context.Context, media.Source) error) error {
	if src == nil {
		return fmt.Errorf("%w: nil source", models.ErrInvalidParams)
	}
	raw, ok := src.(media.RawSource)
	if !ok {
		return fmt.Errorf("%w: only FromFile and FromURL can be played here: other sources give Opus and VP8",
			models.ErrInvalidParams)
	}
	for {
		format, err := p.format(raw.Encoding())
		if err != nil {
			return err
		}
		raw := inFormat(raw, format.Format)
		if err := set(ctx, raw); err != nil {
			return err
		}
		if p.begin(format) || !p.call.player.Plays(raw) {
			return nil
		}
		set = again
	}
}

// format returns the publication's format, or before it the one that options make.
func (p *publication) format(o media.EncodeOptions) (rtmp.Format, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.publisher != nil {
		return p.publisher.Format(), nil
	}
	return rtmp.FormatOf(o)
}

// begin starts to publish in a format, once. It reports whether that is the format
// of the publication.
func (p *publication) begin(f rtmp.Format) bool {
	c := p.call
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == ended {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.move(connecting, idle) == nil {
		c.began = time.Now()
		c.report(models.Connecting, nil)
		cfg := p.cfg
		cfg.Format, cfg.NoVideo = f, p.noVideo
		p.publisher = rtmp.Start(cfg) // Close closes it
	}
	return p.publisher.Format() == f
}

// connected plays into the publication.
func (p *publication) connected() {
	c := p.call
	c.mu.Lock()
	if c.move(connected, connecting, retrying) == nil {
		if c.since.IsZero() {
			c.since = time.Now()
			c.took = c.since.Sub(c.began)
		}
		c.report(models.Connected, nil)
	}
	c.mu.Unlock()
	p.mu.Lock()
	publisher := p.publisher
	p.mu.Unlock()
	c.player.Connect(publisher.Sink)
}

// disconnected holds the source where it is.
func (p *publication) disconnected(err error) {
	c := p.call
	c.player.Disconnect()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.move(retrying, connected) == nil {
		c.report(models.Disconnected, err)
	}
}

// Stats counts pictures given to the encoder and bytes published.
func (p *publication) Stats(stats *models.Stats) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.publisher == nil {
		return
	}
	published := p.publisher.Stats()
	stats.Video.Packets, stats.Video.Bytes = published.Pictures, published.Bytes
	stats.PicturesShed = published.PicturesShed
}

func (p *publication) Close() {
	p.mu.Lock()
	publisher := p.publisher
	p.mu.Unlock()
	if publisher != nil {
		publisher.Close()
	}
}

// videoWatch passes a player's events on, and whether there is video to the publisher
// first.
type videoWatch struct {
	play.Events
	line *publication
}

func (w videoWatch) Upgrade(state models.MediaState) {
	p := w.line
	p.mu.Lock()
	p.noVideo = state.VideoStopped
	if p.publisher != nil {
		p.publisher.SetNoVideo(state.VideoStopped)
	}
	p.mu.Unlock()
	w.Events.Upgrade(state)
}
