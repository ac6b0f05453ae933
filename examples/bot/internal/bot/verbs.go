package bot

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/examples/bot/internal/queue"
)

const nothingPlays = "Nothing is playing."

func (c *chat) cmdPause(r *request) {
	switch {
	case c.play.phase == idle || c.play.phase == held:
		c.reply(r, nothingPlays)
	case c.play.paused:
		c.reply(r, "I'm paused already. /resume goes on.")
	default:
		c.setPaused(true)
		c.reply(r, "⏸ Paused.")
	}
}

func (c *chat) cmdResume(r *request) {
	switch {
	case c.play.phase == idle && !c.queue.Empty():
		c.skip(1)
		c.reply(r, "▶︎ Playing.")
	case c.play.phase == idle:
		c.reply(r, nothingPlays+" "+howToPlay)
	case c.play.phase == held:
		c.play.trouble = ""
		c.begin(c.play.at)
		c.reply(r, "▶︎ Going on at "+clock(c.play.at)+".")
	case c.play.paused:
		c.setPaused(false)
		c.reply(r, "▶︎ Going on.")
	default:
		c.reply(r, "I'm not paused.")
	}
}

func (c *chat) cmdToggle(r *request) {
	if c.play.paused || c.play.phase == held || c.play.phase == idle {
		c.cmdResume(r)
		return
	}
	c.cmdPause(r)
}

// setPaused pauses or resumes what plays, or is going to.
func (c *chat) setPaused(paused bool) {
	c.play.paused = paused
	if a, id := c.play.assistant, c.id; a != nil && c.play.phase != preparing {
		c.onLane(func() {
			if paused {
				_, _ = a.media.Pause(id) // fails only without a call, which is then silent
			} else {
				_, _ = a.media.Resume(id)
			}
		})
	}
	c.changed()
}

// skipCount returns how many tracks a /skip is for.
func skipCount(args string) int {
	n, err := strconv.Atoi(args)
	if err != nil {
		return 1
	}
	return min(max(1, n), 1000)
}

func (c *chat) cmdSkip(r *request) {
	if r.args != "" {
		if n, err := strconv.Atoi(r.args); err != nil || n < 1 {
			c.reply(r, "How many? /skip 2 goes two tracks on.")
			return
		}
	}
	if c.queue.Empty() {
		c.reply(r, nothingPlays)
		return
	}
	c.skip(skipCount(r.args))
	c.reply(r, "⏭ Skipped.")
}

// backAfter is how far into a track ⏮ begins it again rather than the one before.
const backAfter = 10 * time.Second

func (c *chat) cmdBack(r *request) {
	switch {
	case c.queue.Current != nil && c.position() > backAfter || !c.queue.Back():
		if c.queue.Current == nil {
			c.reply(r, nothingPlays)
			return
		}
		c.seek(r, 0)
	default:
		c.begin(0)
		c.reply(r, "⏮")
	}
}

// step is how far ⏪ and ⏩ go.
const step = 10 * time.Second

func (c *chat) cmdRewind(r *request)  { c.seek(r, c.position()-step) }
func (c *chat) cmdForward(r *request) { c.seek(r, c.position()+step) }

func (c *chat) cmdSeek(r *request) {
	d, relative, ok := parseTime(r.args)
	if !ok {
		c.reply(r, "Where to? /seek 1:23, or /seek +10, or /seek -10.")
		return
	}
	if relative {
		d += c.position()
	}
	c.seek(r, d)
}

func (c *chat) cmdStop(r *request) {
	if c.queue.Empty() && c.play.phase == idle && c.empty == nil {
		c.reply(r, nothingPlays)
		return
	}
	c.stop()
	c.reply(r, "⏹ Stopped. The queue is empty.")
}

func (c *chat) cmdLoop(r *request) {
	loop := (c.queue.Loop + 1) % 3
	if r.query == 0 && r.args != "" {
		switch strings.ToLower(r.args) {
		case "off", "no", "0":
			loop = queue.Off
		case "track", "one", "1", "song":
			loop = queue.Track
		case "queue", "all", "on":
			loop = queue.All
		default:
			c.reply(r, "What? /loop off, /loop track or /loop queue.")
			return
		}
	}
	c.queue.Loop = loop
	c.changed()
	c.reply(r, [...]string{queue.Off: "Nothing is repeated.", queue.Track: "🔂 This track is repeated.", queue.All: "🔁 The queue is repeated."}[loop])
}

func (c *chat) cmdNow(r *request) {
	if c.queue.Current == nil {
		c.reply(r, nothingPlays+" "+howToPlay)
		return
	}
	c.place.Topic = r.place.Topic
	c.repost()
}

func (c *chat) cmdMute(r *request)   { c.setMuted(r, true) }
func (c *chat) cmdUnmute(r *request) { c.setMuted(r, false) }

func (c *chat) setMuted(r *request, muted bool) {
	a, id := c.play.assistant, c.id
	if a == nil || c.play.phase == idle || c.play.phase == held {
		c.reply(r, nothingPlays)
		return
	}
	c.play.muted = muted
	c.onLane(func() {
		if muted {
			_, _ = a.media.Mute(id) // fails only without a call, as above
		} else {
			_, _ = a.media.Unmute(id)
		}
	})
	c.show(card)
	if muted {
		c.reply(r, "🔇 Muted; the track runs on.")
		return
	}
	c.reply(r, "🔊 You hear me again.")
}

func (c *chat) cmdRemove(r *request) {
	fields := strings.Fields(r.args)
	numbers := make([]int, 0, 2)
	for _, f := range fields {
		if n, err := strconv.Atoi(f); err == nil && len(numbers) < 2 {
			numbers = append(numbers, n)
		}
	}
	switch {
	case len(numbers) != len(fields) || len(numbers) == 0:
		c.reply(r, "Which one? /remove 3 takes the third out, /remove 3 1 makes it the first.")
	case len(numbers) == 2:
		if err := c.queue.Move(numbers[0], numbers[1]); err != nil {
			c.reply(r, words(err))
			return
		}
		c.changed()
		c.reply(r, fmt.Sprintf("Moved to place %d.", numbers[1]))
	default:
		e, err := c.queue.Remove(numbers[0])
		if err != nil {
			c.reply(r, words(err))
			return
		}
		c.unnote(e)
		c.changed()
		c.reply(r, "Removed “"+cleanTitle(e.Title)+"”.")
	}
}

// unnote deletes the message that said that an entry is in the queue.
func (c *chat) unnote(e queue.Entry) {
	if e.Note != 0 {
		c.out.drop(known(c.here(), e.Note))
	}
}

func (c *chat) cmdClear(r *request) {
	for _, e := range c.queue.Waiting {
		c.unnote(e)
	}
	n := c.queue.Clear()
	c.changed()
	c.reply(r, fmt.Sprintf("Cleared: %d tracks.", n))
}

func (c *chat) cmdShuffle(r *request) {
	if len(c.queue.Waiting) < 2 {
		c.reply(r, "There is nothing to mix.")
		return
	}
	c.queue.Shuffle()
	c.changed()
	c.reply(r, "🔀 Mixed.")
}

// cmdCancel gives up the track that is being downloaded.
func (c *chat) cmdCancel(r *request) {
	if c.play.phase != preparing {
		c.reply(r, "The download is over already.")
		return
	}
	c.play.trouble = ""
	c.queue.Drop()
	c.begin(0)
	c.reply(r, "Cancelled.")
}

func (c *chat) cmdHelp(r *request) {
	c.out.say(r.place, c.bot.table.help(), answer, nil)
}

func (c *chat) cmdStart(r *request) {
	c.reply(r, "Hello! I play music in the video chats of groups. Add me to a group, start a video chat there, "+
		"and reply to a file with /play. /help shows what else I can do.")
}
