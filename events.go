package gotgcall

// OnStreamEnd sets the callback for the end of a source, called once for each of its
// tracks, video first, when the last frame has been sent, which a viewer sees a
// moment later. A source that was replaced reports nothing. The reason err is
//
//   - nil at the natural end;
//   - [ErrFFmpegCrashed], [ErrFile] when its server went away, [ErrStalled] when it
//     gave nothing for the stall timeout;
//   - [ErrStopped] or [ErrClosed] when Stop or Close ended it;
//   - [ErrConnectionFailed] when the connection was lost;
//   - whatever [Client.Connect] failed with, for a source that was set before it:
//     [ErrConnectionTimeout], [ErrConnectionFailed], [ErrInvalidParams],
//     [ErrUnsupportedCallMode]; and [ErrConnectionTimeout] when no Connect came for
//     ten minutes;
//   - any other error that the [Stream] of a program's own source returned.
//
// In the callback [Client.Stats] says in Tracks whether another track of the same
// source is still to be reported. Opening the next source takes time, which all chats
// would wait for: do it on a goroutine. A later callback replaces an earlier one; nil
// removes it.
func (c *Client) OnStreamEnd(fn func(chatID int64, t StreamType, d Device, err error)) {
	c.events.onStreamEnd(fn)
}

// OnConnectionChange sets the callback for the state of a call's connection:
// Connecting, Connected, Disconnected while the server is silent, Connected again,
// and last Failed, Timeout or Closed, when the chat is free for another call. Nothing
// of a call is reported after that, so no event of it comes after the first one of
// the chat's next call. [NetworkInfo.Err] is the reason for Disconnected, Failed and
// Timeout. A later callback replaces an earlier one; nil removes it.
func (c *Client) OnConnectionChange(fn func(chatID int64, info NetworkInfo)) {
	c.events.onConnection(fn)
}

// OnUpgrade sets the callback for what the bot has to mirror in Telegram: each change
// by Pause, Resume, Mute and Unmute, and when a picture begins or ends, but nothing
// that changes nothing. Before the join Telegram cannot be told, so whenever a
// connection has come up, by Connect or after a Rejoin, the state is reported once
// more, unless it is that of a participant who has just joined: neither muted nor
// paused, and without video. A later callback replaces an earlier one; nil removes
// it. With gogram:
//
//	client.OnUpgrade(func(chatID int64, s gotgcall.MediaState) {
//		tg.PhoneEditGroupCallParticipant(&telegram.PhoneEditGroupCallParticipantParams{
//			Call: call, Participant: self,
//			Muted: s.Muted, VideoStopped: s.VideoStopped, VideoPaused: s.Paused,
//		})
//	})
func (c *Client) OnUpgrade(fn func(chatID int64, state MediaState)) { c.events.onUpgrade(fn) }
