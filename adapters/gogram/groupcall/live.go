package groupcall

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall"
)

// publishTo begins to publish the chat's live stream.
func (c *chat) publishTo() {
	renew := c.try.key
	ask(c, func(ctx context.Context) (url string, err error) {
		err = c.limited(ctx, methodRTMP, func(ctx context.Context, a Account) error {
			base, key, err := a.RTMP(ctx, c.id, renew)
			url = strings.TrimSuffix(base, "/") + "/" + key
			return err
		})
		return url, err
	}, func(url string, err error) {
		if err != nil {
			c.trouble(err)
			return
		}
		err = c.client.StartRTMP(c.id, url)
		if errors.Is(err, gotgcall.ErrConnectionExists) { // the program's own
			_ = c.client.Stop(c.id) // it may have ended
			err = c.client.StartRTMP(c.id, url)
		}
		if err != nil {
			c.giveUp(err)
			return
		}
		c.freshLibraryCall()
		c.reopenSource()
		c.due = time.Time{}
		c.move(Connecting, Resolving)
	})
}

// publicationLost takes in the end of a publication, which the library has retried. A
// key that is refused at first is replaced once.
func (c *chat) publicationLost(why error) {
	if errors.Is(why, gotgcall.ErrPublishRefused) && c.state == Connecting && !c.try.key {
		c.try.key = true
		c.due = time.Time{}
		c.move(Resolving, Connecting)
		return
	}
	c.giveUp(why)
}
