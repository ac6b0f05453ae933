package groupcall

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/serial"
)

// Calls keeps one account in the group calls of its chats, one state machine for each
// chat. It owns the callbacks of its [gotgcall.Client], which must not be set besides;
// everything else of the Client is the bot's to use: SeekTo, Position, SetSound, ….
// Its methods are safe for concurrent use. The caller must Close it.
type Calls struct {
	// immutable after New
	account Account
	client  library
	cfg     config
	limits  *limiter
	life    context.Context // done when Close has let everything go
	end     context.CancelFunc
	work    sync.WaitGroup // one for each request, and one for the reader of events

	notices serial.Queue

	mu     sync.Mutex // guards what follows; held while nothing waits
	chats  map[int64]*chat
	status map[int64]Status
	notify func(Notice)
	dead   error // why the account is of no use; nil while it is
	closed bool
}

// New returns Calls of an account, with a Client that is used for nothing else. It
// listens to the account's events from now on.
func New(account Account, client *gotgcall.Client, opts ...Option) *Calls {
	return newCalls(account, client, opts)
}

// library is what Calls need of a [gotgcall.Client].
type library interface {
	CreateCall(chatID int64) (string, error)
	RejoinContext(ctx context.Context, chatID int64) (string, error)
	ConnectContext(ctx context.Context, chatID int64, answer string) error
	StartRTMP(chatID int64, url string) error
	Stop(chatID int64) error
	Stats(chatID int64) (gotgcall.Stats, error)
	GetState(chatID int64) (gotgcall.MediaState, error)
	Position(chatID int64) (time.Duration, error)
	Pause(chatID int64) (bool, error)
	Resume(chatID int64) (bool, error)
	SetStreamSourcesContext(ctx context.Context, chatID int64, src gotgcall.Source) error
	SeekToContext(ctx context.Context, chatID int64, position time.Duration) error
	SetSound(chatID int64, s gotgcall.Sound) error
	OnStreamEnd(func(int64, gotgcall.StreamType, gotgcall.Device, error))
	OnConnectionChange(func(int64, gotgcall.NetworkInfo))
	OnUpgrade(func(int64, gotgcall.MediaState))
}

func newCalls(account Account, client library, opts []Option) *Calls {
	s := &Calls{
		account: account,
		client:  client,
		cfg:     newConfig(opts),
		chats:   make(map[int64]*chat),
		status:  make(map[int64]Status),
	}
	s.notify = s.cfg.notify
	s.limits = newLimiter(s.cfg.request)
	s.life, s.end = context.WithCancel(context.Background())
	client.OnStreamEnd(s.streamEnded)
	client.OnConnectionChange(s.connectionChanged)
	client.OnUpgrade(func(id int64, _ gotgcall.MediaState) { _ = s.tell(id, func(*chat) {}) })
	s.work.Add(1)
	go s.listen() // ends with life; Close waits for it
	return s
}

// Play plays a source in a chat's call: it finds the call, joins, connects, and returns
// when the source plays. In a call that is joined already the source replaces the
// current one. The source is opened while the account joins.
//
// A source that must wait, for a call to begin or for the end of a flood, fails with a
// *[ParkedError]: it is kept and plays by itself later, which a [Notice] then says. The
// other errors leave nothing behind, but a source that cannot be opened leaves the
// account in the call for another one, 10 s where nothing has been played yet. [Words]
// has a sentence for each. A later Play makes it fail with
// [gotgcall.ErrSourceReplaced], and Leave with [gotgcall.ErrStopped]. When ctx ends
// before, the source is not played. Once Play has returned, ctx has no effect.
func (s *Calls) Play(ctx context.Context, chatID int64, src gotgcall.Source) error {
	return s.PlayAt(ctx, chatID, src, 0)
}

// PlayAt is like [Calls.Play] but begins at a position, if the source can seek.
func (s *Calls) PlayAt(ctx context.Context, chatID int64, src gotgcall.Source, at time.Duration) error {
	if err := s.play(ctx, chatID, &play{src: src, at: at, done: make(chan error, 1)}); err != nil {
		return fmt.Errorf("play: %w", err)
	}
	return nil
}

// Live publishes a source as the live stream of a chat, which it starts if there is no
// call. The account needs the right to manage calls. The stream's key stays inside.
// Errors are those of [Calls.Play], and [ErrNotLiveStream] where the chat has an
// ordinary call. Later sources of the stream are set by Live, too.
func (s *Calls) Live(ctx context.Context, chatID int64, src gotgcall.Source) error {
	if err := s.play(ctx, chatID, &play{src: src, live: true, done: make(chan error, 1)}); err != nil {
		return fmt.Errorf("live: %w", err)
	}
	return nil
}

func (s *Calls) play(ctx context.Context, id int64, p *play) error {
	switch {
	case p.src == nil:
		return fmt.Errorf("%w: nil source", gotgcall.ErrInvalidParams)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	if err := s.open(id, func(c *chat) { c.play(p) }); err != nil {
		return err
	}
	release := context.AfterFunc(ctx, func() {
		_ = s.tell(id, func(c *chat) { c.withdraw(p, context.Cause(ctx)) })
	})
	defer release()
	select {
	case err := <-p.done:
		return err
	case <-s.life.Done():
		return gotgcall.ErrClosed
	}
}

// Leave takes the account out of the chat's call, or withdraws what waits for one. It
// returns when Telegram knows it, after 5 s at most, and is no error where there is
// nothing to leave. The source and its position are forgotten.
func (s *Calls) Leave(ctx context.Context, chatID int64) error {
	out := make(chan struct{})
	if s.tell(chatID, func(c *chat) { c.leave(out, gotgcall.ErrStopped) }) != nil {
		return nil
	}
	select {
	case <-out:
		return nil
	case <-s.life.Done():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("leave: %w", context.Cause(ctx))
	}
}

// Move takes what plays in a chat to the one that it has become, for a program that
// knows of that while the account may not: see [ChatMigrated]. To do it twice is no
// error; a [Moved] follows where there was something to be moved.
func (s *Calls) Move(from, to int64) {
	_ = s.tell(from, func(c *chat) { c.migrated(to) })
}

// Status is what is known of a chat's call.
type Status struct {
	State     State
	Live      bool      // a live stream, published by [Calls.Live]
	Listeners int       // in the call, accounts of the program not counted
	Err       error     // of Parked: why
	Until     time.Time // of Parked
}

// Status returns what is known of a chat's call. The zero value is that of a chat
// without one.
func (s *Calls) Status(chatID int64) Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status[chatID]
}

// State returns where the account stands in a chat's call.
func (s *Calls) State(chatID int64) State { return s.Status(chatID).State }

// Chats returns the state of each chat that is not [Out].
func (s *Calls) Chats() map[int64]State {
	s.mu.Lock()
	defer s.mu.Unlock()
	states := make(map[int64]State, len(s.status))
	for id, status := range s.status {
		if status.State != Out {
			states[id] = status.State
		}
	}
	return states
}

// OnNotice sets the function that receives each [Notice]: in order, one at a time, on
// one goroutine for all chats. It may call any method, but all chats' notices wait for
// it: what takes long belongs on another goroutine. A later function replaces an
// earlier one; nil removes it.
func (s *Calls) OnNotice(f func(Notice)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notify = f
}

// leaveWithin bounds how long leaving a call may take.
const leaveWithin = 5 * time.Second

// drainWait bounds how long Close waits for notices: a callback may be its caller.
const drainWait = 500 * time.Millisecond

// Close leaves every call, within 5 s. After it has returned no notice comes, and
// Play fails with [gotgcall.ErrClosed]. It does not close the Client. It is
// idempotent.
func (s *Calls) Close() error {
	s.mu.Lock()
	s.closed = true
	var outs []chan struct{}
	for _, c := range s.chats {
		out := make(chan struct{})
		outs = append(outs, out)
		c.post(func() { c.leave(out, gotgcall.ErrClosed) })
	}
	s.mu.Unlock()
	limit := time.NewTimer(leaveWithin)
	defer limit.Stop()
	for _, out := range outs {
		select {
		case <-out:
			continue
		case <-limit.C:
		case <-s.life.Done():
		}
		break
	}
	s.client.OnStreamEnd(nil)
	s.client.OnConnectionChange(nil)
	s.client.OnUpgrade(nil)
	s.mu.Lock()
	chats := s.chats
	s.chats = nil
	s.status = nil
	s.mu.Unlock()
	for _, c := range chats {
		c.post(c.shut) // what leave could not finish in time
	}
	for _, c := range chats {
		_ = c.queue.Wait(context.Background()) // nothing on it waits for others
		c.queue.Close()
	}
	s.end()
	ctx, cancel := context.WithTimeout(context.Background(), drainWait)
	defer cancel()
	_ = s.notices.Wait(ctx) // what is left then is dropped
	s.notices.Close()
	s.work.Wait()
	return nil
}

// open runs f for a chat, which is made if there is none.
func (s *Calls) open(id int64, f func(*chat)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return gotgcall.ErrClosed
	}
	if s.dead != nil {
		return s.dead
	}
	c := s.chats[id]
	if c == nil {
		c = newChat(s, id)
		s.chats[id] = c
	}
	c.post(func() { f(c) })
	return nil
}

var errNoChat = errors.New("nothing is known of the chat")

// tell runs f for a chat, if there is one.
func (s *Calls) tell(id int64, f func(*chat)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.chats[id]
	if c == nil {
		return errNoChat
	}
	c.post(func() { f(c) })
	return nil
}

// tellAll runs f for every chat.
func (s *Calls) tellAll(f func(*chat)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.chats {
		c.post(func() { f(c) })
	}
}

// forget drops a chat that is Out, unless something waits for it. It is called on the
// chat's queue.
func (s *Calls) forget(c *chat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.queue.Post(func() {}) == 1 && s.chats[c.id] == c {
		delete(s.chats, c.id)
		delete(s.status, c.id)
	}
}

// publish makes a chat's status known.
func (s *Calls) publish(id int64, status Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status != nil {
		s.status[id] = status
	}
}

// say posts a notice.
func (s *Calls) say(n Notice) {
	s.notices.Post(func() {
		s.mu.Lock()
		notify := s.notify
		s.mu.Unlock()
		if notify != nil {
			notify(n)
		}
	})
}

// retire takes the account out of service: every chat is given up.
func (s *Calls) retire(err error) {
	s.mu.Lock()
	first := s.dead == nil
	if first {
		s.dead = err
	}
	s.mu.Unlock()
	if !first {
		return
	}
	s.say(AccountLost{Err: err})
	s.tellAll(func(c *chat) { c.giveUp(err) })
}

// retired returns why the account is of no use, or nil.
func (s *Calls) retired() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead
}
