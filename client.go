package gotgcall

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/instances"
	"github.com/gotgcall/gotgcall/internal/ffmpeg"
	"github.com/gotgcall/gotgcall/internal/peer"
	"github.com/gotgcall/gotgcall/internal/play"
	"github.com/gotgcall/gotgcall/models"
)

// Client holds any number of calls, at most one for each chat. It is safe for
// concurrent use; two Clients of one program share nothing. The caller must Close it.
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
	byChat map[int64]*entry
	lost   map[int64]*lostCall
	closed bool
}

// rejoinWithin is how long after its loss a call can be rejoined.
const rejoinWithin = 10 * time.Minute

// lostCall is what remains of a call whose connection was lost.
type lostCall struct {
	instances.Remains
	forget *time.Timer // runs when it can no longer be rejoined
}

func (l *lostCall) age() time.Duration { return time.Since(l.Lost) }

// New returns a Client without calls. It runs ffmpeg once, which takes some 60 ms
// and at most 10 s. The error wraps [ErrFFmpegSpawn] when there is no ffmpeg, when it
// is older than 4.4 or when it was built without libopus or libvpx, and
// [ErrInvalidParams] for an option that New cannot use. The caller must Close the
// Client.
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
		byChat: make(map[int64]*entry),
		lost:   make(map[int64]*lostCall),
		events: newDispatcher(cfg.logger, cfg.dispatchBuffer),
	}
	sockets := peer.NewSocketPool()
	c.calls = instances.Config{
		Logger:         cfg.logger,
		Media:          cfg.mediaEnv(build),
		Certs:          peer.NewCertPool(cfg.certPool),
		ConnectTimeout: cfg.connectTimeout,
		StallTimeout:   cfg.stallTimeout,
		RTMPRetry:      cfg.rtmpRetry,
		Wheel:          play.NewWheel(sockets),
		Peer: peer.Config{
			Logger:       cfg.logger,
			DebugLogs:    cfg.debugLogs,
			ICEServers:   cfg.iceServers,
			NetworkTypes: cfg.networkTypes,
			Disconnected: cfg.disconnected,
			Failed:       cfg.failed,
			Keepalive:    cfg.keepalive,
			Upkeep:       new(peer.Upkeep),
			Sockets:      sockets,
		},
	}
	return c, nil
}

// Close stops every call and the Client. The callbacks still receive the events of
// that, unless one of them blocks for half a second. After Close has returned no
// callback starts, and every method fails with [ErrClosed]. It is idempotent.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	calls := make([]*instances.Call, 0, len(c.byChat))
	for _, e := range c.byChat {
		calls = append(calls, e.call)
	}
	for chatID := range c.lost {
		c.dropLost(chatID)
	}
	c.mu.Unlock()
	for _, call := range calls {
		go call.Stop(models.ErrClosed) // ends with the call; ending waits for it
	}
	c.ending.Wait()
	c.calls.Wheel.Wait()
	c.calls.Certs.Close()
	c.events.close()
	return nil
}

// call returns the chat's call.
func (c *Client) call(chatID int64) (*instances.Call, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, err := c.lookup(chatID)
	if err != nil {
		return nil, err
	}
	return e.call, nil
}

// lookup returns the chat's entry. mu must be held.
func (c *Client) lookup(chatID int64) (*entry, error) {
	if c.closed {
		return nil, ErrClosed
	}
	e, ok := c.byChat[chatID]
	if !ok {
		return nil, fmt.Errorf("%w: chat %d", ErrConnectionNotFound, chatID)
	}
	return e, nil
}

// vacant returns why the chat cannot have a call, or nil.
func (c *Client) vacant(chatID int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lookupVacancy(chatID)
}

// lookupVacancy is vacant with mu held.
func (c *Client) lookupVacancy(chatID int64) error {
	if c.closed {
		return ErrClosed
	}
	if _, ok := c.byChat[chatID]; ok {
		return fmt.Errorf("%w: chat %d", ErrConnectionExists, chatID)
	}
	return nil
}

// add gives the chat its call, which replaces a lost one. It fails unless from, if it
// is not nil, is still the chat's lost call.
func (c *Client) add(e *entry, from *lostCall) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.lookupVacancy(e.chatID); err != nil {
		return err
	}
	if from != nil && c.lost[e.chatID] != from {
		return fmt.Errorf("%w: chat %d", ErrConnectionNotFound, e.chatID)
	}
	c.byChat[e.chatID] = e
	c.dropLost(e.chatID)
	c.ending.Add(1)
	return nil
}

// keepLost keeps a lost call for as long as it can be rejoined. mu must be held.
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

// inspectWithin bounds the first run of ffmpeg, which takes 60 ms when its
// libraries are in memory.
const inspectWithin = 10 * time.Second

// howToInstall follows an error about a missing ffmpeg or codec.
const howToInstall = "install ffmpeg (Debian and Ubuntu: apt install ffmpeg; macOS: brew install ffmpeg; " +
	"Windows: winget install ffmpeg; Fedora: the ffmpeg of RPM Fusion), or give its path with WithFFmpegPath"

// inspectFFmpeg returns the version and codecs of the program. It fails when they do
// not suffice for a call.
func inspectFFmpeg(path string) (ffmpeg.Build, error) {
	ctx, cancel := context.WithTimeout(context.Background(), inspectWithin)
	defer cancel()
	build, err := ffmpeg.Inspect(ctx, path)
	if err != nil {
		return build, err
	}
	return build, build.Require("libopus", "libvpx")
}
