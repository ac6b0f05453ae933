package gotgcall

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/gotgcall/gotgcall/instances"
)

// SetStreamSources opens a source and lets it replace what the call is playing,
// which goes on until the new one is ready. It may be called before Connect: the
// source then plays from its start when the connection is up. It blocks until the
// source has its first frame, never for the connection.
//
// When the source cannot be opened (ErrFile, ErrStalled, ErrFFmpegSpawn,
// ErrInvalidParams) the old one goes on playing. ErrSourceReplaced: a later
// SetStreamSources won.
func (c *Client) SetStreamSources(chatID int64, src Source) error {
	return c.SetStreamSourcesContext(context.Background(), chatID, src)
}

// SetStreamSourcesContext is SetStreamSources until ctx ends, which leaves the old
// source playing. Once it has returned, ctx has no effect.
func (c *Client) SetStreamSourcesContext(ctx context.Context, chatID int64, src Source) error {
	g, err := c.call(chatID)
	if err != nil {
		return fmt.Errorf("set stream sources: %w", err)
	}
	if err := g.SetSource(ctx, src); err != nil {
		return fmt.Errorf("set stream sources: %w", err)
	}
	return nil
}

// SeekBy moves the position of the current source by deltaMs milliseconds; see
// SeekTo.
func (c *Client) SeekBy(chatID int64, deltaMs int64) error {
	return c.seek(context.Background(), chatID, func(at time.Duration) time.Duration {
		return shift(at, deltaMs)
	})
}

// shift returns a position that is not negative moved by milliseconds, or the
// farthest one there is.
func shift(at time.Duration, deltaMs int64) time.Duration {
	switch room := (math.MaxInt64 - at) / time.Millisecond; {
	case deltaMs > int64(room):
		return math.MaxInt64
	case deltaMs < -int64(at/time.Millisecond):
		return 0
	}
	return at + time.Duration(deltaMs)*time.Millisecond
}

// SeekTo plays the current source from a position. The old position goes on
// playing until the new one is ready; a paused call stays paused, at the new
// position. Before the start is the start; past the end is the natural end, which
// OnStreamEnd hears of.
//
// ErrNoSource: nothing is playing. ErrSeekUnsupported: the source is live, or its
// server cannot. ErrSourceReplaced: a later seek or source won.
func (c *Client) SeekTo(chatID int64, position time.Duration) error {
	return c.SeekToContext(context.Background(), chatID, position)
}

// SeekToContext is SeekTo until ctx ends, which leaves the old position playing.
func (c *Client) SeekToContext(ctx context.Context, chatID int64, position time.Duration) error {
	return c.seek(ctx, chatID, func(time.Duration) time.Duration { return position })
}

func (c *Client) seek(ctx context.Context, chatID int64, target func(time.Duration) time.Duration) error {
	g, err := c.call(chatID)
	if err != nil {
		return fmt.Errorf("seek: %w", err)
	}
	return g.Seek(ctx, target)
}

// Position returns where in the current source playback is, or where the last one
// ended.
func (c *Client) Position(chatID int64) (time.Duration, error) {
	g, err := c.call(chatID)
	if err != nil {
		return 0, fmt.Errorf("position: %w", err)
	}
	return g.Position(), nil
}

// Pause stops the source where it is: nothing is sent until Resume. It is legal
// before Connect and without a source, and survives a change of source. It
// reports whether the call was not paused before.
func (c *Client) Pause(chatID int64) (bool, error) {
	return c.set(chatID, "pause", instances.Call.SetPaused, true)
}

// Resume goes on where Pause stopped. It reports whether the call was paused.
func (c *Client) Resume(chatID int64) (bool, error) {
	return c.set(chatID, "resume", instances.Call.SetPaused, false)
}

// Mute withholds sound and picture while the source runs on. It is legal
// whenever Pause is. It reports whether the call was not muted before.
func (c *Client) Mute(chatID int64) (bool, error) {
	return c.set(chatID, "mute", instances.Call.SetMuted, true)
}

// Unmute ends Mute; the picture returns with its next key frame, within 2 s. It
// reports whether the call was muted.
func (c *Client) Unmute(chatID int64) (bool, error) {
	return c.set(chatID, "unmute", instances.Call.SetMuted, false)
}

func (c *Client) set(chatID int64, verb string, set func(instances.Call, bool) (bool, error), on bool) (bool, error) {
	g, err := c.call(chatID)
	if err != nil {
		return false, fmt.Errorf("%s: %w", verb, err)
	}
	changed, err := set(g, on)
	if err != nil {
		return false, fmt.Errorf("%s: %w", verb, err)
	}
	return changed, nil
}

// GetState returns what the bot should show of the call in Telegram.
func (c *Client) GetState(chatID int64) (MediaState, error) {
	g, err := c.call(chatID)
	if err != nil {
		return MediaState{}, fmt.Errorf("get state: %w", err)
	}
	return g.State(), nil
}

// Time returns Position in milliseconds.
func (c *Client) Time(chatID int64) (uint64, error) {
	g, err := c.call(chatID)
	if err != nil {
		return 0, fmt.Errorf("time: %w", err)
	}
	return milliseconds(g.Position()), nil
}

// Calls returns every call and how far it has played.
func (c *Client) Calls() map[int64]CallInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	infos := make(map[int64]CallInfo, len(c.byChat))
	for chatID, l := range c.byChat {
		infos[chatID] = CallInfo{CaptureTimeMs: milliseconds(l.call.Position())}
	}
	return infos
}

func milliseconds(d time.Duration) uint64 { return uint64(d / time.Millisecond) }

// AudioSSRC returns the call's audio SSRC, the source of phone.leaveGroupCall.
// It fits a signed 32-bit integer.
func (c *Client) AudioSSRC(chatID int64) (uint32, error) {
	g, err := c.call(chatID)
	if err != nil {
		return 0, fmt.Errorf("audio ssrc: %w", err)
	}
	ssrc, err := g.AudioSSRC()
	if err != nil {
		return 0, fmt.Errorf("audio ssrc: %w", err)
	}
	return ssrc, nil
}

// Stats returns what a call has done so far. It is cheap enough to be called for
// each scrape of a metrics system:
//
//	for chatID := range client.Calls() {
//		s, err := client.Stats(chatID)
//		if err != nil {
//			continue // it ended meanwhile
//		}
//		packetsSent.WithLabelValues("audio").Set(float64(s.Audio.Packets))
//		roundTrip.Observe(s.Audio.RoundTrip.Seconds())
//	}
func (c *Client) Stats(chatID int64) (Stats, error) {
	c.mu.Lock()
	l, err := c.lookup(chatID)
	c.mu.Unlock()
	if err != nil {
		return Stats{}, fmt.Errorf("stats: %w", err)
	}
	return l.stats(), nil
}
