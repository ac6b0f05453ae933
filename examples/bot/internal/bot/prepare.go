package bot

import (
	"sync/atomic"
	"time"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/examples/bot/internal/queue"
)

// transfer is how much of a file has come.
type transfer struct {
	done, total atomic.Int64
	shown       atomic.Int64 // when the card was last told, as Unix nanoseconds
}

// prepare makes an entry playable and starts it.
func (c *chat) prepare(e *queue.Entry) {
	c.hush()
	c.play.phase = preparing
	attempt, ctx, t := c.play.attempt, c.attemptCtx(), e.Track
	loaded := &transfer{}
	c.play.loaded = loaded
	c.bot.working.Go(func() { // ends with ctx at the latest; Run waits for it
		src, release, err := c.bot.cfg.Resolver.Prepare(ctx, t, c.progress(loaded))
		file := c.files.keep(release)
		c.box.post(func() { c.prepared(attempt, src, file, err) })
	})
}

// prepared takes in what became of prepare.
func (c *chat) prepared(attempt int, src gotgcall.Source, file *file, err error) {
	switch {
	case attempt != c.play.attempt || c.play.phase != preparing:
		c.files.free(file)
	case err != nil:
		c.files.free(file)
		c.failed(err)
	default:
		c.start(src, file)
	}
}

// progress returns the function that takes in how much of a file has come.
func (c *chat) progress(t *transfer) func(done, total int64) {
	return func(done, total int64) {
		t.done.Store(done)
		t.total.Store(total)
		now := time.Now().UnixNano()
		if last := t.shown.Load(); now-last >= int64(time.Second) && t.shown.CompareAndSwap(last, now) {
			c.box.post(func() {
				if c.play.loaded == t {
					c.show(progress)
				}
			})
		}
	}
}

// hush keeps the last track from going on while the next one is being fetched.
func (c *chat) hush() {
	a, id, ctx := c.play.assistant, c.id, c.ctx
	switch {
	case a == nil || c.play.quiet:
	case c.play.phase == waiting: // it would play when a call begins
		c.onLane(func() { _ = a.calls.Leave(ctx, id) })
	case c.play.phase == playing || c.play.phase == starting:
		c.onLane(func() { _, _ = a.media.Pause(id) })
	}
	c.play.quiet = true
}

// freeUsed frees the files of sources that are not read any longer.
func (c *chat) freeUsed() {
	for _, f := range c.used {
		c.files.free(f)
	}
	c.used = nil
}
