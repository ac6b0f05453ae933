package gotgcall

import (
	"context"
	"fmt"
	"os/exec"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/instances"
	"github.com/gotgcall/gotgcall/internal/peer"
	"github.com/gotgcall/gotgcall/media"
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
	closed bool
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
	c := &Client{byChat: make(map[int64]instances.Call), events: newDispatcher(cfg.logger, cfg.dispatchBuffer)}
	c.calls = instances.Config{
		Logger:         cfg.logger,
		Media:          media.Env{FFmpegPath: cfg.ffmpegPath, Logger: cfg.logger, LogStderr: cfg.ffmpegStderrLog},
		Certs:          peer.NewCertPool(cfg.certPool),
		ConnectTimeout: cfg.connectTimeout,
		StallTimeout:   cfg.stallTimeout,
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
	if err := c.vacant(chatID); err != nil {
		return "", fmt.Errorf("create call: %w", err)
	}
	var call instances.Call
	g, err := instances.NewGroup(c.calls, c.eventsOf(chatID, &call))
	if err != nil {
		return "", fmt.Errorf("create call: %w", err)
	}
	call = g
	params, err := g.Params()
	if err != nil {
		return "", fmt.Errorf("create call: %w", err)
	}
	if err := c.add(chatID, g); err != nil {
		return "", fmt.Errorf("create call: %w", err)
	}
	return params, nil
}

// eventsOf brings what a call tells to its chat. The call is filled in before it
// is added.
func (c *Client) eventsOf(chatID int64, call *instances.Call) instances.Events {
	return instances.Events{
		Ended:      func() { c.forget(chatID, *call) },
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
		return at + time.Duration(deltaMs)*time.Millisecond
	})
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

// StartRTMP is to push the call to Telegram's RTMP ingest instead. This version
// cannot: it returns ErrNotImplemented and starts nothing.
func (c *Client) StartRTMP(chatID int64, _ string) error {
	if err := c.vacant(chatID); err != nil {
		return fmt.Errorf("start rtmp: %w", err)
	}
	return fmt.Errorf("start rtmp: %w", ErrNotImplemented)
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
	for chatID, g := range c.byChat {
		infos[chatID] = CallInfo{CaptureTimeMs: milliseconds(g.Position())}
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
// and last Failed, Timeout or Closed, when the chat is free for another call. A
// later callback replaces an earlier one; nil removes it.
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
	g, err := c.call(chatID)
	if err != nil {
		return Stats{}, fmt.Errorf("stats: %w", err)
	}
	return g.Stats(), nil
}

// Stop ends the chat's call, whatever it is busy with. The chat can have another
// call at once.
func (c *Client) Stop(chatID int64) error {
	c.mu.Lock()
	g, err := c.lookup(chatID)
	delete(c.byChat, chatID)
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
	c.ending.Add(1)
	return nil
}

// forget makes the chat free when its call has ended by itself.
func (c *Client) forget(chatID int64, g instances.Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byChat[chatID] == g {
		delete(c.byChat, chatID)
	}
}
