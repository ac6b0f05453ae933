package bot

import (
	"errors"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
)

// notice takes in what the assistant reports of the chat's call.
func (c *chat) notice(account int64, n groupcall.Notice) {
	if c.play.assistant == nil || c.play.assistant.user.ID != account {
		return // of one that the chat has left
	}
	switch n := n.(type) {
	case groupcall.TrackEnded:
		c.ended(n.Err)
	case groupcall.Entered, groupcall.Restored:
		c.entered()
	case groupcall.Waiting:
		c.parked(n)
	case groupcall.Interrupted:
		c.play.trouble = n.Words()
		c.show(card)
	case groupcall.Silenced:
		c.play.silenced, c.play.trouble = true, n.Words()
		c.repost()
	case groupcall.Unsilenced:
		c.play.silenced, c.play.trouble = false, ""
		c.show(card)
	case groupcall.Left:
		c.leftCall(n)
	}
}

// entered takes in that what the assistant plays is heard.
func (c *chat) entered() {
	switch c.play.phase {
	case waiting:
		c.heard()
	case playing:
		c.play.trouble = ""
		c.show(card)
	}
}

// parked takes in that the assistant is out of the call and comes back by itself.
func (c *chat) parked(n groupcall.Waiting) {
	if c.play.phase != playing && c.play.phase != starting && c.play.phase != waiting {
		return
	}
	if c.play.phase == playing {
		c.play.at = c.position()
	}
	c.play.phase, c.play.trouble = waiting, n.Words()
	c.changed()
	c.show(card)
}

// leftCall takes in that the assistant is out of the call and stays out.
func (c *chat) leftCall(n groupcall.Left) {
	c.play.silenced, c.play.muted = false, false
	begins := c.play.phase == preparing || c.play.phase == starting
	switch {
	case n.Err == nil || c.play.phase == idle || c.play.phase == held:
		c.freeUsed()
		return
	case begins && (errors.Is(n.Err, groupcall.ErrNothingPlays) || errors.Is(n.Err, groupcall.ErrAlone)):
		return // the track that begins joins again
	}
	if n.At > 0 {
		c.play.at = n.At
	} else if c.play.phase == playing {
		c.play.at = c.position()
	}
	at := c.play.at
	c.play.phase = starting // position is not that of the library any longer
	c.play.at = at
	if retired(n.Err) && len(c.bot.alive()) > 0 {
		c.begin(at) // by another account
		return
	}
	c.hold(n.Words())
	c.freeUsed()
}
