package gotgcall

import (
	"context"
	"fmt"

	"github.com/gotgcall/gotgcall/instances"
	"github.com/gotgcall/gotgcall/models"
)

// CreateCall starts a call and returns the JSON for phone.joinGroupCall. It opens
// no socket and takes microseconds. Of concurrent calls for one chat the first
// wins, the others get [ErrConnectionExists].
//
// A call that is not connected for ten minutes, counted from CreateCall or from the
// last [Client.ConnectContext] that gave up, ends with [ErrConnectionTimeout].
func (c *Client) CreateCall(chatID int64) (string, error) {
	call, err := c.create(chatID, nil)
	if err != nil {
		return "", fmt.Errorf("create call: %w", err)
	}
	params, err := call.Join(context.Background())
	if err != nil {
		call.Stop(err)
		return "", fmt.Errorf("create call: %w", err)
	}
	return params, nil
}

// create returns the chat's new call, which goes on with a lost one unless from is
// nil.
func (c *Client) create(chatID int64, from *lostCall) (*instances.Call, error) {
	if err := c.vacant(chatID); err != nil {
		return nil, err
	}
	e := &entry{client: c, chatID: chatID}
	var err error
	if from != nil {
		e.call, err = instances.NewRestored(c.calls, e, from.Remains)
	} else {
		e.call, err = instances.NewGroup(c.calls, e)
	}
	if err != nil {
		return nil, err
	}
	return e.call, c.add(e, from)
}

// Rejoin returns the JSON for another phone.joinGroupCall, which is Telegram's only
// path to another connection; [Client.Connect] takes the answer.
//
// A live call keeps playing on its old connection until the new one is up. A call
// whose connection was lost can be rejoined for ten minutes after the loss, however
// often that fails: its source is reopened at the position of the last packet that
// the server can have received, still paused or muted if it was. A source that
// cannot seek, such as a radio, is opened as by [Client.SetStreamSources]; one that
// has nothing at the position is reported as ended. [Client.Stop] and
// [Client.CreateCall] forget the lost call.
//
// Rejoin blocks until the source of a lost call has its first frame, at most the
// stall timeout, and fails as SetStreamSources does. The error wraps
// [ErrConnectionNotFound] when the chat has no such call, [ErrConnectionExists] when
// the call is connecting or being restored, and [ErrWrongMode] for an RTMP call.
func (c *Client) Rejoin(chatID int64) (string, error) {
	return c.RejoinContext(context.Background(), chatID)
}

// RejoinContext is like [Client.Rejoin] but gives up when ctx is done. A lost call
// can then be rejoined again. Once it has returned, ctx has no effect.
func (c *Client) RejoinContext(ctx context.Context, chatID int64) (string, error) {
	c.mu.Lock()
	e, err := c.lookup(chatID)
	lost := c.lost[chatID]
	c.mu.Unlock()
	var params string
	switch {
	case err == nil:
		params, err = e.call.Rejoin()
	case lost != nil && lost.age() < rejoinWithin:
		params, err = c.restore(ctx, chatID, lost)
	}
	if err != nil {
		return "", fmt.Errorf("rejoin: %w", err)
	}
	return params, nil
}

// restore goes on with a lost call.
func (c *Client) restore(ctx context.Context, chatID int64, lost *lostCall) (string, error) {
	call, err := c.create(chatID, lost)
	if err != nil {
		return "", err
	}
	return call.Join(ctx)
}

// Connect takes the answer to phone.joinGroupCall (the data of
// updateGroupCallConnection) and blocks until media can flow, at most the connect
// timeout.
//
// A failure ends the call, so that CreateCall can be tried again, or Rejoin if the
// call had been connected before. After a Rejoin of a call whose connection lives, a
// failure leaves the call on that connection. The error wraps [ErrInvalidParams] for
// a malformed answer, [ErrUnsupportedCallMode] for a broadcast,
// [ErrConnectionTimeout], [ErrConnectionFailed], [ErrWrongMode] for an RTMP call, and
// [ErrStopped] or [ErrClosed] when Stop or Close came in between. On a call that is
// connecting or connected already, [ErrConnectionExists] harms nothing.
func (c *Client) Connect(chatID int64, telegramParams string) error {
	return c.ConnectContext(context.Background(), chatID, telegramParams)
}

// ConnectContext is like [Client.Connect] but gives up when ctx is done. The call is
// then as it was before, and Connect may be called again.
func (c *Client) ConnectContext(ctx context.Context, chatID int64, telegramParams string) error {
	call, err := c.call(chatID)
	if err == nil {
		err = call.Connect(ctx, telegramParams)
	}
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return nil
}

// StartRTMP starts a call that is published at an RTMP server, Telegram's ingest.
// The URL is that of phone.getGroupCallStreamRtmpUrl with its key after it, such as
// rtmps://dc4-1.rtmp.t.me/s/KEY. StartRTMP checks it and opens nothing. The error
// wraps [ErrInvalidParams] when the URL is not rtmp or rtmps, or has no key,
// [ErrConnectionExists] when the chat has a call, and [ErrWrongMode] too when that is
// a WebRTC call, and [ErrFFmpegSpawn] when ffmpeg was built without libx264 or aac.
// [Client.Connect], [Client.Rejoin] and [Client.AudioSSRC] then fail with
// [ErrWrongMode]; every other method works as for any call.
//
// The publication begins with the first source, whose [EncodeOptions] it keeps:
// H.264 of exactly that size and rate, AAC in stereo. It lasts until Stop. What
// plays is letterboxed into it. While nothing plays, or Pause or Mute is in force, it
// goes on with silence and the last picture, or black when there is no video. Only
// [FromFile] and [FromURL] play here; other sources fail with [ErrInvalidParams].
//
// [Client.OnConnectionChange] reports the connection as for any call. A connection
// that is lost, or cannot be made at first, is retried for [WithRTMPRetry], with the
// source held where it was; the encoder runs on, and the server gets a publication
// from time 0. A server that takes nothing for 10 s, or less than half of the pictures
// for some time, counts as lost. When the call has Failed, [Client.OnStreamEnd] and
// [NetworkInfo] have the reason.
//
// The call fails at once, with [ErrPublishRefused], when the server refuses the
// stream key twice; with [ErrFFmpegCrashed] when ffmpeg cannot encode; and when the
// certificate of an rtmps server is not valid. A server that has taken the key before
// is retried like any other that is lost.
//
// The key stays in this process: it is in no error, no log, and no argument or
// environment of ffmpeg. The certificate of an rtmps server is verified by
// crypto/x509, with SSL_CERT_FILE where that reads it.
func (c *Client) StartRTMP(chatID int64, rtmpURL string) error {
	if err := c.vacant(chatID); err != nil {
		if other, _ := c.call(chatID); other != nil && other.Kind() != instances.RTMP {
			err = fmt.Errorf("%w: %w: it is %s", err, ErrWrongMode, other.Kind())
		}
		return fmt.Errorf("start rtmp: %w", err)
	}
	if err := c.ffmpeg.Require("libx264", "aac"); err != nil {
		return fmt.Errorf("start rtmp: %w; %s", err, howToInstall)
	}
	e := &entry{client: c, chatID: chatID}
	var err error
	if e.call, err = instances.NewRTMP(c.calls, e, rtmpURL); err == nil {
		err = c.add(e, nil)
	}
	if err != nil {
		return fmt.Errorf("start rtmp: %w", err)
	}
	return nil
}

// Stop ends the chat's call in whatever state it is. The chat can have another call at
// once. Stop also forgets what [Client.Rejoin] would go on with.
func (c *Client) Stop(chatID int64) error {
	c.mu.Lock()
	e, err := c.lookup(chatID)
	c.dropLost(chatID)
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	if !e.call.Stop(models.ErrStopped) {
		// It has ended by itself, or by another Stop, meanwhile.
		c.mu.Lock()
		defer c.mu.Unlock()
		c.dropLost(chatID)
		return fmt.Errorf("stop: %w: chat %d", ErrConnectionNotFound, chatID)
	}
	return nil
}

// Calls returns every call by its chat, and how far it has played.
func (c *Client) Calls() map[int64]CallInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	infos := make(map[int64]CallInfo, len(c.byChat))
	for chatID, e := range c.byChat {
		infos[chatID] = CallInfo{CaptureTimeMs: milliseconds(e.call.Position())}
	}
	return infos
}

// AudioSSRC returns the call's audio SSRC, the source of phone.leaveGroupCall.
// It fits a signed 32-bit integer. For an RTMP call it fails with [ErrWrongMode].
func (c *Client) AudioSSRC(chatID int64) (uint32, error) {
	var ssrc uint32
	call, err := c.call(chatID)
	if err == nil {
		ssrc, err = call.AudioSSRC()
	}
	if err != nil {
		return 0, fmt.Errorf("audio ssrc: %w", err)
	}
	return ssrc, nil
}

// Stats returns the counters of a call. It is cheap enough to be called for each
// scrape of a metrics system:
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
	e, err := c.lookup(chatID)
	c.mu.Unlock()
	if err != nil {
		return Stats{}, fmt.Errorf("stats: %w", err)
	}
	return e.stats(), nil
}
