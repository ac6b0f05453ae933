package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/examples/bot/internal/queue"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
)

// wish is a request to play something.
type wish struct {
	*request
	video bool
	next  bool // before all others
	live  bool // as the chat's live stream
	note  *note
}

const howToPlay = "Reply to a file with /play, or write a link or what to look for behind it."

func (c *chat) cmdPlay(r *request)     { c.find(&wish{request: r}) }
func (c *chat) cmdVplay(r *request)    { c.find(&wish{request: r, video: true}) }
func (c *chat) cmdPlayNext(r *request) { c.find(&wish{request: r, next: true}) }

// search is one of a user.
type search struct {
	words bool // not a file, of which all are wanted
	stop  context.CancelFunc
	done  chan struct{} // closed at its end
}

// find looks for what a user wishes to hear. One search of a user is under way at a time:
// a later one for words or a link replaces an earlier such one, and files are queued in
// the order in which they were sent.
func (c *chat) find(w *wish) {
	if w.media == nil && w.args == "" {
		if c.play.phase == held && w.query == 0 {
			c.cmdResume(w.request)
			return
		}
		c.reply(w.request, howToPlay)
		return
	}
	ctx, stop := context.WithCancel(c.ctx)
	own := &search{words: w.media == nil, stop: stop, done: make(chan struct{})}
	earlier := c.finding[w.from.ID]
	if earlier != nil && earlier.words && own.words {
		earlier.stop()
	}
	c.finding[w.from.ID] = own
	asked := track.Request{
		Chat: c.id, Words: w.args, Media: w.media, Video: w.video, By: w.from, Max: c.bot.cfg.Limits.Playlist,
		Info: track.Info{Title: w.info.Title, Artist: w.info.Artist, Length: w.info.Length},
	}
	if w.media != nil {
		asked.Words = ""
	}
	announce := c.after(c.bot.cfg.Times.Search, func() {
		if w.note == nil && ctx.Err() == nil {
			w.note = c.out.say(w.place, telegram.Plain("🔎 I'm looking for it…"), answer, nil)
		}
	})
	c.bot.working.Go(func() { // ends with ctx at the latest; Run waits for it
		if earlier != nil {
			select {
			case <-earlier.done:
			case <-ctx.Done():
			}
		}
		tracks, err := c.bot.cfg.Resolver.Resolve(ctx, asked)
		replaced := ctx.Err() != nil
		c.box.post(func() {
			announce.Stop()
			stop()
			close(own.done)
			if c.finding[w.from.ID] == own {
				delete(c.finding, w.from.ID)
			}
			if replaced {
				c.out.drop(w.note)
				return
			}
			c.found(w, tracks, err)
		})
	})
}

// found queues what was found.
func (c *chat) found(w *wish, tracks []track.Track, err error) {
	if err != nil {
		c.log.Info("a request cannot be resolved", "err", err)
		c.tell(w, telegram.Plain(words(err)))
		return
	}
	if len(tracks) > c.bot.cfg.Limits.Playlist {
		tracks = tracks[:c.bot.cfg.Limits.Playlist]
	}
	add := c.queue.Add
	if w.next {
		add = c.queue.AddNext
	}
	made, err := add(c.bot.cfg.Limits.Queue, tracks...)
	if len(made) == 0 {
		if err == nil {
			err = &track.Refusal{Words: "I found nothing."}
		}
		c.tell(w, telegram.Plain(words(err)))
		return
	}
	c.place.Topic = w.place.Topic
	if w.live && !c.place.Live {
		c.goLive()
	}
	if c.queue.Current != nil && c.play.phase != held {
		c.queued(w, made, err)
		return
	}
	c.startNew(w, made, err)
}

// startNew plays the first of what was added to a chat in which nothing plays. The
// answer becomes the card.
func (c *chat) startNew(w *wish, made []queue.Entry, short error) {
	at := c.play.at
	if c.queue.Current == nil {
		c.queue.Skip(1)
		at = 0
	}
	c.play.trouble = ""
	if w.note != nil && len(made) == 1 {
		c.post(w.note)
		w.note = nil
	}
	c.begin(at)
	if len(made) > 1 {
		c.tell(w, telegram.Plain(strings.TrimSpace(fmt.Sprintf("Added %d tracks. ", len(made))+shortWords(short))))
	}
}

// queued answers that something was added behind others.
func (c *chat) queued(w *wish, made []queue.Entry, short error) {
	c.changed()
	var text telegram.Text
	if len(made) == 1 {
		at := slices.IndexFunc(c.queue.Waiting, func(e queue.Entry) bool { return e.ID == made[0].ID })
		text.Addf("#%d ", at+1).Title(cleanTitle(made[0].Title), made[0].Link)
		text.Add(" is in the queue.")
	} else {
		text.Addf("%d tracks are in the queue.", len(made))
	}
	if short != nil {
		text.Add("\n" + shortWords(short))
	}
	if c.play.phase == waiting && c.play.trouble != "" {
		text.Add("\n" + c.play.trouble)
	}
	id := made[0].ID
	noted := func(message int) {
		c.box.post(func() { c.noted(id, message) })
	}
	if w.note != nil {
		c.out.become(w.note, text.Message(), noted)
		return
	}
	c.out.say(w.place, text.Message(), answer, noted)
}

// shortWords says why not all was added.
func shortWords(err error) string {
	if err == nil {
		return ""
	}
	return words(err)
}

// noted remembers which message said that an entry is in the queue: its card replaces
// it.
func (c *chat) noted(id uint64, message int) {
	e := c.queue.Find(id)
	if e == nil || c.queue.Current == e {
		c.out.drop(known(c.here(), message))
		return
	}
	e.Note = message
	c.save()
}

// tell answers a wish by the message that said it is being looked for, if there is one.
func (c *chat) tell(w *wish, m telegram.Message) {
	if w.note != nil {
		c.out.change(w.note, m, answer)
		return
	}
	c.out.say(w.place, m, answer, nil)
}

// cmdLive goes on as the chat's live stream.
func (c *chat) cmdLive(r *request) {
	if r.media != nil || r.args != "" {
		c.find(&wish{request: r, live: true})
		return
	}
	if c.queue.Empty() {
		c.reply(r, "Tell me what to play: reply to a file with /live, or write a link or words behind it.")
		return
	}
	if c.place.Live && c.play.phase != held {
		c.reply(r, "I am live already. /stop ends it.")
		return
	}
	at := c.position()
	c.goLive()
	if c.queue.Current == nil {
		c.queue.Skip(1)
	}
	c.begin(at)
	c.reply(r, "🔴 Going live.")
}

// goLive has whatever is played from now on go to the chat's live stream.
func (c *chat) goLive() {
	at := c.position()
	c.leave()
	if c.play.phase != idle {
		c.play.phase = held
	}
	c.play.at, c.place.Live = at, true
}

// skip goes n tracks on.
func (c *chat) skip(n int) {
	for _, e := range c.queue.Waiting[:min(n-1, len(c.queue.Waiting))] {
		c.unnote(e)
	}
	c.queue.Skip(n)
	if n, e := c.next, c.queue.Current; n != nil && e != nil && n.entry == e.ID {
		n.set = false // it does not wait for the end of what plays
	}
	c.begin(0)
}

// stop empties the queue and leaves the call.
func (c *chat) stop() {
	c.endPlayback()
	for _, e := range c.queue.Waiting {
		c.unnote(e)
	}
	c.queue.Clear()
	c.queue.Drop()
	c.play.phase, c.play.at, c.play.paused, c.play.muted = idle, 0, false, false
	c.play.trouble = ""
	c.place.Playing = false
	c.leave()
	c.changed()
}

// seek goes to another place of the current track, and answers.
func (c *chat) seek(r *request, to time.Duration) {
	if c.play.phase != playing {
		c.reply(r, "Nothing is playing.")
		return
	}
	if e := c.queue.Current; e.Live {
		c.reply(r, "This is live: it has no other place to go to.")
		return
	}
	to = max(0, to)
	attempt, ctx, a, id := c.play.attempt, c.seekCtx(), c.play.assistant, c.id
	c.onLane(func() {
		err := a.media.SeekToContext(ctx, id, to)
		c.box.post(func() { c.sought(r, attempt, to, err) })
	})
}

// seekCtx returns the context of a seek, which ends an earlier one.
func (c *chat) seekCtx() context.Context {
	if c.seeking != nil {
		c.seeking()
	}
	ctx, cancel := context.WithCancel(c.ctx)
	c.seeking = cancel
	return ctx
}

// sought takes in what became of a seek.
func (c *chat) sought(r *request, attempt int, to time.Duration, err error) {
	switch {
	case errors.Is(err, context.Canceled) || attempt != c.play.attempt:
		c.reply(r, "")
	case err != nil:
		c.reply(r, words(err))
	default:
		c.reply(r, "⏩ "+clock(to))
		c.changed()
	}
}
