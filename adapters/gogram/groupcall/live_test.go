package groupcall_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
)

func TestLivePublishesTheStreamOfAChat(t *testing.T) {
	t.Parallel()
	for name, begun := range map[string]bool{"that has begun": true, "that is started": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
				r.chat.SetRole(r.dj, telegramtest.CallAdmin)
				r.chat.SetRTMP("rtmps://dc4-1.rtmp.t.me/s/", "SECRET")
				if begun {
					r.chat.StartLiveStream()
				}
				require.NoError(t, r.calls.Live(r.ctx, r.id, film{song{"a"}}))
				require.Equal(t, []string{"rtmps://dc4-1.rtmp.t.me/s/SECRET"}, r.lib.publishing)
				require.Equal(t, groupcall.In, r.state())
				require.True(t, r.calls.Status(r.id).Live)
				require.NoError(t, r.calls.Live(r.ctx, r.id, film{song{"b"}}))
				require.Len(t, r.lib.publishing, 1)
				require.ErrorIs(t, r.calls.Play(r.ctx, r.id, song{"c"}), gotgcall.ErrWrongMode)
				r.settle(time.Hour)
				require.Equal(t, groupcall.In, r.state())
				require.Empty(t, r.world.Requests("Join", "Edit", "Me"))
				require.NoError(t, r.calls.Leave(r.ctx, r.id))
				_, there := r.lib.at(r.id)
				require.False(t, there)
			})
		})
	}
}

func TestLiveThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(r *rig)
		want    error
		words   string
	}{
		"without the right": {
			func(r *rig) { r.chat.SetRole(r.dj, telegramtest.Member); r.chat.StartLiveStream() },
			groupcall.ErrNotAllowed, "right to manage video chats",
		},
		"without the right to start": {
			func(r *rig) { r.chat.SetRole(r.dj, telegramtest.Member) },
			groupcall.ErrNotAllowed, "right to manage video chats",
		},
		"in an ordinary call": {func(r *rig) { r.chat.StartCall() }, groupcall.ErrNotLiveStream, "End it and /live"},
		"refused": {
			func(r *rig) {
				r.lib.connects = []error{gotgcall.ErrPublishRefused, gotgcall.ErrPublishRefused}
			},
			gotgcall.ErrPublishRefused, "refused the stream",
		},
		"unreachable": {
			func(r *rig) { r.lib.connects = []error{gotgcall.ErrConnectionFailed} },
			gotgcall.ErrConnectionFailed, "Telegram's call server",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
				r.chat.SetRole(r.dj, telegramtest.CallAdmin)
				r.chat.SetRTMP("rtmp://127.0.0.1:1/s", "SECRET")
				c.prepare(r)
				err := r.calls.Live(r.ctx, r.id, film{song{"a"}})
				require.ErrorIs(t, err, c.want)
				require.Contains(t, groupcall.Words(err), c.words)
				require.NotContains(t, err.Error(), "SECRET")
				r.settle(time.Second)
				require.Equal(t, groupcall.Out, r.state())
				require.Empty(t, r.lib.calls)
			})
		})
	}
}

func TestRefusedKeyIsReplacedOnce(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
		r.chat.SetRole(r.dj, telegramtest.CallAdmin)
		r.chat.SetRTMP("rtmp://127.0.0.1:1/s", "SECRET")
		r.lib.connects = []error{gotgcall.ErrPublishRefused}
		require.NoError(t, r.calls.Live(r.ctx, r.id, film{song{"a"}}))
		require.Len(t, r.lib.publishing, 2)
		require.True(t, strings.HasSuffix(r.lib.publishing[1], "/s/SECRETx"), "another key")
	})
}

func TestLostPublicationIsSaid(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
		r.chat.SetRole(r.dj, telegramtest.CallAdmin)
		require.NoError(t, r.calls.Live(r.ctx, r.id, film{song{"a"}}))
		r.settle(20 * time.Second)
		r.lib.fail(r.id)
		left := await[groupcall.Left](r, 1)
		require.ErrorIs(t, left.Err, gotgcall.ErrConnectionFailed)
		r.settle(time.Second)
		require.Equal(t, groupcall.Out, r.state())
	})
}

func TestChatBecomesAnother(t *testing.T) {
	t.Parallel()
	for name, paused := range map[string]bool{"playing": false, "paused": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
				group := r.world.NewBasicGroup("Small", r.ann, r.dj)
				call := group.StartCall()
				call.Enter(r.ann)
				require.NoError(t, r.calls.Play(r.ctx, group.ID(), song{"a"}))
				r.settle(20 * time.Second)
				if paused {
					_, err := r.lib.Pause(group.ID())
					require.NoError(t, err)
				}
				super := group.Migrate()
				moved := await[groupcall.Moved](r, 1)
				require.Equal(t, super.ID(), moved.To)
				require.True(t, moved.Plays)
				require.InDelta(t, 20, moved.At.Seconds(), 0.5)
				await[groupcall.Entered](r, 2)
				r.settle(5 * time.Second)
				require.Equal(t, groupcall.In, r.calls.State(super.ID()))
				require.Equal(t, groupcall.Out, r.calls.State(group.ID()))
				c, ok := r.lib.at(super.ID())
				require.True(t, ok)
				require.Equal(t, paused, c.paused)
				if paused {
					require.InDelta(t, 20, c.at.Seconds(), 0.5)
				} else {
					require.InDelta(t, 25, c.at.Seconds(), 1)
				}
				_, old := r.lib.at(group.ID())
				require.False(t, old)
				require.Len(t, call.Participants(), 2)
			})
		})
	}
}

// TestMoveByWord: the account has not heard of it; and then it has.
func TestMoveByWord(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, setting{world: []telegramtest.Option{
		telegramtest.WithWeather(telegramtest.Weather{Late: time.Minute}),
	}}, func(t *testing.T, r *rig) {
		group := r.world.NewBasicGroup("Small", r.ann, r.dj)
		group.StartCall().Enter(r.ann)
		require.NoError(t, r.calls.Play(r.ctx, group.ID(), song{"a"}))
		r.settle(20 * time.Second)
		super := group.Migrate()
		r.calls.Move(group.ID(), super.ID())
		r.calls.Move(group.ID(), super.ID())
		await[groupcall.Entered](r, 2)
		r.settle(3 * time.Minute)
		require.Equal(t, 1, count[groupcall.Moved](r))
		require.Equal(t, groupcall.In, r.calls.State(super.ID()))
		c, _ := r.lib.at(super.ID())
		require.InDelta(t, 200, c.at.Seconds(), 2)
	})
}

// TestNothingIsHeardOfEvents: every update is lost, and what happens is found out by
// asking.
func TestNothingIsHeardOfEvents(t *testing.T) {
	t.Parallel()
	deaf := setting{world: []telegramtest.Option{telegramtest.WithWeather(telegramtest.Weather{Drop: 1})}}
	for name, c := range map[string]struct {
		do   func(r *rig, call *telegramtest.Call)
		want groupcall.State
		err  error
	}{
		"end of the call": {func(_ *rig, call *telegramtest.Call) { call.Discard() }, groupcall.Parked, nil},
		"another call": {func(r *rig, call *telegramtest.Call) {
			call.Discard()
			r.chat.StartCall().Enter(r.ann)
		}, groupcall.In, nil},
		"removed from the chat": {func(r *rig, _ *telegramtest.Call) { r.chat.Remove(r.dj) }, groupcall.Out, groupcall.ErrNotInChat},
		"another device":        {func(r *rig, call *telegramtest.Call) { call.EnterElsewhere(r.dj) }, groupcall.Out, groupcall.ErrElsewhere},
		"removed from the call": {func(r *rig, call *telegramtest.Call) { call.Kick(r.dj) }, groupcall.In, nil},
		"nobody listens": {func(r *rig, call *telegramtest.Call) {
			call.Exit(r.ann)
			r.settle(10 * time.Minute)
		}, groupcall.Out, groupcall.ErrAlone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, deaf, func(t *testing.T, r *rig) {
				call := r.chat.StartCall()
				call.Enter(r.ann)
				r.play()
				r.settle(100 * time.Second)
				c.do(r, call)
				r.settle(3 * time.Minute)
				require.Equal(t, c.want, r.state())
				if c.err != nil {
					require.ErrorIs(t, await[groupcall.Left](r, 1).Err, c.err)
				}
			})
		})
	}
	t.Run("a call begins", func(t *testing.T) {
		t.Parallel()
		inVirtualTime(t, deaf, func(t *testing.T, r *rig) {
			require.Error(t, r.calls.Play(r.ctx, r.id, song{"a"}))
			r.settle(3 * time.Minute)
			r.chat.StartCall()
			r.settle(40 * time.Second)
			require.Equal(t, groupcall.In, r.state())
		})
	})
}
