package play

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/play/playtest"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// TestNextSourceWhileNothingPlays begins at once, whatever the call is doing.
func TestNextSourceWhileNothingPlays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ before, after func(*rig) }{
		"playing":      {func(*rig) {}, func(*rig) {}},
		"paused":       {func(r *rig) { _, _ = r.SetPaused(true) }, func(r *rig) { _, _ = r.SetPaused(false) }},
		"disconnected": {func(r *rig) { r.Disconnect() }, func(r *rig) { r.plug() }},
		"muted":        {func(r *rig) { _, _ = r.SetMuted(true) }, func(r *rig) { _, _ = r.SetMuted(false) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtual(t, func(t *testing.T, r *rig) {
				require.NoError(t, r.SetSource(t.Context(), playtest.New(a, time.Second)))
				sleep(1100 * ms) // it ended a moment ago
				c.before(r)
				slow := playtest.New(a, time.Second)
				slow.OpenTakes = 50 * ms
				require.NoError(t, r.SetNext(t.Context(), slow))
				require.True(t, r.Plays(slow))
				began := time.Now()
				c.after(r)
				sleep(time.Minute)
				require.Equal(t, []endOf{{a, nil}, {a, nil}}, r.ended())
				if name != "muted" {
					requireWhole(t, r.got(a)[50:], 0, time.Second)
					require.Equal(t, began, r.got(a)[50].due, "not before it was there")
				}
				require.Zero(t, r.stats().FramesLate)
			})
		})
	}
}

// TestNextSourceFollowsOneThatIsBeingOpened: also one that cannot be opened.
func TestNextSourceFollowsOneThatIsBeingOpened(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fails error
		ends  int
	}{"that opens": {nil, 2}, "that fails": {models.ErrFile, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtual(t, func(t *testing.T, r *rig) {
				first := playtest.New(av, time.Second)
				first.OpenTakes, first.Fails = 2*time.Second, c.fails
				result := make(chan error)
				go func() { result <- r.SetSource(t.Context(), first) }()
				sleep(time.Second)
				require.NoError(t, r.SetNext(t.Context(), playtest.New(a, time.Second)))
				sleep(900 * ms)
				require.Empty(t, r.got(a), "it waits for the first")
				require.ErrorIs(t, <-result, c.fails)
				sleep(5 * time.Second)
				require.Len(t, r.ended(), c.ends)
				requireJoined(t, r.got(a))
				require.Len(t, r.got(a), 50*c.ends)
			})
		})
	}
}

// TestNextSourceAfterEachEnd: it begins after any end but that of the player, and the
// reason of the end is reported.
func TestNextSourceAfterEachEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end    error
		do     func(*testing.T, *rig)
		reason error
		begins bool
	}{
		"natural":       {end: errEOF, begins: true},
		"crash":         {end: playtest.ErrCrash, reason: playtest.ErrCrash, begins: true},
		"stall":         {reason: models.ErrStalled, begins: true},
		"seek past it":  {end: errEOF, do: func(t *testing.T, r *rig) { require.NoError(t, r.Seek(t.Context(), by(time.Hour))) }, begins: true},
		"seek in it":    {end: errEOF, do: func(t *testing.T, r *rig) { require.NoError(t, r.Seek(t.Context(), to(0))) }, begins: true},
		"stop":          {end: errEOF, do: func(_ *testing.T, r *rig) { r.Close(models.ErrStopped) }, reason: models.ErrStopped},
		"taken back":    {end: errEOF, do: func(t *testing.T, r *rig) { require.NoError(t, r.SetNext(t.Context(), nil)) }},
		"pause in it":   {end: errEOF, do: func(_ *testing.T, r *rig) { pauseFor(r, time.Minute) }, begins: true},
		"mute":          {end: errEOF, do: func(_ *testing.T, r *rig) { _, _ = r.SetMuted(true) }, begins: true},
		"disconnection": {end: errEOF, do: func(_ *testing.T, r *rig) { r.Disconnect(); sleep(time.Minute); r.plug() }, begins: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtual(t, func(t *testing.T, r *rig) {
				src := playtest.New(a, 2*time.Second)
				src.End = c.end
				require.NoError(t, r.SetSource(t.Context(), src))
				sleep(time.Second)
				next := playtest.New(a, time.Second)
				require.NoError(t, r.SetNext(t.Context(), next))
				sleep(210 * ms)
				if c.do != nil {
					c.do(t, r)
				}
				sleep(2 * time.Minute)
				synctest.Wait()
				ends := r.ended()
				require.ErrorIs(t, ends[0].err, c.reason)
				require.ErrorIs(t, next.Context().Err(), context.Canceled, "nothing of it is left")
				if !c.begins {
					require.Len(t, ends, 1)
					return
				}
				require.Equal(t, endOf{a, nil}, ends[1])
				require.Len(t, ends, 2)
				if name == "mute" {
					return
				}
				got := r.got(a)
				requireWhole(t, got[len(got)-50:], 0, time.Second)
				if errors.Is(c.end, errEOF) {
					requireJoined(t, got[len(got)-51:])
				}
			})
		})
	}
}

func pauseFor(r *rig, d time.Duration) {
	_, _ = r.SetPaused(true)
	sleep(d)
	_, _ = r.SetPaused(false)
}

// TestPauseAtTheBoundary: in the last frame of the old source, in the first of the next,
// and for long or short. Nothing is sent meanwhile, and nothing is caught up with.
func TestPauseAtTheBoundary(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Duration{1970, 1981, 1990, 1999, 2000, 2001, 2010} {
		for _, length := range []time.Duration{5 * ms, 100 * ms, time.Hour} {
			virtual(t, func(t *testing.T, r *rig) {
				require.NoError(t, r.SetSource(t.Context(), playtest.New(a, 2*time.Second)))
				require.NoError(t, r.SetNext(t.Context(), playtest.New(a, 2*time.Second)))
				sleep(at * ms)
				_, _ = r.SetPaused(true)
				before := len(r.got(a))
				sleep(length)
				require.Len(t, r.got(a), before)
				_, _ = r.SetPaused(false)
				resumed := time.Now()
				sleep(time.Minute)
				requireSmooth(t, r)
				got := r.got(a)
				require.Len(t, got, 200)
				requireWhole(t, got[100:], 0, 2*time.Second)
				require.LessOrEqual(t, got[before].due.Sub(resumed), 20*ms)
				requireJoined(t, got[:before])
				requireJoined(t, got[before:])
				require.Equal(t, []endOf{{a, nil}, {a, nil}}, r.ended())
			})
		}
	}
}

// TestSetSourceClosesTheNext: a source that is set later replaces what plays and what
// was to follow it, when it is open and not before.
func TestSetSourceClosesTheNext(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		require.NoError(t, r.SetSource(t.Context(), playtest.New(a, time.Hour)))
		next := playtest.New(a, time.Hour)
		require.NoError(t, r.SetNext(t.Context(), next))
		bad := playtest.New(a, time.Second)
		bad.Fails = models.ErrFile
		require.ErrorIs(t, r.SetSource(t.Context(), bad), models.ErrFile)
		require.NoError(t, next.Context().Err(), "nothing changed")

		opening := playtest.New(a, time.Hour)
		opening.OpenTakes = time.Second
		lost := make(chan error, 1)
		go func() { lost <- r.SetNext(t.Context(), opening) }()
		sleep(0)
		require.NoError(t, r.SetSource(t.Context(), playtest.New(a, time.Second)))
		require.ErrorIs(t, <-lost, models.ErrSourceReplaced)
		sleep(time.Minute)
		require.ErrorIs(t, next.Context().Err(), context.Canceled)
		require.Equal(t, []endOf{{a, nil}}, r.ended())
	})
}

// TestNextSourceBeginsWhileAnotherIsBeingOpened, and that one replaces it.
func TestNextSourceBeginsWhileAnotherIsBeingOpened(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		require.NoError(t, r.SetSource(t.Context(), playtest.New(a, time.Second)))
		require.NoError(t, r.SetNext(t.Context(), playtest.New(a, time.Hour)))
		slow := playtest.New(a, 4*time.Second)
		slow.OpenTakes = 3 * time.Second
		require.NoError(t, r.SetSource(t.Context(), slow))
		require.Len(t, r.ended(), 1)
		sleep(time.Minute)
		require.Equal(t, []endOf{{a, nil}, {a, nil}}, r.ended())
		got := r.got(a)
		require.InDelta(t, 50*(1+2+4), len(got), 1)
		requireJoined(t, got)
		requireWhole(t, got[len(got)-200:], 0, 4*time.Second)
	})
}

// TestSetSourceFromTheEnd replaces the next source that has just begun.
func TestSetSourceFromTheEnd(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		ended := make(chan struct{}, 9)
		r.onEnd = func() { ended <- struct{}{} }
		require.NoError(t, r.SetSource(t.Context(), playtest.New(a, time.Second)))
		require.NoError(t, r.SetNext(t.Context(), playtest.New(a, time.Hour)))
		<-ended
		require.NoError(t, r.SetSource(t.Context(), playtest.New(a, 2*time.Second)))
		sleep(time.Minute)
		require.Equal(t, []endOf{{a, nil}, {a, nil}}, r.ended())
		got := r.got(a)
		requireWhole(t, got[len(got)-100:], 0, 2*time.Second)
		require.LessOrEqual(t, len(got), 151)
		requireSmooth(t, r)
	})
}

func TestLatestNextSourceWins(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		require.NoError(t, r.SetSource(t.Context(), playtest.New(a, 10*time.Second)))
		first := playtest.New(a, time.Hour)
		require.NoError(t, r.SetNext(t.Context(), first))
		bad := playtest.New(a, time.Second)
		bad.Fails = models.ErrFile
		require.ErrorIs(t, r.SetNext(t.Context(), bad), models.ErrFile)
		require.NoError(t, first.Context().Err(), "the one before stays")
		slow := playtest.New(a, time.Hour)
		slow.OpenTakes = time.Second
		lost := make(chan error, 1)
		go func() { lost <- r.SetNext(t.Context(), slow) }()
		sleep(0)
		require.NoError(t, r.SetNext(t.Context(), playtest.New(v, time.Second)))
		require.ErrorIs(t, <-lost, models.ErrSourceReplaced)
		synctest.Wait()
		require.ErrorIs(t, first.Context().Err(), context.Canceled)
		ctx, cancel := context.WithTimeout(t.Context(), 100*ms)
		defer cancel()
		require.ErrorIs(t, r.SetNext(ctx, slow), context.DeadlineExceeded)
		slow.OpenTakes = time.Hour
		began := time.Now()
		require.ErrorIs(t, r.SetNext(t.Context(), slow), models.ErrStalled)
		require.Equal(t, 30*time.Second, time.Since(began))
		require.Equal(t, []endOf{{a, nil}, {v, nil}}, r.ended())
		r.Close(models.ErrStopped)
		require.ErrorIs(t, r.SetNext(t.Context(), first), models.ErrStopped)
		require.ErrorIs(t, r.SetNext(t.Context(), nil), models.ErrStopped)
	})
}

// TestSeekAndTheNextSource: a seek that saves the source from its end holds the next
// one back, and one that fails lets it begin.
func TestSeekAndTheNextSource(t *testing.T) {
	t.Parallel()
	for _, fails := range []error{nil, models.ErrFile} {
		virtual(t, func(t *testing.T, r *rig) {
			src := playtest.New(a, 2*time.Second)
			require.NoError(t, r.SetSource(t.Context(), src))
			require.NoError(t, r.SetNext(t.Context(), playtest.New(a, time.Second)))
			sleep(1500 * ms)
			src.OpenTakes, src.Fails = 5*time.Second, fails
			require.ErrorIs(t, r.Seek(t.Context(), to(time.Second)), fails)
			sleep(10 * time.Second)
			require.Equal(t, []endOf{{a, nil}, {a, nil}}, r.ended())
			got := r.got(a)
			requireWhole(t, got[len(got)-50:], 0, time.Second)
			require.Zero(t, r.stats().FramesLate)
		})
	}
}

// TestNextSourceAcrossALostCall: it is opened again, in the background, and follows the
// source that is restored.
func TestNextSourceAcrossALostCall(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*rig, *playtest.Source) // before the second player begins
		then   func(*testing.T, *rig)
		ends   []endOf
	}{
		"restored": {ends: []endOf{{a, nil}, {av, nil}}},
		"cannot be opened again": {
			change: func(_ *rig, next *playtest.Source) { next.Fails = models.ErrFile },
			ends:   []endOf{{a, nil}, {av, models.ErrFile}},
		},
		"replaced meanwhile": {
			then: func(t *testing.T, r *rig) { require.NoError(t, r.SetNext(t.Context(), playtest.New(v, time.Second))) },
			ends: []endOf{{a, nil}, {v, nil}},
		},
		"a new source": {
			then: func(t *testing.T, r *rig) { require.NoError(t, r.SetSource(t.Context(), playtest.New(v, time.Second))) },
			ends: []endOf{{v, nil}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtual(t, func(t *testing.T, old *rig) {
				next := playtest.New(av, time.Second)
				require.NoError(t, old.SetSource(t.Context(), playtest.New(a, 10*time.Second)))
				require.NoError(t, old.SetNext(t.Context(), next))
				sleep(time.Second)
				snapshot := old.Snapshot()
				require.Equal(t, media.Source(next), snapshot.Next)
				old.Close(models.ErrConnectionFailed)
				require.Equal(t, []endOf{{a, models.ErrConnectionFailed}}, old.ended())

				r := newRig(30 * time.Second)
				next.OpenTakes = 2 * time.Second
				if c.change != nil {
					c.change(r, next)
				}
				began := time.Now()
				require.NoError(t, r.Restore(t.Context(), snapshot))
				require.Zero(t, time.Since(began), "it does not wait for the next one")
				require.Equal(t, media.Source(next), r.Snapshot().Next)
				r.plug()
				if c.then != nil {
					c.then(t, r)
				}
				sleep(time.Minute)
				require.Equal(t, c.ends, r.ended())
				r.Close(models.ErrClosed)
			})
		})
	}
}

// TestRestoreGoesOnWithTheNextSource when the current one has nothing left to play.
func TestRestoreGoesOnWithTheNextSource(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		src, next := playtest.New(a, 10*time.Second), playtest.New(a, time.Second)
		require.NoError(t, r.Restore(t.Context(), Snapshot{Source: src, Next: next, Tracks: a, Position: 10 * time.Second}))
		sleep(time.Minute)
		require.Equal(t, []endOf{{a, nil}, {a, nil}}, r.ended())
		requireWhole(t, r.got(a), 0, time.Second)
	})
}
