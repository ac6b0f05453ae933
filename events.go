package gotgcall

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/instances"
	"github.com/gotgcall/gotgcall/internal/serial"
)

// OnStreamEnd sets the callback for the end of a source, called once for each of its
// tracks, video first, when the last frame has been sent, which a viewer sees a
// moment later. A source that was replaced reports nothing. The reason err is
//
//   - nil at the natural end;
//   - [ErrFFmpegCrashed], [ErrFile] when its server went away, [ErrStalled] when no
//     frame came for the stall timeout;
//   - [ErrStopped] or [ErrClosed] when Stop or Close ended it;
//   - [ErrConnectionFailed] when the connection was lost;
//   - whatever [Client.Connect] failed with, for a source that was set before it:
//     [ErrConnectionTimeout], [ErrConnectionFailed], [ErrInvalidParams],
//     [ErrUnsupportedCallMode]; and [ErrConnectionTimeout] when no Connect came for
//     ten minutes;
//   - any other error that the [Stream] of a program's own source returned.
//
// In the callback Ending of [Client.Stats] says whether another track of the same source
// is still to be reported, and Tracks whether a source of [Client.SetNextSource] has begun
// meanwhile. All chats wait while a callback runs: open a source on another goroutine. A
// later callback replaces an earlier one; nil removes it.
func (c *Client) OnStreamEnd(fn func(chatID int64, t StreamType, d Device, err error)) {
	c.events.set(func(cb *callbacks) { cb.streamEnd = fn })
}

// OnConnectionChange sets the callback for the state of a call's connection:
// Connecting, Connected, Disconnected while the server is silent, Connected again,
// and last Failed, Timeout or Closed, when the chat is free for another call. Nothing
// of a call is reported after that, so no event of it comes after the first one of
// the chat's next call. [NetworkInfo.Err] is the reason for Disconnected, Failed and
// Timeout. A later callback replaces an earlier one; nil removes it.
func (c *Client) OnConnectionChange(fn func(chatID int64, info NetworkInfo)) {
	c.events.set(func(cb *callbacks) { cb.connection = fn })
}

// OnUpgrade sets the callback for the flags that the bot has to mirror in Telegram: each
// change by Pause, Resume, Mute and Unmute, and when video begins or ends. Telegram knows
// no state before the join, so whenever a connection has come up, by Connect or after a
// Rejoin, the state is reported again, unless it is that of a participant who has just
// joined: neither muted nor paused, and without video. A later callback replaces an
// earlier one; nil removes it.
//
// The flags go out by phone.editGroupCallParticipant. gogram's own parameters of that
// method always send a volume of 0 too, which Telegram refuses, so a bot on gogram
// declares the request itself, and nil leaves a flag out. adapters/gogram does all this,
// in order and with retries.
//
//	type editParticipant struct {
//		Call               telegram.InputGroupCall
//		Participant        telegram.InputPeer
//		Muted              *bool  `tl:"flag:0"`
//		Volume             *int32 `tl:"flag:1"`
//		RaiseHand          *bool  `tl:"flag:2"`
//		VideoStopped       *bool  `tl:"flag:3"`
//		VideoPaused        *bool  `tl:"flag:4"`
//		PresentationPaused *bool  `tl:"flag:5"`
//	}
//
//	func (*editParticipant) CRC() uint32    { return 0xa5273abf }
//	func (*editParticipant) FlagIndex() int { return 0 }
//
//	client.OnUpgrade(func(chatID int64, s gotgcall.MediaState) {
//		muted := s.Muted || s.Paused && s.VideoStopped // Telegram shows no pause of sound alone
//		paused := s.Paused && !s.VideoStopped
//		// For another goroutine, which hands it to tg.MakeRequestCtx: all chats would wait.
//		edits <- &editParticipant{
//			Call: call, Participant: self, Muted: &muted, VideoStopped: &s.VideoStopped, VideoPaused: &paused,
//		}
//	})
func (c *Client) OnUpgrade(fn func(chatID int64, state MediaState)) {
	c.events.set(func(cb *callbacks) { cb.upgrade = fn })
}

// drainWait bounds how long Close waits for events that were posted before it. When
// Close is called from a callback, they cannot be delivered.
const drainWait = 500 * time.Millisecond

// slowCallback is how long a callback may take before it is named in a warning.
const slowCallback = time.Second

// callbacks are those of the bot; nil where it has set none.
type callbacks struct {
	streamEnd  func(int64, StreamType, Device, error)
	connection func(int64, NetworkInfo)
	upgrade    func(int64, MediaState)
	speaking   func(int64, []Speaker)
	unknown    func(int64, []uint32)
	sinkEnd    func(int64, error)
}

// dispatcher delivers events to the callbacks, in order, one at a time. Nothing is
// dropped: a slow callback delays what comes after it, for other chats too, and is
// named in a warning. One queue for all chats lets a bot keep its state without locks.
type dispatcher struct {
	logger   *slog.Logger
	limit    int // events waiting before a warning
	queue    serial.Queue
	warnings serial.Queue

	mu        sync.Mutex // guards what follows; not held while a callback runs
	callbacks callbacks
}

func newDispatcher(logger *slog.Logger, limit int) *dispatcher {
	return &dispatcher{logger: logger, limit: limit}
}

func (d *dispatcher) set(change func(*callbacks)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.callbacks)
}

// has reports whether the callbacks have what a function looks for.
func (d *dispatcher) has(what func(callbacks) bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return what(d.callbacks)
}

// post queues an event. It never blocks and calls no foreign code, so it may be called
// with a call's lock held. Deliver calls the callback, if there is one, when the
// event's turn has come.
func (d *dispatcher) post(name string, chatID int64, deliver func(callbacks)) {
	waiting := d.queue.Post(func() {
		d.mu.Lock()
		cb := d.callbacks
		d.mu.Unlock()
		slow := time.AfterFunc(slowCallback, func() {
			d.warn("a callback is slow or blocks", "callback", name, "chat", chatID)
		})
		defer slow.Stop()
		deliver(cb)
	})
	// Once for each time the limit is passed, not for each event beyond it.
	if waiting == d.limit+1 {
		d.warn("events are waiting for the callbacks", "waiting", waiting)
	}
}

// warn logs on a goroutine of the queue: the handler is the user's code, and may ask
// the Client for what the caller's lock guards.
func (d *dispatcher) warn(msg string, args ...any) {
	d.warnings.Post(func() { d.logger.Warn(msg, args...) })
}

// close waits up to drainWait for the queued events and warnings, and drops the rest.
func (d *dispatcher) close() {
	ctx, cancel := context.WithTimeout(context.Background(), drainWait)
	defer cancel()
	for _, q := range []*serial.Queue{&d.queue, &d.warnings} {
		_ = q.Wait(ctx) // what is left then is dropped
		q.Close()
	}
}

// entry is a call in the registry, from its creation until its chat is free. It posts
// the call's events to the dispatcher.
type entry struct {
	client *Client
	chatID int64
	call   *instances.Call // set before the entry is added

	mu      sync.Mutex   // guards what follows
	pending []StreamType // ends that OnStreamEnd has not been called for
	ending  []StreamType // of the source whose end it was called for last
	loud    []Speaker    // that OnSpeaking has not been called for; nil: none
	over    bool         // the last events have been posted
}

// SourceEnd posts the end of each track of a source.
func (e *entry) SourceEnd(tracks []StreamType, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pending = append(e.pending, tracks...)
	for i, t := range tracks {
		device := Microphone
		if t == Video {
			device = Camera
		}
		e.client.events.post("OnStreamEnd", e.chatID, func(cb callbacks) {
			e.delivered(tracks[i+1:])
			if cb.streamEnd != nil {
				cb.streamEnd(e.chatID, t, device, err)
			}
		})
	}
}

// delivered takes the oldest end off those that are pending. The rest are the other
// tracks of its source.
func (e *entry) delivered(rest []StreamType) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pending, e.ending = e.pending[1:], rest
}

// stats returns the call's, with the tracks whose end is pending when nothing plays.
func (e *entry) stats() Stats {
	e.mu.Lock()
	pending, ending := slices.Clone(e.pending), slices.Clone(e.ending)
	e.mu.Unlock()
	s := e.call.Stats()
	s.Ending = ending
	if len(s.Tracks) == 0 {
		s.Tracks = pending
	}
	return s
}

// Upgrade posts a change of the mute, pause and video flags.
func (e *entry) Upgrade(state MediaState) {
	e.client.events.post("OnUpgrade", e.chatID, func(cb callbacks) {
		if cb.upgrade != nil {
			cb.upgrade(e.chatID, state)
		}
	})
}

// Connection posts a change of the connection.
func (e *entry) Connection(info NetworkInfo) {
	e.client.events.post("OnConnectionChange", e.chatID, func(cb callbacks) {
		if cb.connection != nil {
			cb.connection(e.chatID, info)
		}
	})
}

// Ended posts the last events and frees the chat in one step: a callback that gets
// them can create the next call, and none of them comes after that call's first.
func (e *entry) Ended(r *instances.Remains, last func()) {
	c := e.client
	c.mu.Lock()
	defer c.mu.Unlock()
	last()
	e.mu.Lock()
	e.over = true
	e.mu.Unlock()
	delete(c.byChat, e.chatID)
	if r != nil {
		c.keepLost(e.chatID, *r)
	}
}

// Gone lets Close return.
func (e *entry) Gone() { e.client.ending.Done() }
