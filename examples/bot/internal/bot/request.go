package bot

import (
	"strconv"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
)

// request is a command, or the press of a button, that is being served.
type request struct {
	place     telegram.Place
	from      track.User
	anonymous bool // an admin, in the name of the group
	private   bool
	admin     bool // known to be one
	args      string
	media     *track.Media
	info      telegram.MediaInfo
	query     int64 // of the press; 0: a message
	answered  bool  // the press
}

// reply answers a request in words.
func (c *chat) reply(r *request, words string) { c.answer(r, words, false) }

// refuse answers a request that is not granted.
func (c *chat) refuse(r *request, words string) { c.answer(r, words, true) }

func (c *chat) answer(r *request, words string, alert bool) {
	if r.query == 0 {
		c.say(r.place, words)
		return
	}
	if !r.answered {
		r.answered = true
		c.bot.presses.give(r.query, words, alert)
	}
}

// handle runs a command if its user may, which is asked now.
func (c *chat) handle(cmd *command, r *request) {
	if r.private {
		cmd.run(c, r)
		return
	}
	own := c.owns(cmd, r)
	switch decide(c.settings.Rights, cmd.needs, r.anonymous, own) {
	case allow:
		r.admin = r.anonymous
		cmd.run(c, r)
	default:
		c.role(r.from.ID, func(role telegram.Role, err error) {
			switch {
			case r.answered: // too late
			case err != nil:
				c.log.Warn("a user's role is not known", "err", err)
				c.refuse(r, "I could not check your rights. Try again.")
			case role >= telegram.Admin:
				r.admin = true
				cmd.run(c, r)
			case decide(c.settings.Rights, cmd.needs, false, c.owns(cmd, r)) == allow:
				cmd.run(c, r) // it has become the user's own meanwhile
			case cmd.vote && c.settings.Rights == Requester && c.settings.Votes && role >= telegram.Member:
				c.vote(r)
			default:
				c.refuse(r, c.whyNot(cmd))
			}
		})
	}
}

// owns reports whether what a command changes is the user's own.
func (c *chat) owns(cmd *command, r *request) bool {
	if cmd.own != nil {
		return cmd.own(c, r)
	}
	return c.queue.Current != nil && c.queue.Current.By.ID == r.from.ID
}

// whyNot says who may use a command.
func (c *chat) whyNot(cmd *command) string {
	if cmd.needs == admin || c.settings.Rights == Admins {
		return "Only admins can do that."
	}
	return "Only admins, and whoever asked for it, can do that."
}

// answerWithin is when a press is answered at the latest: Telegram's clients give up
// after some ten seconds.
const answerWithin = 6 * time.Second

// pressed serves the press of a button.
func (c *chat) pressed(p telegram.Press) {
	r := &request{place: c.here(), from: p.From, query: p.Query}
	c.after(answerWithin, func() { c.refuse(r, "That takes too long. Try again.") })
	if page, ok := strings.CutPrefix(p.Data, listData); ok {
		c.turnPage(r, page)
		return
	}
	gen, verb, ok := parseCardData(p.Data)
	cmd := c.bot.table.find(verb)
	switch {
	case !ok || cmd == nil || !onCard(verb):
		c.reply(r, "")
	case gen != c.place.CardGen || c.card == nil:
		c.refuse(r, "This is an old card: use the newest one, or /now.")
	default:
		c.handle(cmd, r)
	}
}

// onCard reports whether a card has a button for a command.
func onCard(verb string) bool {
	switch verb {
	case "back", "rewind", "toggle", "forward", "skip", "loop", "shuffle", "queue", "stop", "cancel":
		return true
	}
	return false
}

// vote counts a vote to skip the current track, and skips it when most listeners want
// that.
func (c *chat) vote(r *request) {
	e := c.queue.Current
	if e == nil {
		c.refuse(r, "Nothing is playing.")
		return
	}
	listeners := 0
	if a := c.play.assistant; a != nil {
		listeners = a.calls.Status(c.id).Listeners
	}
	c.votes[r.from.ID] = true
	needed := listeners/2 + 1
	if listeners == 0 { // not known yet
		needed = 2
	}
	if len(c.votes) < needed {
		c.reply(r, "Voted to skip: "+strconv.Itoa(len(c.votes))+" of "+strconv.Itoa(needed)+".")
		return
	}
	c.skip(1)
	c.reply(r, "⏭ Skipped: most of you wanted it.")
}

// ownSkip reports whether all that would be skipped is the user's own.
func (c *chat) ownSkip(r *request) bool {
	if c.queue.Current == nil || c.queue.Current.By.ID != r.from.ID {
		return false
	}
	for i := range min(skipCount(r.args)-1, len(c.queue.Waiting)) {
		if c.queue.Waiting[i].By.ID != r.from.ID {
			return false
		}
	}
	return true
}

// ownAll reports whether the current track and all that wait are the user's own.
func (c *chat) ownAll(r *request) bool {
	return (c.queue.Current == nil || c.queue.Current.By.ID == r.from.ID) && c.ownWaiting(r)
}

// ownWaiting reports whether all that wait are the user's own.
func (c *chat) ownWaiting(r *request) bool {
	for i := range c.queue.Waiting {
		if c.queue.Waiting[i].By.ID != r.from.ID {
			return false
		}
	}
	return true
}

// ownEntry reports whether the entry that a /remove names is the user's own. To move it
// is not enough: that changes when others come.
func (c *chat) ownEntry(r *request) bool {
	fields := strings.Fields(r.args)
	if len(fields) != 1 {
		return false
	}
	n, err := strconv.Atoi(fields[0])
	return err == nil && n >= 1 && n <= len(c.queue.Waiting) && c.queue.Waiting[n-1].By.ID == r.from.ID
}
