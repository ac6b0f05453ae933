package bot

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/chattest"
)

// plays has a member ask for tracks, and waits until the first one plays.
func (r *rig) plays(who, what string) *chattest.User {
	u := r.chat.User(who)
	u.Says("/play " + what)
	r.after(3 * time.Second)
	return u
}

func (r *rig) said(u *chattest.User, text string) {
	u.Says(text)
	r.after(2 * time.Second)
}

func TestARequesterControlsTheirOwnTrack(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		ann := r.plays("Ann", "a,b")
		bob := r.chat.User("Bob")
		r.said(bob, "/pause")
		require.False(t, r.look().paused)
		require.Contains(t, r.last().Text, "Only admins, and whoever asked for it")
		a := r.pressed(bob, "⏹")
		require.True(t, a.Alert)
		require.True(t, r.look().in)
		r.said(ann, "/pause")
		require.True(t, r.look().paused)
		r.said(ann, "/skip")
		require.Equal(t, "b", r.look().now.title)
		bob.Says("/play c")
		r.after(2 * time.Second)
		r.said(ann, "/clear")
		require.Contains(t, r.last().Text, "Only admins", "not all of it is hers")
		r.said(ann, "/skip 2")
		require.Equal(t, "b", r.look().now.title, "c is not hers: that is a vote")
		r.said(bob, "/remove 1")
		require.Contains(t, r.last().Text, "Removed “c”")
	})
}

func TestMembersVoteToSkip(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.plays("Ann", "a,b")
		bob, cid := r.chat.User("Bob"), r.chat.User("Cid")
		r.said(bob, "/skip")
		require.Contains(t, r.last().Text, "Voted to skip: 1 of 2")
		r.said(bob, "/skip")
		require.Contains(t, r.last().Text, "Voted to skip: 1 of 2", "once each")
		a := r.pressed(cid, "⏭")
		require.Contains(t, a.Text, "Skipped")
		r.after(2 * time.Second)
		require.Equal(t, "b", r.look().now.title)
		a = r.pressed(bob, "⏭")
		require.Contains(t, a.Text, "1 of 2", "votes are for a track")
	})
}

func TestOneVoteIsNoMajorityOfWhoKnowsHowMany(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.plays("Ann", "a,b")
		r.stage.mu.Lock()
		r.stage.show(r.chat.ID()).listeners = 0
		r.stage.mu.Unlock()
		r.said(r.chat.User("Bob"), "/skip")
		require.Contains(t, r.last().Text, "1 of 2")
	})
}

func TestAdminsMode(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		ann := r.plays("Ann", "a,b,c,d")
		r.said(ann, "/settings rights admins")
		require.Contains(t, r.last().Text, "Only admins can do that")
		r.says("/settings rights admins")
		require.Contains(t, r.last().Text, "admins only")
		r.said(ann, "/skip")
		require.Contains(t, r.last().Text, "Only admins")
		a := r.pressed(ann, "⏭")
		require.True(t, a.Alert)
		require.Contains(t, a.Text, "Only admins")
		require.Equal(t, "a", r.look().now.title)

		r.said(r.chat.Anonymous(), "/skip")
		require.Equal(t, "b", r.look().now.title, "an anonymous admin may")

		bob := r.admin("Bob")
		r.said(bob, "/skip")
		require.Equal(t, "c", r.look().now.title)
		r.chat.SetRole(bob.User, telegramtest.Member)
		r.said(bob, "/skip")
		require.Equal(t, "c", r.look().now.title, "the update drops what was known")
	})
}

func TestARoleIsBelievedForFiveMinutes(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.plays("Ann", "a 3000,b 3000,c 3000")
		bob := r.admin("Bob")
		r.said(bob, "/skip")
		r.chat.Chat.SetRole(bob.User, telegramtest.Member) // the update is lost
		r.after(5 * time.Minute)
		r.said(bob, "/skip")
		require.Equal(t, "b", r.look().now.title)
	})
}

func TestARoleThatIsNotKnownIsNoRight(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.plays("Ann", "a,b")
		r.tg.World.Fail("Role", telegramtest.Fault{Err: groupcall.ErrTransient})
		r.said(r.chat.User("Bob"), "/skip")
		require.Contains(t, r.last().Text, "could not check your rights")
		require.Equal(t, "a", r.look().now.title)
	})
}

func TestEveryoneMode(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.plays("Ann", "a,b")
		r.says("/settings rights everyone")
		r.said(r.chat.User("Bob"), "/skip")
		require.Equal(t, "b", r.look().now.title)
		r.said(r.chat.User("Bob"), "/live")
		require.Contains(t, r.last().Text, "Only admins")
	})
}

func TestDecide(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mode           Rights
		needs          need
		anonymous, own bool
		want           decision
	}{
		"open in any mode":                  {Admins, open, false, false, allow},
		"one's own":                         {Requester, control, false, true, allow},
		"not one's own":                     {Requester, control, false, false, ask},
		"one's own where admins rule":       {Admins, control, false, true, ask},
		"everyone":                          {Everyone, control, false, false, allow},
		"everyone is no admin":              {Everyone, admin, false, true, ask},
		"an anonymous admin":                {Admins, control, true, false, allow},
		"an anonymous admin as admin":       {Admins, admin, true, false, allow},
		"one's own does not make one admin": {Requester, admin, false, true, ask},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, decide(c.mode, c.needs, c.anonymous, c.own))
		})
	}
}
