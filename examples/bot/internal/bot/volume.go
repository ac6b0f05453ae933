package bot

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gotgcall/gotgcall"
)

// maxVolume is how loud a chat may make it, in percent: what clips is limited, and more
// than this sounds like it.
const maxVolume = 200

// keepVolume notes a chat's volume for its next call.
func (b *Bot) keepVolume(chat int64, percent int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if percent == 0 {
		delete(b.volumes, chat)
		return
	}
	b.volumes[chat] = percent
}

// sound returns how a chat's call is to sound from its beginning.
func (b *Bot) sound(chat int64) gotgcall.Sound {
	b.mu.Lock()
	defer b.mu.Unlock()
	return gotgcall.Sound{Volume: b.volumes[chat]}
}

// cmdVolume shows or sets the volume, which is kept for later calls too.
func (c *chat) cmdVolume(r *request) {
	now := c.settings.Volume
	if now == 0 {
		now = 100
	}
	if r.args == "" {
		c.reply(r, fmt.Sprintf("The volume is %d %%. /volume 50 makes it half as much.", now))
		return
	}
	text := strings.TrimSpace(strings.TrimSuffix(r.args, "%"))
	percent, err := strconv.Atoi(text)
	if relative := strings.HasPrefix(text, "+") || strings.HasPrefix(text, "-"); relative && err == nil {
		percent = min(max(now+percent, 1), maxVolume)
	}
	switch {
	case err != nil || percent < 0 || percent > maxVolume:
		c.reply(r, fmt.Sprintf("How loud? /volume 50, up to %d, or /volume +10.", maxVolume))
		return
	case percent == 0:
		c.reply(r, "/mute makes me silent.")
		return
	}
	c.setVolume(percent)
	c.reply(r, fmt.Sprintf("🔊 %d %%", percent))
}

// setVolume sets the volume of what plays and of all that will be.
func (c *chat) setVolume(percent int) {
	c.settings.Volume = percent
	c.bot.cfg.Store.Put(c.id, keySettings, &c.settings)
	c.bot.keepVolume(c.id, percent)
	a, id := c.play.assistant, c.id
	if a == nil {
		return
	}
	c.onLane(func() {
		ctx, cancel := context.WithTimeout(c.ctx, c.bot.cfg.Times.Request)
		defer cancel()
		err := a.media.SetSoundContext(ctx, id, gotgcall.Sound{Volume: percent})
		if err != nil && !errors.Is(err, gotgcall.ErrConnectionNotFound) && ctx.Err() == nil {
			c.log.Warn("the volume is not as wanted", "err", err)
		}
	})
}
