package bot

import (
	"context"
	"errors"
	"time"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/examples/bot/internal/queue"
)

// upcoming is the track that comes next, while it is fetched and opened ahead of its
// time.
type upcoming struct {
	entry  uint64
	ctx    context.Context
	cancel context.CancelFunc
	loaded *transfer
	src    gotgcall.Source // nil until it has been fetched
	file   *file
	set    bool  // the library has been given it, and begins it by itself
	opened bool  // the library has opened it
	err    error // why it cannot be played
}

// schedule sees to the next track: it gives up one that does not come next any longer,
// and fetches the one that does when its time is near.
func (c *chat) schedule() {
	e := c.queue.Peek()
	if n := c.next; n != nil && (e == nil || e.ID != n.entry) && c.play.phase != held && c.play.phase != preparing {
		c.abandon(n)
		c.next = nil
	}
	if c.ahead != nil {
		c.ahead.Stop()
		c.ahead = nil
	}
	if e == nil || c.next != nil || c.play.phase != playing {
		return
	}
	if wait := c.remaining() - c.bot.cfg.Times.Prepare; wait > 0 {
		c.ahead = c.after(max(wait, time.Second), c.schedule)
		return
	}
	c.fetch(e)
}

// remaining returns how long the current track still plays; 0 where that is not known.
func (c *chat) remaining() time.Duration {
	if c.queue.Current == nil {
		return 0
	}
	length := c.queue.Current.Length
	return max(0, length-c.position())
}

// fetch prepares a track for its turn.
func (c *chat) fetch(e *queue.Entry) {
	n := &upcoming{entry: e.ID, loaded: &transfer{}}
	n.ctx, n.cancel = context.WithCancel(c.ctx)
	c.next = n
	t := e.Track
	c.bot.working.Go(func() { // ends with n.ctx at the latest; Run waits for it
		src, release, err := c.bot.cfg.Resolver.Prepare(n.ctx, t, c.progress(n.loaded))
		file := c.files.keep(release)
		c.box.post(func() { c.fetched(n, src, file, err) })
	})
}

// fetched takes in a track that was prepared ahead of its time.
func (c *chat) fetched(n *upcoming, src gotgcall.Source, file *file, err error) {
	if c.next != n {
		c.files.free(file)
		return
	}
	n.src, n.file, n.err = src, file, err
	switch {
	case c.play.phase == preparing && c.queue.Current != nil && c.queue.Current.ID == n.entry:
		c.next = nil // its turn has come meanwhile
		if err != nil {
			c.files.free(file)
			c.failed(err)
			return
		}
		c.start(src, file)
	case err != nil:
		c.log.Info("the next track cannot be fetched", "err", err)
	case c.play.phase == playing:
		c.setNext(n)
	}
}

// setNext gives the library the next track, which then follows without a gap.
func (c *chat) setNext(n *upcoming) {
	n.set = true
	a, id := c.play.assistant, c.id
	c.onLane(func() {
		err := a.media.SetNextSourceContext(n.ctx, id, n.src)
		c.box.post(func() { c.nextSet(n, err) })
	})
}

// nextSet takes in what became of setNext, maybe after the track's turn has come.
func (c *chat) nextSet(n *upcoming, err error) {
	n.opened = err == nil
	switch {
	case err == nil && c.play.adopted == n:
		c.heard()
	case err == nil || n.ctx.Err() != nil || errors.Is(err, gotgcall.ErrSourceReplaced):
	case c.next == n:
		n.set, n.err = false, err
	case c.play.adopted == n && c.play.phase == starting:
		c.failed(err)
	}
}

// adopt makes the next track the current one: the library begins it by itself.
func (c *chat) adopt(n *upcoming) {
	c.play.cancel, c.play.adopted = n.cancel, n
	c.play.phase, c.play.loaded, c.play.quiet = starting, nil, false
	c.freeUsed()
	c.used = append(c.used, n.file)
	if n.opened {
		c.heard()
	}
}

// abandon gives up a track that was being prepared.
func (c *chat) abandon(n *upcoming) {
	if n == nil {
		return
	}
	if n.cancel != nil {
		n.cancel()
	}
	if !n.set {
		c.files.free(n.file)
		return
	}
	a, id := c.play.assistant, c.id
	c.onLane(func() {
		_ = a.media.SetNextSourceContext(c.ctx, id, nil) // an error says that there is none
		c.box.post(func() { c.files.free(n.file) })
	})
}
