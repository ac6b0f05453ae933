package bot

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
)

// maxPosted is how many commands of a chat may wait. They wait for milliseconds.
const maxPosted = 64

// handle takes in an update. It is called by the Messenger, one after another, and does
// not block.
func (b *Bot) handle(u telegram.Update) {
	switch u := u.(type) {
	case telegram.Command:
		b.command(u)
	case telegram.Press:
		b.press(u)
	case telegram.RoleChanged:
		b.roles.forget(u.Chat, u.User)
	case telegram.ChatGone:
		b.lose(u.Chat)
	case telegram.ChatMoved:
		b.move(u.From, u.To)
		for _, a := range b.alive() {
			a.calls.Move(u.From, u.To) // it may not have been told
		}
	}
}

// command passes a command on, unless it is old, doubled, for another bot or one too
// many.
func (b *Bot) command(m telegram.Command) {
	name, args, ok := parseCommand(m.Text, b.username)
	if !ok {
		return
	}
	cmd := b.table.find(name)
	if cmd == nil || m.Private && !cmd.private || time.Since(m.Date) > b.cfg.Times.Stale {
		return
	}
	if b.seen.again(event{m.Chat, int64(m.ReplyTo)}) {
		return
	}
	sender := m.From.ID
	if m.Private && b.itself || slices.Contains(b.cfg.Blocked, sender) {
		return // people's accounts answer no strangers
	}
	if m.Anonymous {
		sender = m.Chat
	}
	switch b.flood.command(m.Chat, sender) {
	case drop:
		return
	case warn:
		b.post(m.Chat, maxPosted, func(c *chat) { c.say(m.Place, slowDown) })
		return
	}
	r := &request{
		place: m.Place, from: m.From, anonymous: m.Anonymous, private: m.Private,
		args: args, media: m.Reply, info: m.ReplyInfo,
	}
	b.post(m.Chat, maxPosted, func(c *chat) { c.handle(cmd, r) })
}

const slowDown = "Slow down, please: I listen again in a few seconds."

// press passes the press of a button on. Each one is answered.
func (b *Bot) press(p telegram.Press) {
	if b.seen.again(event{0, p.Query}) {
		return
	}
	if slices.Contains(b.cfg.Blocked, p.From.ID) {
		b.presses.give(p.Query, "", false)
		return
	}
	switch b.flood.press(p.From.ID) {
	case drop:
		b.presses.give(p.Query, "", false)
		return
	case warn:
		b.presses.give(p.Query, slowDown, true)
		return
	}
	if !b.post(p.Chat, maxPosted, func(c *chat) { c.pressed(p) }) {
		b.presses.give(p.Query, "", false)
	}
}

// keptEvents is how many updates are remembered to know doubled ones by.
const keptEvents = 4096

// event names an update: a message of a chat, or a press.
type event struct{ chat, id int64 }

// seen remembers updates. It is owned by one goroutine.
type seen struct {
	known map[event]bool
	order []event
	next  int
}

func newSeen() *seen { return &seen{known: make(map[event]bool)} }

// again reports whether an update has come before.
func (s *seen) again(e event) bool {
	if s.known[e] {
		return true
	}
	s.known[e] = true
	if len(s.order) < keptEvents {
		s.order = append(s.order, e)
		return false
	}
	delete(s.known, s.order[s.next])
	s.order[s.next] = e
	s.next = (s.next + 1) % keptEvents
	return false
}

// answers answers presses of buttons, several at once.
type answers struct {
	m       telegram.Messenger
	request time.Duration
	log     *slog.Logger
	due     chan pressAnswer
}

type pressAnswer struct {
	query int64
	text  string
	alert bool
}

// answersAtOnce is how many answers are under way, and answersDue how many may wait.
const (
	answersAtOnce = 8
	answersDue    = 1024
)

func newAnswers(m telegram.Messenger, request time.Duration, log *slog.Logger) *answers {
	return &answers{m: m, request: request, log: log, due: make(chan pressAnswer, answersDue)}
}

// give answers a press. It does not block.
func (a *answers) give(query int64, text string, alert bool) {
	select {
	case a.due <- pressAnswer{query, text, alert}:
	default:
		a.log.Warn("too many presses of buttons wait for their answer")
	}
}

// run sends answers until ctx ends.
func (a *answers) run(ctx context.Context) {
	var workers sync.WaitGroup
	for range answersAtOnce {
		workers.Go(func() { // ends with ctx; waited for below
			for {
				select {
				case p := <-a.due:
					a.send(ctx, p)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	workers.Wait()
}

func (a *answers) send(ctx context.Context, p pressAnswer) {
	ctx, cancel := context.WithTimeout(ctx, a.request)
	defer cancel()
	if err := a.m.Answer(ctx, p.query, p.text, p.alert); err != nil && ctx.Err() == nil {
		a.log.Debug("a press could not be answered", "err", err)
	}
}
