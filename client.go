package gotgcall

import (
	"context"
	"fmt"
	"os/exec"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/instances"
	"github.com/gotgcall/gotgcall/internal/peer"
	"github.com/gotgcall/gotgcall/models"
)

// Client holds any number of calls, one for each chat, behind one handle. It is
// safe for concurrent use; two Clients of one program share nothing.
//
// Every callback runs on one goroutine, in order, one at a time. Any method may
// be called from inside a callback, Close too.
type Client struct {
	// immutable after New
	calls  instances.Config
	events *dispatcher
	ending sync.WaitGroup // one for each call that is not quite gone

	mu     sync.Mutex // guards what follows; held for map operations only
	byChat map[int64]instances.Call
	lost   map[int64]lostCall
	closed bool
}

// rejoinWithin is how long a call whose connection was lost can be rejoined.
const rejoinWithin = 10 * time.Minute

// lostCall is what remained of a call, and since when.
type lostCall struct {
	instances.Remains
	at time.Time
}

// New returns a Client without calls. It fails with ErrFFmpegSpawn when there is
// no ffmpeg, and with ErrInvalidParams for an option it cannot use. The caller
// must Close it.
func New(opts ...Option) (*Client, error) {
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, fmt.Errorf("new client: %w", err)
	}
	if _, err := exec.LookPath(cfg.ffmpegPath); err != nil {
		return nil, fmt.Errorf("new client: %w: %w; install ffmpeg (Debian and Ubuntu: apt install ffmpeg; macOS: brew install ffmpeg; "+
			"Windows: winget install ffmpeg), or give its path with WithFFmpegPath", ErrFFmpegSpawn, err)
	}
	c := &Client{
		byChat: make(map[int64]instances.Call),
		lost:   make(map[int64]lostCall),
		events: newDispatcher(cfg.logger, cfg.dispatchBuffer),
	}
	c.calls = instances.Config{
		Logger:         cfg.logger,
		Media:          cfg.mediaEnv(),
		Certs:          peer.NewCertPool(cfg.certPool),
		ConnectTimeout: cfg.connectTimeout,
		StallTimeout:   cfg.stallTimeout,
		RTMPRetry:      cfg.rtmpRetry,
		Peer: peer.Config{
			Logger:       cfg.logger,
			DebugLogs:    cfg.debugLogs,
			ICEServers:   cfg.iceServers,
			NetworkTypes: cfg.networkTypes,
			Disconnected: cfg.disconnected,
			Failed:       cfg.failed,
			Keepalive:    cfg.keepalive,
		},
	}
	if cfg.sharedSockets {
		c.calls.Peer.Sockets = peer.NewSocketPool(c.calls.Peer)
	}
	return c, nil
}

// CreateCall starts a call and returns the JSON for phone.joinGroupCall. It opens
// no socket and takes microseconds. Of concurrent calls for one chat the first
// wins, the others get ErrConnectionExists.
func (c *Client) CreateCall(chatID int64) (string, error) {
	_, params, err := c.create(chatID)
	if err != nil {
		return "", fmt.Errorf("create call: %w", err)
	}
	return params, nil
}

func (c *Client) create(chatID int64) (*instances.Group, string, error) {
	if err := c.vacant(chatID); err != nil {
		return nil, "", err
	}
	var call instances.Call
	g, err := instances.NewGroup(c.calls, c.eventsOf(chatID, &call))
	if err != nil {
		return nil, "", err
	}
	call = g
	params, err := g.Params()
	if err != nil {
		return nil, "", err
	}
	return g, params, c.add(chatID, g)
}

// Rejoin returns the JSON for another phone.joinGroupCall, which is Telegram's only
// way to another connection; Connect takes the answer. It serves a call whose
// connection lives, which plays on until the new one is up, and for ten minutes one
// whose connection was lost: its source is opened again where it was, and pause and
// mute are kept. It blocks until that source has its first frame.
//
// ErrConnectionNotFound: the chat has no such call. ErrConnectionExists: the call is
// just connecting.
func (c *Client) Rejoin(chatID int64) (string, error) {
	c.mu.Lock()
	call, err := c.lookup(chatID)
	lost, wasLost := c.lost[chatID]
	if err != nil && wasLost && !c.closed {
		err = nil
		delete(c.lost, chatID)
	}
	c.mu.Unlock()
	if err != nil {
		return "", fmt.Errorf("rejoin: %w", err)
	}
	if call == nil {
		return c.restore(chatID, lost.Remains)
	}
	g, ok := call.(*instances.Group)
	if !ok {
		return "", fmt.Errorf("rejoin: %w: not a WebRTC call", ErrWrongMode)
	}
	params, err := g.Rejoin()
	if err != nil {
		return "", fmt.Errorf("rejoin: %w", err)
	}
	return params, nil
}

// restore makes a call of what remained of another.
func (c *Client) restore(chatID int64, r instances.Remains) (string, error) {
	g, params, err := c.create(chatID)
	if err != nil {
		return "", fmt.Errorf("rejoin: %w", err)
	}
	if err := g.Restore(context.Background(), r); err != nil {
		g.Stop(models.ErrStopped)
		return "", fmt.Errorf("rejoin: %w", err)
	}
	return params, nil
}

// eventsOf brings what a call tells to its chat. The call is filled in before it
// is added.
func (c *Client) eventsOf(chatID int64, call *instances.Call) instances.Events {
	return instances.Events{
		Ended:      func(r *instances.Remains) { c.forget(chatID, *call, r) },
		StreamEnd:  func(t StreamType, d Device, err error) { c.events.streamEnd(chatID, t, d, err) },
		Upgrade:    func(state MediaState) { c.events.upgrade(chatID, state) },
		Connection: func(info NetworkInfo) { c.events.connection(chatID, info) },
		Gone:       c.ending.Done,
	}
}

// Connect takes the answer to phone.joinGroupCall (the data of
// updateGroupCallConnection) and blocks until media can flow, at most the connect
// timeout.
//
// A failure ends the call, so that CreateCall can be tried again:
// ErrInvalidParams for a malformed answer, ErrUnsupportedCallMode for a broadcast,
// ErrConnectionTimeout, ErrConnectionFailed; ErrStopped or ErrClosed when Stop or
// Close came in between. On a call that is connecting or connected already,
// ErrConnectionExists harms nothing.
func (c *Client) Connect(chatID int64, telegramParams string) error {
	return c.ConnectContext(context.Background(), chatID, telegramParams)
}

// ConnectContext is Connect until ctx ends, which leaves the call as it was:
// another Connect may follow.
func (c *Client) ConnectContext(ctx context.Context, chatID int64, telegramParams string) error {
	g, err := c.call(chatID)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return g.Connect(ctx, telegramParams)
}

// StartRTMP starts a call that is pushed to an RTMP server, Telegram's ingest: the
// URL of phone.getGroupCallStreamRtmpUrl with its key after it, such as
// rtmps://dc4-1.rtmp.t.me/s/KEY. The URL is checked and nothing is opened:
// ErrInvalidParams when it is not rtmp or rtmps, or has no key; ErrConnectionExists
// when the chat has a call, and ErrWrongMode too when that is a WebRTC call. Every
// method but Connect, Rejoin and AudioSSRC (ErrWrongMode) then works as for any call.
//
// The publication begins with the first source, whose EncodeOptions it keeps:
// H.264 of exactly that size and rate, AAC in stereo. It lasts until Stop. What
// plays is letterboxed into it; while nothing does, or Pause or Mute is in force, it
// goes on with silence and the last picture, or black when there is no video. Only
// FromFile and FromURL play here; other sources are ErrInvalidParams.
//
// OnConnectionChange tells of the connection as for any call. Lost, or refused at
// first, it is tried again for WithRTMPRetry, with the source held where it was. A
// server that takes nothing for 10 s, or less than half of the pictures for some
// time, counts as lost. OnStreamEnd has the reason when the call has Failed.
//
// The key is in no error, no log and, but on Windows, no argument of ffmpeg's. The
// certificate of an rtmps server is verified where the system keeps a file of
// authorities, or SSL_CERT_FILE names one.
func (c *Client) StartRTMP(chatID int64, rtmpURL string) error {
	if err := c.vacant(chatID); err != nil {
		if other, _ := c.call(chatID); isGroup(other) {
			err = fmt.Errorf("%w: %w: it is a WebRTC call", err, ErrWrongMode)
		}
		return fmt.Errorf("start rtmp: %w", err)
	}
	var call instances.Call
	r, err := instances.NewRTMP(c.calls, c.eventsOf(chatID, &call), rtmpURL)
	if err != nil {
		return fmt.Errorf("start rtmp: %w", err)
	}
	call = r
	if err := c.add(chatID, r); err != nil {
		return fmt.Errorf("start rtmp: %w", err)
	}
	return nil
}

func isGroup(call instances.Call) bool {
	_, ok := call.(*instances.Group)
	return ok
}

// OnStreamEnd sets the callback that hears when a source has ended, once for each
// of its tracks, video first: with nil at its natural end, ErrFFmpegCrashed,
// ErrConnectionFailed when the connection is lost, ErrStopped or ErrClosed when
// Stop or Close ended it. It hears nothing of a source that was replaced. It is
// called when the last frame has been sent, which a viewer sees a moment later. A
// later callback replaces an earlier one; nil removes it.
func (c *Client) OnStreamEnd(fn func(chatID int64, t StreamType, d Device, err error)) {
	c.events.onStreamEnd(fn)
}

// OnConnectionChange sets the callback that hears of a call's connection:
// Connecting, Connected, Disconnected while the server is silent, Connected again,
// and last Failed, Timeout or Closed, when the chat is free for another call.
// [NetworkInfo.Err] is the reason for Disconnected, Failed and Timeout. A later
// callback replaces an earlier one; nil removes it.
func (c *Client) OnConnectionChange(fn func(chatID int64, info NetworkInfo)) {
	c.events.onConnection(fn)
}

// OnUpgrade sets the callback that hears what the bot has to mirror in Telegram:
// each change by Pause, Resume, Mute and Unmute, and when a picture begins or ends,
// but nothing that changes nothing. A later callback replaces an earlier one; nil
// removes it. With gogram:
//
//	client.OnUpgrade(func(chatID int64, s gotgcall.MediaState) {
//		tg.PhoneEditGroupCallParticipant(&telegram.PhoneEditGroupCallParticipantParams{
//			Call: call, Participant: self,
//			Muted: s.Muted, VideoStopped: s.VideoStopped, VideoPaused: s.Paused,
//		})
//	})
func (c *Client) OnUpgrade(fn func(chatID int64, state MediaState)) { c.events.onUpgrade(fn) }

// Stop ends the chat's call, whatever it is busy with. The chat can have another
// call at once.
func (c *Client) Stop(chatID int64) error {
	c.mu.Lock()
	g, err := c.lookup(chatID)
	delete(c.byChat, chatID)
	delete(c.lost, chatID)
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	g.Stop(models.ErrStopped)
	return nil
}

// Close stops every call and the Client. The callbacks still hear of what that
// ended, unless one of them blocks. After Close returned no callback starts, and
// every method returns ErrClosed. It is idempotent.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	calls := make([]instances.Call, 0, len(c.byChat))
	for _, g := range c.byChat {
		calls = append(calls, g)
	}
	clear(c.byChat)
	c.mu.Unlock()
	for _, g := range calls {
		go g.Stop(models.ErrClosed) // ends with the call; ending waits for it
	}
	c.ending.Wait()
	c.calls.Certs.Close()
	c.events.close()
	return nil
}

// call returns the chat's call.
func (c *Client) call(chatID int64) (instances.Call, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lookup(chatID)
}

// lookup is call for who holds mu.
func (c *Client) lookup(chatID int64) (instances.Call, error) {
	if c.closed {
		return nil, ErrClosed
	}
	g, ok := c.byChat[chatID]
	if !ok {
		return nil, fmt.Errorf("%w: chat %d", ErrConnectionNotFound, chatID)
	}
	return g, nil
}

// vacant reports why the chat cannot have a call.
func (c *Client) vacant(chatID int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lookupVacancy(chatID)
}

func (c *Client) lookupVacancy(chatID int64) error {
	if c.closed {
		return ErrClosed
	}
	if _, ok := c.byChat[chatID]; ok {
		return fmt.Errorf("%w: chat %d", ErrConnectionExists, chatID)
	}
	return nil
}

func (c *Client) add(chatID int64, g instances.Call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.lookupVacancy(chatID); err != nil {
		return err
	}
	c.byChat[chatID] = g
	delete(c.lost, chatID)
	c.ending.Add(1)
	return nil
}

// forget makes the chat free when its call has ended by itself. What remains of a
// lost one waits for Rejoin.
func (c *Client) forget(chatID int64, call instances.Call, r *instances.Remains) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byChat[chatID] != call {
		return
	}
	delete(c.byChat, chatID)
	now := time.Now()
	for other, l := range c.lost {
		if now.Sub(l.at) > rejoinWithin {
			delete(c.lost, other)
		}
	}
	if r != nil {
		c.lost[chatID] = lostCall{*r, now}
	}
}
