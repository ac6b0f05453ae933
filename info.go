package gotgcall

import (
	"fmt"
	"time"
)

// Duration returns where the current source ends, counted as [Client.Position] is. It is
// known as soon as [Client.SetStreamSources] has returned.
//
// The error wraps [ErrLive] when the source is live, [ErrDurationUnknown] when it does not
// say, as a command that is not ffmpeg's or a server that sends no length, and
// [ErrNoSource] when nothing is playing. The duration is then 0.
func (c *Client) Duration(chatID int64) (time.Duration, error) {
	info, err := c.sourceInfo(chatID)
	switch {
	case err != nil:
	case info.Live:
		err = ErrLive
	case info.Duration == 0:
		err = ErrDurationUnknown
	default:
		return info.Duration, nil
	}
	return 0, fmt.Errorf("duration: %w", err)
}

// SourceInfo returns what the current source says of itself: its duration and its tags.
// The error wraps [ErrNoSource] when nothing is playing.
func (c *Client) SourceInfo(chatID int64) (SourceInfo, error) {
	info, err := c.sourceInfo(chatID)
	if err != nil {
		return SourceInfo{}, fmt.Errorf("source info: %w", err)
	}
	return info, nil
}

func (c *Client) sourceInfo(chatID int64) (SourceInfo, error) {
	call, err := c.call(chatID)
	if err != nil {
		return SourceInfo{}, err
	}
	info, ok := call.SourceInfo()
	if !ok {
		return SourceInfo{}, ErrNoSource
	}
	return info, nil
}
