package gotgcall

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/gotgcall/gotgcall/instances"
)

// SetStreamSources opens a source and replaces the current one with it, which plays
// until the new one is ready. It may be called before Connect: the source then plays
// from its start when the connection is up. It blocks until the source has its first
// frame, at most the stall timeout, and never for the connection.
//
// When the source cannot be opened the old one goes on playing. The error wraps
// [ErrFile], [ErrStalled], [ErrFFmpegSpawn] or [ErrInvalidParams], or
// [ErrSourceReplaced] when a later SetStreamSources won.
func (c *Client) SetStreamSources(chatID int64, src Source) error {
	return c.SetStreamSourcesContext(context.Background(), chatID, src)
}

// SetStreamSourcesContext is like [Client.SetStreamSources] but gives up when ctx is
// done; the old source then goes on playing. Once it has returned, ctx has no effect.
func (c *Client) SetStreamSourcesContext(ctx context.Context, chatID int64, src Source) error {
	call, err := c.call(chatID)
	if err == nil {
		err = call.SetSource(ctx, src)
	}
	if err != nil {
		return fmt.Errorf("set stream sources: %w", err)
	}
	return nil
}

// SetNextSource opens a source that begins when the current one has ended: on the same
// clock, its first frame is due where the last one of the current source ends. It begins
// at once when nothing plays. It blocks and fails as [Client.SetStreamSources] does; an
// error changes nothing.
//
// There is one next source: a later SetNextSource replaces it, nil takes it back, and a
// later SetStreamSources closes it when its own source is open. It begins after a source
// that fails, too, and at once when [Client.SeekTo] goes past the end. It stays through
// any other seek, Pause, Mute and a [Client.Rejoin], which opens it again. When OnStreamEnd
// is called for the source before it, it plays.
//
// [Client.OnStreamEnd] reports the end of each source that has begun. While it waits,
// the source costs a blocked encoder, as a paused one does: its server may hang up. A
// file in ranges is then resumed, a live source begins with what had arrived, and any
// other ends with [ErrFile] when its turn has come, so it should not wait for long.
//
// Between two files the sound is silent for Opus' look-ahead of 6.5 ms and the rest of
// the last packet, less than 20 ms. In an RTMP call not a sample is between them.
func (c *Client) SetNextSource(chatID int64, src Source) error {
	return c.SetNextSourceContext(context.Background(), chatID, src)
}

// SetNextSourceContext is like [Client.SetNextSource] but gives up when ctx is done. Once
// it has returned, ctx has no effect.
func (c *Client) SetNextSourceContext(ctx context.Context, chatID int64, src Source) error {
	call, err := c.call(chatID)
	if err == nil {
		err = call.SetNext(ctx, src)
	}
	if err != nil {
		return fmt.Errorf("set next source: %w", err)
	}
	return nil
}

// SeekBy moves the position of the current source by deltaMs milliseconds, which may
// be negative; see [Client.SeekTo].
func (c *Client) SeekBy(chatID int64, deltaMs int64) error {
	return c.seek(context.Background(), chatID, func(at time.Duration) time.Duration {
		return shift(at, deltaMs)
	})
}

// shift returns a position, which is not negative, moved by milliseconds and clamped
// to what a time.Duration holds.
func shift(at time.Duration, deltaMs int64) time.Duration {
	switch room := (math.MaxInt64 - at) / time.Millisecond; {
	case deltaMs > int64(room):
		return math.MaxInt64
	case deltaMs < -int64(at/time.Millisecond):
		return 0
	}
	return at + time.Duration(deltaMs)*time.Millisecond
}

// SeekTo plays the current source from a position. The old position goes on playing
// until the new one is ready; a paused call stays paused, at the new position. A
// position before the start is the start; one past the end is the natural end, which
// [Client.OnStreamEnd] reports. It blocks as [Client.SetStreamSources] does.
//
// The error wraps [ErrNoSource] when nothing is playing, [ErrSeekUnsupported] when
// the source is live or its server cannot seek, and [ErrSourceReplaced] when a later
// seek or source won.
func (c *Client) SeekTo(chatID int64, position time.Duration) error {
	return c.SeekToContext(context.Background(), chatID, position)
}

// SeekToContext is like [Client.SeekTo] but gives up when ctx is done; the old
// position then goes on playing.
func (c *Client) SeekToContext(ctx context.Context, chatID int64, position time.Duration) error {
	return c.seek(ctx, chatID, func(time.Duration) time.Duration { return position })
}

func (c *Client) seek(ctx context.Context, chatID int64, target func(time.Duration) time.Duration) error {
	call, err := c.call(chatID)
	if err == nil {
		err = call.Seek(ctx, target)
	}
	if err != nil {
		return fmt.Errorf("seek: %w", err)
	}
	return nil
}

// Pause stops the source where it is: nothing is sent until Resume. It is legal
// before Connect and without a source, and survives a change of source. It
// reports whether the call was not paused before.
func (c *Client) Pause(chatID int64) (bool, error) {
	return c.set(chatID, "pause", (*instances.Call).SetPaused, true)
}

// Resume goes on where Pause stopped. It reports whether the call was paused.
func (c *Client) Resume(chatID int64) (bool, error) {
	return c.set(chatID, "resume", (*instances.Call).SetPaused, false)
}

// Mute withholds sound and picture while the source runs on. It is legal
// whenever Pause is. It reports whether the call was not muted before.
func (c *Client) Mute(chatID int64) (bool, error) {
	return c.set(chatID, "mute", (*instances.Call).SetMuted, true)
}

// Unmute ends Mute; the picture returns with its next key frame, within 2 s. It
// reports whether the call was muted.
func (c *Client) Unmute(chatID int64) (bool, error) {
	return c.set(chatID, "unmute", (*instances.Call).SetMuted, false)
}

func (c *Client) set(chatID int64, verb string, set func(*instances.Call, bool) (bool, error), on bool) (bool, error) {
	var changed bool
	call, err := c.call(chatID)
	if err == nil {
		changed, err = set(call, on)
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", verb, err)
	}
	return changed, nil
}

// GetState returns what the bot should show of the call in Telegram.
func (c *Client) GetState(chatID int64) (MediaState, error) {
	call, err := c.call(chatID)
	if err != nil {
		return MediaState{}, fmt.Errorf("get state: %w", err)
	}
	return call.State(), nil
}

// Position returns where in the current source playback is, or where the last one
// ended. For a call whose connection was lost it is where [Client.Rejoin] goes on.
func (c *Client) Position(chatID int64) (time.Duration, error) {
	c.mu.Lock()
	e, err := c.lookup(chatID)
	lost := c.lost[chatID]
	c.mu.Unlock()
	switch {
	case err == nil:
		return e.call.Position(), nil
	case lost != nil:
		return lost.Position, nil
	}
	return 0, fmt.Errorf("position: %w", err)
}

// Time returns [Client.Position] in milliseconds.
func (c *Client) Time(chatID int64) (uint64, error) {
	at, err := c.Position(chatID)
	if err != nil {
		return 0, fmt.Errorf("time: %w", err)
	}
	return milliseconds(at), nil
}

func milliseconds(d time.Duration) uint64 { return uint64(d / time.Millisecond) }
