package bot

import (
	"context"
	"log/slog"
	"time"

	"github.com/gotgcall/gotgcall/examples/bot/internal/queue"
	"github.com/gotgcall/gotgcall/examples/bot/internal/store"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
)

// chat is a chat with its queue, what it plays and what it shows. Everything of it runs
// on one goroutine, which waits for nothing but its mailbox: requests, downloads and
// calls run beside it and post what became of them.
type chat struct {
	// immutable after newChat
	bot     *Bot
	box     *mailbox
	lane    *mailbox      // of what the assistant is to do, in order
	laneEnd chan struct{} // closed when the lane has ended
	done    chan struct{} // closed when run has returned
	ctx     context.Context
	cancel  context.CancelFunc
	out     *speaker
	log     *slog.Logger

	// owned by run
	id       int64
	over     bool // run is to return
	queue    queue.Queue
	settings settings
	place    place
	play     playback
	next     *upcoming // nil while none is being prepared
	files    files
	used     []*file // that the library reads; freed when it reads others
	card     *note
	cardOf   uint64 // the entry that the card shows; 0: none
	list     *note  // the page of the queue
	votes    map[int64]bool
	finding  map[int64]*search  // the last one of each user
	seeking  context.CancelFunc // ends the seek under way
	empty    *time.Timer        // leaves the call
	tick     *time.Timer        // moves the bar
	keep     *time.Timer        // writes the position
	ahead    *time.Timer        // fetches the next track
}

// settings are what admins choose.
type settings struct {
	Rights Rights
	Votes  bool // members may vote to skip
	Volume int  `json:",omitempty"` // in percent; 0: 100
}

// place is where a chat's playback stands, as it is written down.
type place struct {
	Playing   bool          // goes on after a restart
	At        time.Duration // in the current track
	Paused    bool          // by a user
	Live      bool          // as a live stream
	Topic     int           // of a forum, where the card is
	Card      int           // its message
	CardGen   int           // of the newest card
	Assistant int64         // the account that played last
	Lost      time.Time     // since when the bot is out of the chat; zero: it is in
}

// The names of a chat's values in the store.
const (
	keyQueue    = "queue"
	keySettings = "settings"
	keyPlace    = "place"
)

func loadPlace(s *store.Store, id int64) (p place, err error) {
	_, err = s.Get(id, keyPlace, &p)
	return p, err
}

// newChat returns a chat whose run is still to be called.
func newChat(b *Bot, id int64) *chat {
	c := &chat{
		bot: b, id: id, log: b.log.With("chat", id),
		box: newMailbox(), lane: newMailbox(),
		laneEnd: make(chan struct{}), done: make(chan struct{}),
		votes: make(map[int64]bool), finding: make(map[int64]*search),
	}
	c.ctx, c.cancel = context.WithCancel(b.life)
	c.out = &speaker{
		m: b.cfg.Messenger, log: c.log, all: b.global,
		request: b.cfg.Times.Request, pace: b.cfg.Times.Progress,
		wake: make(chan struct{}, 1), budget: budget{limit: b.cfg.Limits.Messages},
	}
	return c
}

// run serves the chat until it is idle, lost or shut.
func (c *chat) run() {
	defer close(c.done)
	defer c.cancel()
	c.load()
	c.bot.working.Go(func() { c.out.run(c.ctx) }) // ends with c.ctx; Run waits for it
	c.bot.working.Go(c.runLane)                   // as above
	idle := time.NewTimer(c.bot.cfg.Times.Idle)
	defer idle.Stop()
	for !c.over {
		select {
		case <-c.box.wake:
			for _, f := range c.box.take() {
				if c.over {
					break
				}
				f()
			}
			idle.Reset(c.bot.cfg.Times.Idle)
		case <-idle.C:
			if c.dormant() && c.bot.retire(c) {
				c.over = true
				c.files.close()
			}
			idle.Reset(c.bot.cfg.Times.Idle)
		}
	}
	c.stopTimers()
}

// dormant reports whether nothing is lost when the chat is put out of memory.
func (c *chat) dormant() bool {
	return c.play.phase == idle && len(c.finding) == 0 && c.empty == nil
}

// runLane does what the assistant is to do, one thing after another.
func (c *chat) runLane() {
	defer close(c.laneEnd)
	for {
		select {
		case <-c.lane.wake:
			for _, f := range c.lane.take() {
				f()
			}
		case <-c.ctx.Done():
			return
		}
	}
}

// after runs f on the chat's goroutine in a while.
func (c *chat) after(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() { c.box.post(f) })
}

// load reads what was written down of the chat. What cannot be read is as in a new chat.
func (c *chat) load() {
	s := c.bot.cfg.Store
	c.settings.Votes = true
	for name, v := range map[string]any{keyQueue: &c.queue, keySettings: &c.settings, keyPlace: &c.place} {
		if _, err := s.Get(c.id, name, v); err != nil {
			c.log.Error("the chat's state cannot be read", "err", err)
		}
	}
	c.bot.keepVolume(c.id, c.settings.Volume)
	c.place.Lost = time.Time{}
	if c.place.Card != 0 {
		c.card = known(c.here(), c.place.Card)
	}
	if c.queue.Current != nil {
		c.play.phase, c.play.at = held, c.place.At
	}
}

// here is where the chat's card belongs.
func (c *chat) here() telegram.Place {
	return telegram.Place{Chat: c.id, Topic: c.place.Topic}
}

// save writes down what may have changed, but for the settings.
func (c *chat) save() {
	c.bot.cfg.Store.Put(c.id, keyQueue, &c.queue)
	c.savePlace()
}

// savePlace writes down where playback stands.
func (c *chat) savePlace() {
	c.place.At, c.place.Paused = c.position(), c.play.paused
	c.bot.cfg.Store.Put(c.id, keyPlace, &c.place)
}

// say posts an answer in words.
func (c *chat) say(to telegram.Place, words string) {
	if words != "" { // what was called off needs none
		c.out.say(to, telegram.Plain(words), answer, nil)
	}
}

// carryOn goes on with what was played before the bot was stopped.
func (c *chat) carryOn() {
	if c.play.phase == held {
		c.begin(c.play.at)
	}
}

// shut writes down where playback stands and ends the chat. The call is left by
// whoever shuts all chats.
func (c *chat) shut() {
	c.save()
	c.over = true
	c.box.close()
	c.cancel()
}

// lose ends a chat that the bot is out of: nothing is said to it, its queue is kept for a
// while.
func (c *chat) lose() {
	c.bot.keepVolume(c.id, 0)
	c.out.forget()
	c.place.Lost = time.Now()
	c.save()
	c.over = true
	c.box.close()
	c.quit()
}

// moved gives the chat its new id. What was shown stays behind.
func (c *chat) moved(from, to int64) {
	c.out.forget()
	c.id, c.log = to, c.bot.log.With("chat", to)
	c.card, c.list, c.place.Card = nil, nil, 0
	c.bot.keepVolume(from, 0)
	c.bot.keepVolume(to, c.settings.Volume)
	if err := c.bot.cfg.Store.Move(from, to); err != nil {
		c.log.Error("the chat's state cannot be moved", "err", err)
	}
	c.save()
	if c.play.phase != idle {
		c.show(card)
	}
}

// inherit takes in what is written down of the chat under an id that it had before, if
// anything is.
func (c *chat) inherit(from int64) {
	old := chat{bot: c.bot, id: from, log: c.log}
	old.load()
	if err := c.bot.cfg.Store.Forget(from); err != nil {
		c.log.Error("the chat's old state cannot be forgotten", "err", err)
	}
	if c.queue.Empty() && c.play.phase == idle {
		c.queue, c.play.phase, c.play.at = old.queue, old.play.phase, old.play.at
		c.settings, c.place.Assistant = old.settings, old.place.Assistant
		c.bot.cfg.Store.Put(c.id, keySettings, &c.settings)
		c.save()
		return
	}
	c.append(old.entries())
}

// giveWay ends a chat that was made for the new id of another one before that was known
// to be the same.
func (c *chat) giveWay(to *chat) {
	c.over = true
	c.box.close()
	c.quit()
	entries := c.entries()
	to.box.post(func() { to.append(entries) })
}

// entries returns the current entry and those that wait.
func (c *chat) entries() []queue.Entry {
	if c.queue.Current == nil {
		return c.queue.Waiting
	}
	return append([]queue.Entry{*c.queue.Current}, c.queue.Waiting...)
}

// append adds entries of another chat.
func (c *chat) append(entries []queue.Entry) {
	for _, e := range entries {
		_, _ = c.queue.Add(c.bot.cfg.Limits.Queue, e.Track) // as many as there is room for
	}
	c.changed()
}

// quit takes the assistant out of the call, and lets the lane end.
func (c *chat) quit() {
	c.endPlayback()
	c.stopTimers()
	a, id := c.play.assistant, c.id
	if a == nil {
		c.files.close()
		return
	}
	life := c.bot.life
	c.bot.working.Go(func() { // ends after 5 s at most; Run waits for it
		ctx, cancel := context.WithTimeout(life, c.bot.cfg.Times.Leave)
		defer cancel()
		_ = a.calls.Leave(ctx, id)
		c.files.close()
	})
}

// stopTimers stops the timers of a chat that ends.
func (c *chat) stopTimers() {
	for _, t := range []*time.Timer{c.empty, c.tick, c.keep, c.ahead} {
		if t != nil {
			t.Stop()
		}
	}
}
