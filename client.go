package gotgcall

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/instances"
	"github.com/gotgcall/gotgcall/internal/ffmpeg"
	"github.com/gotgcall/gotgcall/internal/peer"
	"github.com/gotgcall/gotgcall/models"
)

// Client holds any number of calls, one for each chat, behind one handle. It is
// safe for concurrent use; two Clients of one program share nothing. The caller must
// Close it.
//
// A method fails with [ErrClosed] after Close, and with [ErrConnectionNotFound] for a
// chat without a call. Every other error leaves the call as it was, except that of
// [Client.Connect].
//
// Every callback runs on one goroutine, in order, one at a time. Any method may
// be called from inside a callback, Close too. As in any Go program, a panic in a
// callback ends the program; a callback that calls runtime.Goexit ends alone.
type Client struct {
	// immutable after New
	ffmpeg ffmpeg.Build
	calls  instances.Config
	events *dispatcher
	ending sync.WaitGroup // one for each call that is not quite gone

	mu     sync.Mutex // guards what follows; held for map operations, and to free a chat with its last events
	byChat map[int64]*life
	lost   map[int64]*lostCall
	closed bool
}

// rejoinWithin is how long after its loss a call can be rejoined.
const rejoinWithin = 10 * time.Minute

// lostCall is what remained of a call.
type lostCall struct {
	instances.Remains
	forget *time.Timer // when it can no longer be rejoined
}

func (l *lostCall) age() time.Duration { return time.Since(l.Lost) }

// New returns a Client without calls. It runs ffmpeg once, which takes some 60 ms
// and at most 10 s, and fails with ErrFFmpegSpawn when there is none, when it is
// older than 4.4 or when it was built without libopus or libvpx; and with
// ErrInvalidParams for an option it cannot use. The caller must Close it.
func New(opts ...Option) (*Client, error) {
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, fmt.Errorf("new client: %w", err)
	}
	build, err := inspectFFmpeg(cfg.ffmpegPath)
	if err != nil {
		return nil, fmt.Errorf("new client: %w; %s", err, howToInstall)
	}
	c := &Client{
		ffmpeg: build,
		byChat: make(map[int64]*life),
		lost:   make(map[int64]*lostCall),
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
// wins, the others get [ErrConnectionExists].
//
// A call that is not connected for ten minutes, counted from CreateCall or from the
// last [Client.ConnectContext] that was called off, ends with [ErrConnectionTimeout].
func (c *Client) CreateCall(chatID int64) (string, error) {
	g, err := c.create(chatID, nil)
	if err != nil {
		return "", fmt.Errorf("create call: %w", err)
	}
	g.Begin()
	params, err := g.Params()
	if err != nil {
		g.Stop(err)
		return "", fmt.Errorf("create call: %w", err)
	}
	return params, nil
}

// create makes the chat's call, out of what remained of another or new.
func (c *Client) create(chatID int64, from *lostCall) (*instances.Group, error) {
	if err := c.vacant(chatID); err != nil {
		return nil, err
	}
	l := &life{client: c, chatID: chatID}
	var g *instances.Group
	var err error
	if from != nil {
		g, err = instances.NewRestored(c.calls, l, from.Remains)
	} else {
		g, err = instances.NewGroup(c.calls, l)
	}
	if err != nil {
		return nil, err
	}
	l.call = g
	return g, c.add(l, from)
}

// Rejoin returns the JSON for another phone.joinGroupCall, which is Telegram's only
// way to another connection; [Client.Connect] takes the answer.
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
// stall timeout, and fails as SetStreamSources does. [ErrConnectionNotFound]: the
// chat has no such call. [ErrConnectionExists]: the call is connecting or being
// restored.
func (c *Client) Rejoin(chatID int64) (string, error) {
	return c.RejoinContext(context.Background(), chatID)
}

// RejoinContext is like [Client.Rejoin] but gives up when ctx is done. A lost call
// can then be rejoined again. Once it has returned, ctx has no effect.
func (c *Client) RejoinContext(ctx context.Context, chatID int64) (string, error) {
	c.mu.Lock()
	l, err := c.lookup(chatID)
	lost := c.lost[chatID]
	c.mu.Unlock()
	var params string
	switch {
	case err == nil:
		params, err = l.rejoin()
	case lost != nil && lost.age() < rejoinWithin:
		params, err = c.restore(ctx, chatID, lost)
	}
	if err != nil {
		return "", fmt.Errorf("rejoin: %w", err)
	}
	return params, nil
}

// restore makes a call of a lost one.
func (c *Client) restore(ctx context.Context, chatID int64, lost *lostCall) (string, error) {
	g, err := c.create(chatID, lost)
	if err != nil {
		return "", err
	}
	return g.Restore(ctx)
}

// Connect takes the answer to phone.joinGroupCall (the data of
// updateGroupCallConnection) and blocks until media can flow, at most the connect
// timeout.
//
// A failure ends the call, so that CreateCall can be tried again, or Rejoin if the
// call had been connected before. After a Rejoin of a call whose connection lives, it
// leaves the call on that connection. The errors are [ErrInvalidParams] for a malformed
// answer, [ErrUnsupportedCallMode] for a broadcast, [ErrConnectionTimeout],
// [ErrConnectionFailed], and [ErrStopped] or [ErrClosed] when Stop or Close came in
// between. On a call that is connecting or connected already, [ErrConnectionExists]
// harms nothing.
func (c *Client) Connect(chatID int64, telegramParams string) error {
	return c.ConnectContext(context.Background(), chatID, telegramParams)
}

// ConnectContext is like [Client.Connect] but gives up when ctx is done. The call is
// left as it was, and Connect may be called again.
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
// when the chat has a call, and ErrWrongMode too when that is a WebRTC call;
// ErrFFmpegSpawn when ffmpeg was built without libx264 or aac. Every
// method but Connect, Rejoin and AudioSSRC (ErrWrongMode) then works as for any call.
//
// The publication begins with the first source, whose EncodeOptions it keeps:
// H.264 of exactly that size and rate, AAC in stereo. It lasts until Stop. What
// plays is letterboxed into it; while nothing does, or Pause or Mute is in force, it
// goes on with silence and the last picture, or black when there is no video. Only
// FromFile and FromURL play here; other sources are ErrInvalidParams.
//
// OnConnectionChange reports the connection as for any call. Lost, or not to be had
// at first, it is tried again for WithRTMPRetry, with the source held where it was;
// the encoder runs on, and the server gets a publication from time 0. A server that
// takes nothing for 10 s, or less than half of the pictures for some time, counts as
// lost. OnStreamEnd has the reason when the call has Failed, as has NetworkInfo.Err.
//
// The call fails at once, with ErrPublishRefused, when the server does not take the
// stream key, which is given twice; with ErrFFmpegCrashed when ffmpeg cannot encode,
// as without libx264; and when the certificate of an rtmps server is not valid. A
// server that has taken the key before is tried like any other that is lost.
//
// The key stays in this process: it is in no error, no log, and no argument or
// environment of ffmpeg. The certificate of an rtmps server is verified by
// crypto/x509, with SSL_CERT_FILE where that reads it.
func (c *Client) StartRTMP(chatID int64, rtmpURL string) error {
	if err := c.vacant(chatID); err != nil {
		if other, _ := c.call(chatID); isGroup(other) {
			err = fmt.Errorf("%w: %w: it is a WebRTC call", err, ErrWrongMode)
		}
		return fmt.Errorf("start rtmp: %w", err)
	}
	if err := c.ffmpeg.Require("libx264", "aac"); err != nil {
		return fmt.Errorf("start rtmp: %w; %s", err, howToInstall)
	}
	l := &life{client: c, chatID: chatID}
	r, err := instances.NewRTMP(c.calls, l, rtmpURL)
	if err != nil {
		return fmt.Errorf("start rtmp: %w", err)
	}
	l.call = r
	if err := c.add(l, nil); err != nil {
		return fmt.Errorf("start rtmp: %w", err)
	}
	return nil
}

func isGroup(call instances.Call) bool {
	_, ok := call.(*instances.Group)
	return ok
}

// Stop ends the chat's call, whatever it is busy with. The chat can have another
// call at once. Stop also forgets what [Client.Rejoin] would go on with.
func (c *Client) Stop(chatID int64) error {
	c.mu.Lock()
	l, err := c.lookup(chatID)
	c.dropLost(chatID)
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	if !l.call.Stop(models.ErrStopped) {
		// It has ended by itself, or by another Stop, meanwhile.
		c.mu.Lock()
		defer c.mu.Unlock()
		c.dropLost(chatID)
		return fmt.Errorf("stop: %w: chat %d", ErrConnectionNotFound, chatID)
	}
	return nil
}

// Close stops every call and the Client. The callbacks still hear of what that
// ended, unless one of them blocks. After Close returned no callback starts, and
// every method returns ErrClosed. It is idempotent.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	calls := make([]instances.Call, 0, len(c.byChat))
	for _, l := range c.byChat {
		calls = append(calls, l.call)
	}
	for chatID := range c.lost {
		c.dropLost(chatID)
	}
	c.mu.Unlock()
	for _, call := range calls {
		go call.Stop(models.ErrClosed) // ends with the call; ending waits for it
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
	l, err := c.lookup(chatID)
	if err != nil {
		return nil, err
	}
	return l.call, nil
}

// lookup returns the chat's life. mu must be held.
func (c *Client) lookup(chatID int64) (*life, error) {
	if c.closed {
		return nil, ErrClosed
	}
	l, ok := c.byChat[chatID]
	if !ok {
		return nil, fmt.Errorf("%w: chat %d", ErrConnectionNotFound, chatID)
	}
	return l, nil
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

// add gives a chat its call, which takes the place of a lost one: of from, if it is
// made of that.
func (c *Client) add(l *life, from *lostCall) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.lookupVacancy(l.chatID); err != nil {
		return err
	}
	if from != nil && c.lost[l.chatID] != from {
		return fmt.Errorf("%w: chat %d", ErrConnectionNotFound, l.chatID)
	}
	c.byChat[l.chatID] = l
	c.dropLost(l.chatID)
	c.ending.Add(1)
	return nil
}

// keepLost keeps what remains of a lost call for as long as it can be rejoined. mu
// must be held.
func (c *Client) keepLost(chatID int64, r instances.Remains) {
	lost := &lostCall{Remains: r}
	left := rejoinWithin - lost.age()
	if c.closed || left <= 0 {
		return
	}
	lost.forget = time.AfterFunc(left, func() { // stopped by dropLost; takes mu for a moment
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.lost[chatID] == lost {
			delete(c.lost, chatID)
		}
	})
	c.lost[chatID] = lost
}

// dropLost forgets the chat's lost call. mu must be held.
func (c *Client) dropLost(chatID int64) {
	if lost, ok := c.lost[chatID]; ok {
		lost.forget.Stop()
		delete(c.lost, chatID)
	}
}
