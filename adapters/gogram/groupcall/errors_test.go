package groupcall_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
)

// joins returns the params of every join so far.
func (r *rig) joins() (params []string) {
	for _, q := range r.world.Requests("Join") {
		params = append(params, q.Args.(telegramtest.JoinArgs).Params)
	}
	return params
}

// TestEachErrorOfAJoin: what is done about it, what comes out, and what is said.
func TestEachErrorOfAJoin(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err   error
		times int
		joins int           // that are sent
		sets  int           // of params in them
		takes time.Duration // at least
		want  error         // nil: it plays
		words string
	}{
		"fresh twice": {err: groupcall.ErrFresh, times: 2, joins: 3, sets: 3},
		"fresh for ever": {
			err: groupcall.ErrFresh, times: 4, joins: 4, sets: 4, takes: 3 * time.Second,
			want: groupcall.ErrFresh, words: "Try /play again",
		},
		"ended once":      {err: groupcall.ErrCallEnded, times: 1, joins: 2, sets: 2},
		"ended for ever":  {err: groupcall.ErrCallEnded, times: 2, joins: 2, sets: 2, want: groupcall.ErrCallEnded, words: "has ended. Start one"},
		"not in the call": {err: groupcall.ErrNotInCall, times: 1, joins: 2, sets: 2},
		"not in the chat": {
			err: groupcall.ErrNotInChat, times: 1, joins: 1, sets: 1,
			want: groupcall.ErrNotInChat, words: "Add @user1001 to this group",
		},
		"banned":                       {err: groupcall.ErrBanned, times: 1, joins: 1, sets: 1, want: groupcall.ErrBanned, words: "banned"},
		"too many chats":               {err: groupcall.ErrTooManyChats, times: 1, joins: 1, sets: 1, want: groupcall.ErrTooManyChats, words: "too many groups"},
		"not allowed":                  {err: groupcall.ErrNotAllowed, times: 1, joins: 1, sets: 1, want: groupcall.ErrNotAllowed, words: "right to manage"},
		"join as once":                 {err: groupcall.ErrJoinAs, times: 1, joins: 2, sets: 1},
		"join as":                      {err: groupcall.ErrJoinAs, times: 2, joins: 2, sets: 1, want: groupcall.ErrJoinAs, words: "may not join in that name"},
		"refused":                      {err: groupcall.ErrRefused, times: 1, joins: 1, sets: 1, want: groupcall.ErrRefused, words: "internal error"},
		"transient":                    {err: groupcall.ErrTransient, times: 3, joins: 4, sets: 1, takes: 7 * time.Second},
		"transient, then fresh params": {err: groupcall.ErrTransient, times: 4, joins: 5, sets: 2, takes: 7 * time.Second},
		"transient for ever": {
			err: groupcall.ErrTransient, times: 5, joins: 5, sets: 2,
			want: groupcall.ErrTransient, words: "Telegram's call server has problems",
		},
		"short flood": {err: &groupcall.Flood{Wait: 10 * time.Second}, times: 1, joins: 2, sets: 1, takes: 10 * time.Second},
		"two short floods": {
			err: &groupcall.Flood{Wait: 10 * time.Second}, times: 2, joins: 2, sets: 1, takes: 10 * time.Second,
			want: &groupcall.Flood{}, words: "wait 10 s; I join then",
		},
		"long flood": {
			err: &groupcall.Flood{Wait: 38 * time.Second}, times: 1, joins: 1, sets: 1,
			want: &groupcall.Flood{}, words: "Telegram asks me to wait 38 s; I join then.",
		},
		"no answer, not executed": {err: context.DeadlineExceeded, times: 1, joins: 2, sets: 1},
		"no answer for ever": {
			err: context.DeadlineExceeded, times: 4, joins: 4, sets: 1,
			want: groupcall.ErrNoAnswer, words: "did not answer",
		},
		"unknown": {err: errors.New("GROUPCALL_WEIRD"), times: 1, joins: 1, sets: 1, want: errAny, words: "GROUPCALL_WEIRD"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
				call := r.chat.StartCall()
				r.world.Fail("Join", failing(c.err, c.times))
				began := time.Now()
				err := r.calls.Play(r.ctx, r.id, song{"a"})
				require.GreaterOrEqual(t, time.Since(began), c.takes)
				require.Len(t, r.joins(), c.joins)
				require.Len(t, unique(r.joins()), c.sets)
				var flood *groupcall.Flood
				switch {
				case c.want == nil:
					require.NoError(t, err)
					require.Equal(t, groupcall.In, r.state())
					require.Len(t, call.Participants(), 1)
					return
				case errors.Is(c.want, errAny):
					require.Error(t, err)
				case errors.As(c.want, &flood):
					require.ErrorAs(t, err, &flood)
				default:
					require.ErrorIs(t, err, c.want)
				}
				require.Contains(t, groupcall.Words(err), c.words)
				var parked *groupcall.ParkedError
				if errors.As(err, &parked) {
					require.Equal(t, groupcall.Parked, r.state())
					return
				}
				r.settle(10 * time.Second)
				require.Equal(t, groupcall.Out, r.state())
				require.Empty(t, call.Participants())
				_, there := r.lib.at(r.id)
				require.False(t, there, "nothing is left behind")
			})
		})
	}
}

var errAny = errors.New("any")

func unique(all []string) map[string]bool {
	set := make(map[string]bool)
	for _, s := range all {
		set[s] = true
	}
	return set
}

func TestDeadAccountIsOfNoUseForAnyChat(t *testing.T) {
	t.Parallel()
	for name, dead := range map[string]error{"dead": groupcall.ErrAccountDead, "frozen": groupcall.ErrFrozen} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
				other := r.world.NewChat("Others", r.ann, r.dj)
				other.StartCall()
				require.NoError(t, r.calls.Play(r.ctx, other.ID(), song{"b"}))
				r.chat.StartCall()
				r.world.Fail("Join", failing(dead, 1))
				require.ErrorIs(t, r.calls.Play(r.ctx, r.id, song{"a"}), dead)
				require.ErrorIs(t, await[groupcall.AccountLost](r, 1).Err, dead)
				require.ErrorIs(t, await[groupcall.Left](r, 1).Err, dead, "the other chat")
				require.ErrorIs(t, r.calls.Play(r.ctx, r.id, song{"a"}), dead)
				require.Equal(t, 1, count[groupcall.AccountLost](r))
			})
		})
	}
	t.Run("by its events", func(t *testing.T) {
		t.Parallel()
		inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
			r.account.Kill()
			require.ErrorIs(t, await[groupcall.AccountLost](r, 1).Err, groupcall.ErrAccountDead)
			require.ErrorIs(t, r.calls.Play(r.ctx, r.id, song{"a"}), groupcall.ErrAccountDead)
		})
	})
}

// TestLostAnswerLeavesOneParticipant: the join was executed, and nobody knows.
func TestLostAnswerLeavesOneParticipant(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]telegramtest.Fault{
		"executed":     {Lost: true},
		"not executed": {Hang: true},
		"twice":        {Twice: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
				call := r.chat.StartCall()
				r.world.Fail("Join", fault)
				r.play()
				r.settle(time.Minute)
				require.Len(t, call.Participants(), 1)
				c, _ := r.lib.at(r.id)
				require.Equal(t, c.ssrc, call.Participants()[0].SSRC)
			})
		})
	}
}

// TestFloodIsWaitedFor: by all chats of the account, and then the source plays by
// itself.
func TestFloodIsWaitedFor(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
		r.chat.StartCall()
		other := r.world.NewChat("Others", r.ann, r.dj)
		other.StartCall()
		r.world.Fail("Join", failing(&groupcall.Flood{Wait: 38 * time.Second}, 1))
		began := time.Now()
		var parked *groupcall.ParkedError
		require.ErrorAs(t, r.calls.Play(r.ctx, r.id, song{"a"}), &parked)
		require.InDelta(t, 38, parked.Until.Sub(began).Seconds(), 1)
		require.ErrorAs(t, r.calls.Play(r.ctx, other.ID(), song{"b"}), &parked)
		require.ErrorAs(t, r.calls.Play(r.ctx, r.id, song{"c"}), &parked, "another source")
		await[groupcall.Entered](r, 2)
		require.InDelta(t, 38, time.Since(began).Seconds(), 5)
		r.settle(0)
		c, _ := r.lib.at(r.id)
		require.Equal(t, song{"c"}, c.source)
		require.Len(t, r.world.Requests("Join"), 3)
		require.Equal(t, 2, count[groupcall.Waiting](r))
	})
}

// TestFloodOfOtherRequests: none is repeated before its time, which the World checks.
func TestFloodOfOtherRequests(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"Call", "Me", "Edit", "Leave"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
				call := r.chat.StartCall()
				call.Enter(r.ann)
				r.world.Fail(method, failing(&groupcall.Flood{Wait: 100 * time.Second}, 1))
				_ = r.calls.Play(r.ctx, r.id, song{"a"})
				await[groupcall.Entered](r, 1)
				for range 10 {
					_, _ = r.lib.Pause(r.id)
					r.settle(10 * time.Second)
					_, _ = r.lib.Resume(r.id)
					r.settle(10 * time.Second)
				}
				require.Equal(t, groupcall.In, r.state())
				me, _ := call.Participant(r.dj)
				require.False(t, me.Muted)
				if method == "Leave" {
					_ = r.calls.Leave(r.ctx, r.id)
					r.settle(time.Minute)
					return
				}
			})
		})
	}
}

// TestManyChatsJoinWithinTheLimit: one after another, and none too fast for Telegram.
func TestManyChatsJoinWithinTheLimit(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
		const chats = 12
		failed := make(chan error, chats)
		for range chats {
			chat := r.world.NewChat("", r.ann, r.dj)
			chat.StartCall()
			go func() { failed <- r.calls.Play(r.ctx, chat.ID(), song{"a"}) }() // ends within the test
		}
		began := time.Now()
		for range chats {
			require.NoError(t, <-failed)
		}
		require.InDelta(t, 2*(chats-3), time.Since(began).Seconds(), 4)
	})
}

func TestAccountIsInvitedIntoTheChat(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(r *rig)
		invite  func(r *rig, n int) (string, error)
		want    error
		words   string
		invites int
	}{
		"by a link": {invite: func(r *rig, _ int) (string, error) { return r.chat.Link(), nil }, invites: 1},
		"added":     {invite: func(r *rig, _ int) (string, error) { r.chat.Add(r.dj); return "", nil }, invites: 1},
		"unbanned": {
			prepare: func(r *rig) { r.chat.Ban(r.dj) },
			invite:  func(r *rig, _ int) (string, error) { r.chat.Unban(r.dj); return r.chat.Link(), nil },
			invites: 1,
		},
		"by a second link": {
			invite: func(r *rig, n int) (string, error) {
				link := r.chat.Link()
				if n == 1 {
					r.chat.RevokeLink()
				}
				return link, nil
			},
			invites: 2,
		},
		"approved": {
			prepare: func(r *rig) { r.chat.RequireApproval(true) },
			invite: func(r *rig, n int) (string, error) {
				if n == 2 {
					r.chat.Add(r.dj)
					return "", nil
				}
				return r.chat.Link(), nil
			},
			invites: 2,
		},
		"not approved": {
			prepare: func(r *rig) { r.chat.RequireApproval(true) },
			invite:  func(r *rig, _ int) (string, error) { return r.chat.Link(), nil },
			want:    groupcall.ErrJoinRequested, words: "must approve", invites: 2,
		},
		"links that do not work": {
			invite: func(*rig, int) (string, error) { return "https://t.me/+nothing", nil },
			want:   groupcall.ErrInvite, words: "does not work", invites: 2,
		},
		"nobody may invite": {
			invite: func(*rig, int) (string, error) { return "", groupcall.ErrNotAllowed },
			want:   groupcall.ErrNotInChat, words: "'invite users'", invites: 1,
		},
		"too many chats": {
			prepare: func(r *rig) { r.world.Fail("JoinChat", failing(groupcall.ErrTooManyChats, 1)) },
			invite:  func(r *rig, _ int) (string, error) { return r.chat.Link(), nil },
			want:    groupcall.ErrTooManyChats, words: "too many groups", invites: 1,
		},
		"in vain": {
			invite: func(*rig, int) (string, error) { return "", nil },
			want:   groupcall.ErrNotInChat, words: "Add @user1001 to this group", invites: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := &rig{lib: newLibrary()}
				invites := 0
				invite := func(_ context.Context, chat, user int64) (string, error) {
					invites++
					if chat != r.id || user != r.dj.ID {
						return "", fmt.Errorf("invite %d into %d", user, chat)
					}
					return c.invite(r, invites)
				}
				t.Cleanup(func() { require.NoError(t, r.lib.events.Wait(context.WithoutCancel(t.Context()))) })
				r.begin(t, setting{
					world: []telegramtest.Option{telegramtest.WithoutMedia()},
					calls: []groupcall.Option{groupcall.WithInvite(invite)},
				}, r.lib)
				r.chat.StartCall()
				r.chat.Remove(r.dj)
				if c.prepare != nil {
					c.prepare(r)
				}
				err := r.calls.Play(r.ctx, r.id, song{"a"})
				require.Equal(t, c.invites, invites)
				if c.want == nil {
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, c.want)
				require.Contains(t, groupcall.Words(err), c.words)
				require.Equal(t, groupcall.Out, r.state())
			})
		})
	}
}

// TestWordsOfAnError: a sentence, or nothing, for every error that is known.
func TestWordsOfAnError(t *testing.T) {
	t.Parallel()
	require.Empty(t, groupcall.Words(nil))
	require.Equal(t, "That failed: what", groupcall.Words(errors.New("what")))
	require.Equal(t, "Telegram asks me to wait 7 s. Try again then.", groupcall.Words(&groupcall.Flood{Wait: 6500 * time.Millisecond}))
	for _, err := range []error{
		groupcall.ErrNoCall, groupcall.ErrCallEnded, groupcall.ErrNotInCall, groupcall.ErrNotInChat, groupcall.ErrBanned,
		groupcall.ErrNotAllowed, groupcall.ErrTooManyChats, groupcall.ErrInvite, groupcall.ErrJoinRequested,
		groupcall.ErrFresh, groupcall.ErrJoinAs, groupcall.ErrRefused, groupcall.ErrTransient, groupcall.ErrAccountDead,
		groupcall.ErrFrozen, groupcall.ErrRemoved, groupcall.ErrElsewhere, groupcall.ErrAlone, gotgcall.ErrFile,
		gotgcall.ErrStalled, gotgcall.ErrFFmpegCrashed,
	} {
		words := groupcall.Words(fmt.Errorf("play: %w", err))
		require.Regexp(t, `^[A-Z].*[.]$`, words, "%v", err)
	}
}
