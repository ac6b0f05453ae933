package groupcall_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
)

// edits returns what was changed so far, such as "muted=true".
func (r *rig) edits() (all []string) {
	for _, q := range r.world.Requests("Edit") {
		e := q.Args.(groupcall.Edit)
		var fields []string
		for _, f := range []struct {
			name  string
			value *bool
		}{{"muted", e.Muted}, {"stopped", e.VideoStopped}, {"paused", e.VideoPaused}, {"hand", e.RaiseHand}} {
			if f.value != nil {
				fields = append(fields, fmt.Sprintf("%s=%v", f.name, *f.value))
			}
		}
		all = append(all, strings.Join(fields, " "))
	}
	return all
}

// do calls a method of the library and lets it have its effect.
func (r *rig) do(f func(int64) (bool, error)) {
	r.t.Helper()
	_, err := f(r.id)
	require.NoError(r.t, err)
	r.settle(2 * time.Second)
}

func TestFlagsAreMirrored(t *testing.T) {
	t.Parallel()
	t.Run("sound", func(t *testing.T) {
		t.Parallel()
		inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
			r.chat.StartCall()
			r.play()
			r.settle(time.Second)
			require.Empty(t, r.edits(), "Telegram shows it already")
			r.do(r.lib.Pause)
			r.do(r.lib.Resume)
			r.do(r.lib.Mute)
			r.do(r.lib.Pause)
			r.do(r.lib.Unmute)
			r.do(r.lib.Resume)
			require.Equal(t, []string{"muted=true", "muted=false", "muted=true", "muted=false"}, r.edits())
		})
	})
	t.Run("pictures", func(t *testing.T) {
		t.Parallel()
		inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
			r.chat.StartCall()
			r.play()
			require.NoError(t, r.calls.Play(r.ctx, r.id, film{song{"a"}}))
			r.settle(2 * time.Second)
			r.do(r.lib.Pause)
			r.do(r.lib.Resume)
			r.do(r.lib.Mute)
			r.play()
			r.settle(2 * time.Second)
			require.Equal(t, []string{"stopped=false", "paused=true", "paused=false", "muted=true", "stopped=true"}, r.edits())
		})
	})
	t.Run("coalesced", func(t *testing.T) {
		t.Parallel()
		inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
			call := r.chat.StartCall()
			call.Enter(r.ann)
			r.play()
			for range 100 {
				_, _ = r.lib.Pause(r.id)
				r.settle(50 * time.Millisecond)
				_, _ = r.lib.Resume(r.id)
				r.settle(50 * time.Millisecond)
			}
			r.settle(2 * time.Second)
			require.LessOrEqual(t, len(r.edits()), 12, "one a second")
			me, _ := call.Participant(r.dj)
			require.False(t, me.Muted)
		})
	})
	t.Run("again after a rejoin", func(t *testing.T) {
		t.Parallel()
		inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
			call := r.chat.StartCall()
			r.play()
			r.do(r.lib.Pause)
			r.lib.fail(r.id)
			await[groupcall.Restored](r, 1)
			r.settle(5 * time.Second)
			require.Equal(t, []string{"muted=true", "muted=true"}, r.edits())
			me, _ := call.Participant(r.dj)
			require.True(t, me.Muted)
		})
	})
}

func TestEachErrorOfAnEdit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault telegramtest.Fault
		edits int
		shown bool
		state groupcall.State
	}{
		"not modified":   {failing(groupcall.ErrNotModified, 1), 1, false, groupcall.In},
		"not allowed":    {failing(groupcall.ErrNotAllowed, 1), 2, true, groupcall.In},
		"trouble":        {failing(groupcall.ErrTransient, 3), 4, true, groupcall.In},
		"no answer":      {telegramtest.Fault{Lost: true}, 2, true, groupcall.In},
		"not in call":    {failing(groupcall.ErrNotInCall, 1), 2, true, groupcall.In},
		"call has ended": {failing(groupcall.ErrCallEnded, 1), 2, true, groupcall.In},
		"flood":          {failing(&groupcall.Flood{Wait: 40 * time.Second}, 1), 2, true, groupcall.In},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
				call := r.chat.StartCall()
				call.Enter(r.ann)
				r.play()
				r.world.Fail("Edit", c.fault)
				_, _ = r.lib.Pause(r.id)
				r.settle(45 * time.Second)
				require.Len(t, r.edits(), c.edits)
				me, _ := call.Participant(r.dj)
				require.Equal(t, c.shown, me.Muted)
				require.Equal(t, c.state, r.state())
				require.Len(t, r.joins(), 1)
			})
		})
	}
	t.Run("in truth not in the call", func(t *testing.T) {
		t.Parallel()
		inVirtualTime(t, setting{world: []telegramtest.Option{
			telegramtest.WithWeather(telegramtest.Weather{Drop: 1}),
		}}, func(t *testing.T, r *rig) {
			call := r.chat.StartCall()
			call.Enter(r.ann)
			r.play()
			call.Kick(r.dj)
			_, _ = r.lib.Pause(r.id)
			r.settle(15 * time.Second)
			require.Len(t, r.joins(), 2)
			me, in := call.Participant(r.dj)
			require.True(t, in && me.Muted)
		})
	})
}

func TestAdminMutePausesAndUnmuteGoesOn(t *testing.T) {
	t.Parallel()
	for name, drop := range map[string]float64{"by updates": 0, "by asking": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, setting{world: []telegramtest.Option{
				telegramtest.WithWeather(telegramtest.Weather{Drop: drop}),
			}}, func(t *testing.T, r *rig) {
				call := r.chat.StartCall()
				call.Enter(r.ann)
				r.play()
				r.settle(30 * time.Second)
				call.Mute(r.dj)
				r.settle(80 * time.Second)
				require.Equal(t, groupcall.Muted, r.state())
				c, _ := r.lib.at(r.id)
				require.True(t, c.paused)
				at := c.at
				require.Equal(t, 1, count[groupcall.Silenced](r))
				require.Equal(t, []string{"hand=true"}, r.edits())

				call.Unmute(r.dj)
				r.settle(20 * time.Second)
				require.Equal(t, groupcall.In, r.state())
				c, _ = r.lib.at(r.id)
				require.False(t, c.paused)
				if drop == 0 {
					require.InDelta(t, 30, at.Seconds(), 0.2)
					require.InDelta(t, at.Seconds()+20, c.at.Seconds(), 0.3)
				}
				require.Equal(t, []string{"hand=true", "muted=false"}, r.edits())
				require.Equal(t, 1, count[groupcall.Unsilenced](r))
				me, _ := call.Participant(r.dj)
				require.False(t, me.Muted)
			})
		})
	}
}

func TestMutesInARow(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
		call := r.chat.StartCall()
		call.Enter(r.ann)
		r.play()
		r.settle(10 * time.Second)
		for range 3 {
			call.Mute(r.dj)
			r.settle(333 * time.Millisecond)
			call.Unmute(r.dj)
			r.settle(333 * time.Millisecond)
		}
		r.settle(5 * time.Second)
		require.LessOrEqual(t, len(r.edits()), 3)
		me, _ := call.Participant(r.dj)
		require.False(t, me.Muted)
		c, _ := r.lib.at(r.id)
		require.False(t, c.paused)
		require.Equal(t, groupcall.In, r.state())
		require.LessOrEqual(t, count[groupcall.Silenced](r), 1)
		require.Equal(t, count[groupcall.Silenced](r), count[groupcall.Unsilenced](r))
	})
}

func TestJoinMutedCall(t *testing.T) {
	t.Parallel()
	for name, bare := range map[string]float64{"the answer says it": 0, "the answer says nothing": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, setting{world: []telegramtest.Option{
				telegramtest.WithWeather(telegramtest.Weather{Bare: bare}),
			}}, func(t *testing.T, r *rig) {
				call := r.chat.StartCall()
				call.SetJoinMuted(true)
				call.Enter(r.ann)
				r.play()
				r.settle(5 * time.Second)
				require.Equal(t, groupcall.Muted, r.state())
				c, _ := r.lib.at(r.id)
				require.True(t, c.paused)
				require.Less(t, c.at, 2*time.Second)
				require.Equal(t, []string{"hand=true"}, r.edits())
				call.Unmute(r.dj)
				r.settle(2 * time.Second)
				require.Equal(t, groupcall.In, r.state())
				c, _ = r.lib.at(r.id)
				require.False(t, c.paused)
			})
		})
	}
}

// TestMutedByAWord: somebody who may asks us to be quiet, and lets us speak again.
func TestMutedByAWord(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
		call := r.chat.StartCall()
		call.Enter(r.ann)
		r.play()
		r.settle(5 * time.Second)
		began := time.Now()
		for time.Since(began) < 90*time.Second {
			call.Unmute(r.dj) // muted, though we may speak
			r.settle(2 * time.Second)
		}
		require.LessOrEqual(t, len(r.edits()), 4, "at most one in 30 s")
		require.NotEmpty(t, r.edits())
		r.settle(40 * time.Second)
		me, _ := call.Participant(r.dj)
		require.False(t, me.Muted)
		c, _ := r.lib.at(r.id)
		require.False(t, c.paused)
	})
}

// TestPauseOfTheUserOutlastsAMute: what was paused stays so, also if it was paused
// during the mute; and what was resumed during the mute goes on after it.
func TestPauseOfTheUserOutlastsAMute(t *testing.T) {
	t.Parallel()
	const before, during = "before", "during"
	for name, c := range map[string]struct {
		pause, resume string
		paused        bool
	}{
		"paused before":                    {before, "", true},
		"paused during it":                 {during, "", true},
		"paused before, resumed during it": {before, during, false},
		"paused and resumed during it":     {during, during, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
				call := r.chat.StartCall()
				call.Enter(r.ann)
				r.play()
				for _, when := range []string{before, during} {
					if when == during {
						call.Mute(r.dj)
						r.settle(5 * time.Second)
					}
					if c.pause == when {
						changed, err := r.calls.Pause(r.id)
						require.NoError(t, err)
						require.True(t, changed)
					}
					if c.resume == when {
						changed, err := r.calls.Resume(r.id)
						require.NoError(t, err)
						require.True(t, changed)
					}
					r.settle(2 * time.Second)
				}
				media, _ := r.lib.at(r.id)
				require.True(t, media.paused, "muted")
				call.Unmute(r.dj)
				r.settle(5 * time.Second)
				media, _ = r.lib.at(r.id)
				require.Equal(t, c.paused, media.paused)
				require.Equal(t, groupcall.In, r.state())
				r.do(r.calls.Resume)
				me, _ := call.Participant(r.dj)
				require.False(t, me.Muted)
			})
		})
	}
}
