package telegramtest_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
)

// scene is a World in virtual time with a chat, a call in it, and an account.
type scene struct {
	world   *telegramtest.World
	dj, ann groupcall.User
	chat    *telegramtest.Chat
	call    *telegramtest.Call
	account *telegramtest.Account
}

// inScene runs a test in virtual time, in a World that does not mind violations.
func inScene(t *testing.T, test func(t *testing.T, s *scene), opts ...telegramtest.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &scene{world: telegramtest.Start(append(opts, telegramtest.WithoutMedia())...)}
		defer s.world.Close()
		s.dj, s.ann = s.world.NewUser("DJ"), s.world.NewUser("Ann")
		s.chat = s.world.NewChat("Friends", s.ann, s.dj)
		s.call = s.chat.StartCall()
		s.account = s.world.Account(s.dj)
		test(t, s)
	})
}

// join joins with an SSRC, a second after the last join.
func (s *scene) join(t *testing.T, a groupcall.Account, ssrc int) (groupcall.Joined, error) {
	t.Helper()
	<-time.After(time.Second)
	call, err := a.Call(t.Context(), s.chat.ID())
	require.NoError(t, err)
	return a.Join(t.Context(), call, params(ssrc), groupcall.JoinOptions{})
}

func params(ssrc int) string { return fmt.Sprintf(`{"ssrc":%d}`, ssrc) }

// events returns what an account gets within some time.
func events(t *testing.T, a *telegramtest.Account, within time.Duration) []groupcall.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	var all []groupcall.Event
	require.ErrorIs(t, a.Events(ctx, func(e groupcall.Event) { all = append(all, e) }), context.DeadlineExceeded)
	return all
}

func of[E groupcall.Event](all []groupcall.Event) []E {
	var some []E
	for _, e := range all {
		if e, ok := e.(E); ok {
			some = append(some, e)
		}
	}
	return some
}

func TestAnSSRCIsUsedOnce(t *testing.T) {
	t.Parallel()
	inScene(t, func(t *testing.T, s *scene) {
		_, err := s.join(t, s.account, 5)
		require.NoError(t, err)
		s.chat.Add(s.ann)
		_, err = s.join(t, s.world.Account(s.ann), 5)
		require.ErrorIs(t, err, groupcall.ErrFresh)
		_, err = s.join(t, s.account, 5)
		require.ErrorIs(t, err, groupcall.ErrFresh, "also by who uses it")
		_, err = s.join(t, s.account, 6)
		require.NoError(t, err)
		_, err = s.join(t, s.world.Account(s.ann), 5)
		require.NoError(t, err, "free again")
		require.Empty(t, s.world.Violations())
	})
}

func TestASecondJoinReplacesTheFirst(t *testing.T) {
	t.Parallel()
	inScene(t, func(t *testing.T, s *scene) {
		first, err := s.join(t, s.account, 5)
		require.NoError(t, err)
		phone := s.world.Account(s.dj)
		_, err = s.join(t, phone, 6)
		require.NoError(t, err)
		require.Len(t, s.call.Participants(), 1)
		require.Len(t, s.call.Past(), 1)
		require.ErrorIs(t, s.account.Leave(t.Context(), first.Call, 5), groupcall.ErrNotInCall)
		me, err := s.account.Me(t.Context(), first.Call)
		require.NoError(t, err)
		require.Equal(t, uint32(6), me.SSRC)
		changes := of[groupcall.MeChanged](events(t, s.account, time.Second))
		require.Len(t, changes, 1, "of the other session alone: the answer has the own one")
		require.Equal(t, uint32(6), changes[0].Me.SSRC)
	})
}

func TestWhoIsNotInTheCallCannotActInIt(t *testing.T) {
	t.Parallel()
	yes := true
	inScene(t, func(t *testing.T, s *scene) {
		call, err := s.account.Call(t.Context(), s.chat.ID())
		require.NoError(t, err)
		edit := groupcall.Edit{VideoStopped: &yes}
		require.ErrorIs(t, s.account.Edit(t.Context(), call, edit), groupcall.ErrNotInCall)
		require.ErrorIs(t, s.account.Leave(t.Context(), call, 5), groupcall.ErrNotInCall)
		_, err = s.account.Me(t.Context(), call)
		require.ErrorIs(t, err, groupcall.ErrNotInCall)
		_, err = s.join(t, s.account, 5)
		require.NoError(t, err)
		require.NoError(t, s.account.Edit(t.Context(), call, edit))
		require.ErrorIs(t, s.account.Edit(t.Context(), call, edit), groupcall.ErrNotModified)
		require.ErrorIs(t, s.account.Leave(t.Context(), call, 6), groupcall.ErrNotInCall)
		foreign := call
		foreign.AccessHash++
		require.ErrorIs(t, s.account.Leave(t.Context(), foreign, 5), groupcall.ErrCallEnded)
		s.call.Discard()
		require.ErrorIs(t, s.account.Edit(t.Context(), call, edit), groupcall.ErrCallEnded)
		require.ErrorIs(t, s.account.Leave(t.Context(), call, 5), groupcall.ErrCallEnded)
		_, err = s.account.Call(t.Context(), s.chat.ID())
		require.ErrorIs(t, err, groupcall.ErrNoCall)
		s.chat.StartCall()
		<-time.After(time.Second)
		_, err = s.account.Join(t.Context(), call, params(7), groupcall.JoinOptions{})
		require.ErrorIs(t, err, groupcall.ErrCallEnded, "the id is stale")
	})
}

func TestAnAdminsMuteHoldsUntilItIsLifted(t *testing.T) {
	t.Parallel()
	no, yes := false, true
	inScene(t, func(t *testing.T, s *scene) {
		s.call.SetJoinMuted(true)
		joined, err := s.join(t, s.account, 5)
		require.NoError(t, err)
		require.Equal(t, groupcall.Participant{SSRC: 5, Muted: true}, joined.Me)
		unmute := groupcall.Edit{Muted: &no}
		require.ErrorIs(t, s.account.Edit(t.Context(), joined.Call, unmute), groupcall.ErrNotAllowed)
		require.NoError(t, s.account.Edit(t.Context(), joined.Call, groupcall.Edit{RaiseHand: &yes}))
		s.call.Unmute(s.dj)
		require.NoError(t, s.account.Edit(t.Context(), joined.Call, unmute))
		s.call.Mute(s.dj)
		require.ErrorIs(t, s.account.Edit(t.Context(), joined.Call, unmute), groupcall.ErrNotAllowed)
		changes := of[groupcall.MeChanged](events(t, s.account, time.Second))
		require.Len(t, changes, 2)
		require.True(t, changes[0].Me.CanSelfUnmute)
		require.True(t, changes[0].Me.Muted)
		require.False(t, changes[1].Me.CanSelfUnmute)
		require.Less(t, changes[0].Version, changes[1].Version)
	})
}

func TestKickedAndDiscardedIsSaid(t *testing.T) {
	t.Parallel()
	inScene(t, func(t *testing.T, s *scene) {
		_, err := s.join(t, s.account, 5)
		require.NoError(t, err)
		s.call.Enter(s.ann)
		s.call.Kick(s.dj)
		_, err = s.join(t, s.account, 6)
		require.NoError(t, err)
		s.call.Discard()
		all := events(t, s.account, time.Second)
		require.Equal(t, groupcall.Participant{SSRC: 5, CanSelfUnmute: true, Left: true}, of[groupcall.MeChanged](all)[0].Me)
		require.NotEmpty(t, of[groupcall.ParticipantsChanged](all))
		require.Equal(t, []groupcall.CallEnded{{Chat: s.chat.ID(), ID: s.call.ID()}}, of[groupcall.CallEnded](all))
	})
}

func TestRightsAndMembership(t *testing.T) {
	t.Parallel()
	inScene(t, func(t *testing.T, s *scene) {
		a, ctx := s.account, t.Context()
		_, _, err := a.RTMP(ctx, s.chat.ID(), false)
		require.ErrorIs(t, err, groupcall.ErrNotAllowed)
		other := s.world.NewChat("Others", s.ann)
		_, err = a.Call(ctx, other.ID())
		require.ErrorIs(t, err, groupcall.ErrNotInChat)
		link := other.Link()
		other.RevokeLink()
		require.ErrorIs(t, a.JoinChat(ctx, link), groupcall.ErrInvite)
		other.RequireApproval(true)
		require.ErrorIs(t, a.JoinChat(ctx, other.Link()), groupcall.ErrJoinRequested)
		require.True(t, other.Waiting(s.dj.ID))
		other.Ban(s.dj)
		require.ErrorIs(t, a.JoinChat(ctx, other.Link()), groupcall.ErrBanned)
		other.Unban(s.dj)
		other.SetUsername("others")
		require.NoError(t, a.JoinChat(ctx, "@others"))
		_, err = a.StartCall(ctx, other.ID(), groupcall.StartOptions{})
		require.ErrorIs(t, err, groupcall.ErrNotAllowed)
		other.SetRole(s.dj, telegramtest.CallAdmin)
		_, err = a.StartCall(ctx, other.ID(), groupcall.StartOptions{RTMP: true})
		require.NoError(t, err)
		url, key, err := a.RTMP(ctx, other.ID(), true)
		require.NoError(t, err)
		require.NotEmpty(t, url+key)
		other.Remove(s.dj)
		require.Len(t, of[groupcall.ChatLost](events(t, a, time.Second)), 2)
	})
}

func TestACallMovesWithItsGroup(t *testing.T) {
	t.Parallel()
	inScene(t, func(t *testing.T, s *scene) {
		old := s.world.NewBasicGroup("Basic", s.ann, s.dj)
		call := old.StartCall()
		found, err := s.account.Call(t.Context(), old.ID())
		require.NoError(t, err)
		moved := old.Migrate()
		_, err = s.account.Call(t.Context(), old.ID())
		require.ErrorIs(t, err, groupcall.ErrNotInChat)
		now, err := s.account.Call(t.Context(), moved.ID())
		require.NoError(t, err)
		require.Equal(t, found.ID, now.ID)
		require.Equal(t, moved, call.Chat())
		require.Equal(t, []groupcall.ChatMigrated{{From: old.ID(), To: moved.ID()}},
			of[groupcall.ChatMigrated](events(t, s.account, time.Second)))
	})
}

func TestADeadSessionAnswersNothingElse(t *testing.T) {
	t.Parallel()
	inScene(t, func(t *testing.T, s *scene) {
		s.account.Kill()
		_, err := s.account.Call(t.Context(), s.chat.ID())
		require.ErrorIs(t, err, groupcall.ErrAccountDead)
		require.ErrorIs(t, s.account.Events(t.Context(), nil), groupcall.ErrAccountDead)
	})
}
