package bot

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
)

// speaker keeps the messages of one chat as they should be, within the chat's budget. A
// message that changes while it waits for its turn is sent as it is then, so that what is
// shown is late, never old. A request that is not answered holds up its message alone.
type speaker struct {
	m       telegram.Messenger
	log     *slog.Logger
	all     *rate.Limiter // of all chats
	request time.Duration
	pace    time.Duration // between edits for progress
	wake    chan struct{} // holds one while there may be work

	mu     sync.Mutex // guards what follows, and the notes; not held while Telegram is asked
	budget budget
	floor  time.Time // nothing is sent before it: Telegram said so
	due    []*note   // to be sent, edited or deleted
}

// note is a message of the bot. Its fields are guarded by the speaker's mu.
type note struct {
	place  telegram.Place
	want   telegram.Message
	class  class
	gone   bool    // to be deleted
	old    []*note // to be deleted when this one has been sent
	sent   func(id int)
	busy   bool // is being sent, edited or deleted
	fails  int  // of edits in a row
	id     int  // 0: not sent
	shown  telegram.Message
	edited time.Time
}

// editEvery is the least time between two edits of a message.
const editEvery = time.Second

// tries is how often an edit is tried when Telegram does not answer.
const tries = 3

// silence is how long nothing is tried in a chat in which the bot may not write.
const silence = time.Minute

// maxDue is how many messages may wait in a chat. Older answers are dropped then.
const maxDue = 32

// say sends a message. Those of old are deleted when it is there. sent, if not nil, is
// called with the message's id, from another goroutine.
func (s *speaker) say(to telegram.Place, m telegram.Message, c class, sent func(id int), old ...*note) *note {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := &note{place: to, want: m, class: c, sent: sent}
	for _, o := range old {
		if o == nil || o.gone {
			continue
		}
		if o.id != 0 {
			n.old = append(n.old, o)
			continue
		}
		// Never seen: what it was to replace is for n to replace. It is deleted if it is
		// just being sent.
		n.old = append(n.old, o.old...)
		o.gone = true
		s.remove(o)
	}
	if len(s.due) >= maxDue {
		s.due = slices.Delete(s.due, 0, 1)
	}
	s.add(n)
	return n
}

// known returns a message that was sent before the bot was started.
func known(to telegram.Place, id int) *note { return &note{place: to, id: id} }

// change changes a message, or what it is going to be.
func (s *speaker) change(n *note, m telegram.Message, c class) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.gone || reflect.DeepEqual(n.want, m) {
		return
	}
	n.want = m
	if !slices.Contains(s.due, n) || c < n.class {
		n.class = c
	}
	s.add(n)
}

// become makes a message the one whose id sent is called with.
func (s *speaker) become(n *note, m telegram.Message, sent func(id int)) {
	s.change(n, m, card)
	s.mu.Lock()
	n.sent = sent
	id := n.id
	s.mu.Unlock()
	if id != 0 {
		sent(id)
	}
}

// drop deletes a message, or does not send it.
func (s *speaker) drop(notes ...*note) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range notes {
		if n != nil && !n.gone {
			s.dropLocked(n)
		}
	}
}

func (s *speaker) dropLocked(n *note) {
	n.gone = true
	for _, o := range n.old {
		if !o.gone {
			s.dropLocked(o)
		}
	}
	n.old = nil
	s.add(n)
}

// add puts a note among those that are due. mu must be held.
func (s *speaker) add(n *note) {
	if !slices.Contains(s.due, n) {
		s.due = append(s.due, n)
	}
	s.arouse()
}

// arouse has one more look at what is due.
func (s *speaker) arouse() {
	select {
	case s.wake <- struct{}{}:
	default: // it will
	}
}

// remove takes a note out of those that are due. mu must be held.
func (s *speaker) remove(n *note) {
	s.due = slices.DeleteFunc(s.due, func(o *note) bool { return o == n })
}

// forget drops all that waits, and lets nothing be sent any longer for what was sent.
func (s *speaker) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due = nil
}

// atOnce is how many requests of a chat are under way.
const atOnce = 2

// run sends what is due until ctx ends.
func (s *speaker) run(ctx context.Context) {
	var others sync.WaitGroup
	for range atOnce - 1 {
		others.Go(func() { s.work(ctx) }) // ends with ctx; waited for below
	}
	s.work(ctx)
	others.Wait()
}

func (s *speaker) work(ctx context.Context) {
	for ctx.Err() == nil {
		n, wait := s.pick()
		if n != nil {
			s.do(ctx, n)
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-s.wake:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// pick returns the first note whose time has come, or how long to wait for one.
func (s *speaker) pick() (*note, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if wait := s.floor.Sub(now); wait > 0 {
		return nil, wait
	}
	least := time.Hour
	for _, n := range s.due {
		if n.busy {
			continue // done looks at it again
		}
		wait := s.wait(n, now)
		if wait <= 0 {
			s.remove(n)
			n.busy = true
			s.arouse() // there may be more
			return n, 0
		}
		least = min(least, wait)
	}
	return nil, least
}

// wait returns how long a note has to wait. mu must be held.
func (s *speaker) wait(n *note, now time.Time) time.Duration {
	if n.gone {
		return 0
	}
	wait := s.budget.wait(n.class, now)
	if n.id != 0 {
		pace := editEvery
		if n.class == progress {
			pace = s.pace
		}
		wait = max(wait, pace-now.Sub(n.edited))
	}
	return wait
}

// do makes a note what it should be.
func (s *speaker) do(ctx context.Context, n *note) {
	s.mu.Lock()
	gone, id, want, place := n.gone, n.id, n.want, n.place
	nothing := gone && id == 0 || !gone && id != 0 && reflect.DeepEqual(want, n.shown)
	switch {
	case nothing:
		n.busy = false
		s.arouse()
	case !gone:
		s.budget.spend(time.Now())
	}
	s.mu.Unlock()
	if nothing {
		return
	}
	id, err := s.ask(ctx, place, id, want, gone)
	if sent := s.done(n, id, want, gone, err); sent != nil {
		sent(id)
	}
}

// ask has Telegram send, edit or delete a message, and returns its id.
func (s *speaker) ask(ctx context.Context, to telegram.Place, id int, m telegram.Message, gone bool) (int, error) {
	if err := s.all.Wait(ctx); err != nil {
		return id, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.request)
	defer cancel()
	var err error
	switch {
	case gone:
		err = s.m.Delete(ctx, to.Chat, id)
	case id == 0:
		id, err = s.m.Send(ctx, to, m)
	default:
		err = s.m.Edit(ctx, to.Chat, id, m)
	}
	if errors.Is(err, groupcall.ErrNotModified) {
		err = nil
	}
	return id, err
}

// done takes in what became of a request. It returns the function to call for a message
// that was sent.
func (s *speaker) done(n *note, id int, want telegram.Message, gone bool, err error) (sent func(int)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n.busy = false
	s.arouse()
	var flood *groupcall.Flood
	switch {
	case errors.As(err, &flood):
		s.floor = time.Now().Add(flood.Wait)
		s.log.Warn("Telegram demands a wait before the next message", "wait", flood.Wait)
		s.add(n)
	case gone:
		// What could not be deleted stays.
	case err == nil:
		if n.id == 0 {
			sent = n.sent
		}
		n.id, n.shown, n.edited, n.fails = id, want, time.Now(), 0
		for _, o := range n.old {
			s.dropLocked(o)
		}
		n.old = nil
		if n.gone || !reflect.DeepEqual(n.want, want) {
			s.add(n)
		}
	case errors.Is(err, telegram.ErrGone) && n.id != 0: // somebody deleted it
		n.id, n.shown = 0, telegram.Message{}
		s.add(n)
	case n.id != 0 && n.fails < tries && retryable(err):
		n.fails++
		n.edited = time.Now()
		s.add(n)
	case errors.Is(err, groupcall.ErrNotAllowed), errors.Is(err, groupcall.ErrNotInChat), errors.Is(err, groupcall.ErrBanned):
		s.floor = time.Now().Add(silence)
		s.log.Warn("the bot may not write in the chat", "err", err)
	case errors.Is(err, context.Canceled): // the chat ends
	default:
		// A message whose answer was lost may be there: sent again it would be twice.
		s.log.Warn("a message could not be sent", "err", err)
	}
	return sent
}

// retryable reports errors that say nothing of the message itself.
func retryable(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, groupcall.ErrTransient)
}
