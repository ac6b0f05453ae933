package bot

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
)

func TestVolume(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.says("/play a,b")
		r.after(2 * time.Second)
		for _, c := range []struct {
			say, answer string
			want        int
		}{
			{"/volume", "The volume is 100 %", 0},
			{"/volume 50", "🔊 50 %", 50},
			{"/volume +20%", "🔊 70 %", 70},
			{"/volume -200", "🔊 1 %", 1},
			{"/volume 201", "How loud?", 1},
			{"/volume x", "How loud?", 1},
			{"/volume 0", "/mute", 1},
			{"/volume 150", "🔊 150 %", 150},
		} {
			r.says(c.say)
			r.after(8 * time.Second)
			require.Contains(t, r.last().Text, c.answer)
			require.Equal(t, c.want, r.look().sound.Volume, c.say)
		}
		r.said(r.chat.User("Bob"), "/volume 10")
		require.Equal(t, 150, r.look().sound.Volume)
		require.Equal(t, gotgcall.Sound{Volume: 150}, r.bot.sound(r.chat.ID()))
		r.stop()
		r.start(Config{})
		r.after(3 * time.Second)
		require.Equal(t, gotgcall.Sound{Volume: 150}, r.bot.sound(r.chat.ID()), "for the next call")
	})
}
