package play

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/play/playtest"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// requireInPlace asserts that sound has neither a hole nor an overlap, and that each
// frame begins in the media where the one before ended, at some speed. A source that was
// not ready in time goes on with a whole frame, which may be half a one off.
func requireInPlace(t *testing.T, got []written, inTime bool) {
	t.Helper()
	require.NotEmpty(t, got)
	for i := 1; i < len(got); i++ {
		require.Equal(t, got[i-1].due.Add(got[i-1].Duration), got[i].due, "frame %d, %s", i, got[i].media)
		if inTime {
			require.Equal(t, got[i].due, got[i].at)
		}
		require.LessOrEqual(t, got[i].at.Sub(got[i].due), 10*ms, "frame %d", i)
		step := (got[i].media - got[i-1].media).Seconds() / got[i-1].Duration.Seconds()
		off := 1e-6
		if !inTime {
			off = 1 // half a frame at twice the speed
		}
		require.GreaterOrEqual(t, step, 0.5-off, "frame %d, from %s to %s", i, got[i-1].media, got[i].media)
		require.LessOrEqual(t, step, 2+off, "frame %d, from %s to %s", i, got[i-1].media, got[i].media)
	}
}

// TestSoundChangesInItsPlace: however long the encoder takes, nothing is left out,
// repeated or late, and the new sound is heard as soon as may be.
func TestSoundChangesInItsPlace(t *testing.T) {
	t.Parallel()
	for _, tracks := range []media.Track{a, av} {
		for _, takes := range []time.Duration{0, 60 * ms, 150 * ms, 230 * ms, 700 * ms} {
			virtual(t, func(t *testing.T, r *rig) {
				src := playtest.NewTunable(tracks, 20*time.Second)
				src.OpenTakes = takes
				require.NoError(t, r.SetSource(t.Context(), src))
				sleep(2005 * ms)
				at := 2020 * ms
				for _, s := range []media.Sound{{Volume: 50}, {Speed: 2}, {Speed: 2, Bass: 6}, {Speed: 0.5}, {Speed: 1.25}, {}} {
					speed := r.Sound().Speed
					began := time.Now()
					require.NoError(t, r.SetSound(t.Context(), s))
					took := time.Since(began)
					require.LessOrEqual(t, took, max(190*ms, takes+10*ms))
					at += time.Duration(float64(took) * speed)
					require.InDelta(t, at.Seconds(), r.Position().Seconds(), 0.041*speed, "%+v", s)
					sleep(time.Second)
					want, _ := s.Resolve()
					require.Equal(t, want, r.Sound())
					at += time.Duration(float64(time.Second) * want.Speed)
					require.InDelta(t, at.Seconds(), r.Position().Seconds(), 0.1)
					at = r.Position()
				}
				requireInPlace(t, r.got(a), takes < soundLead)
				require.Empty(t, r.ended())
				require.Zero(t, r.stats().ClockMoves)
				require.Len(t, src.Opened(), 7)
				sleep(30 * time.Second)
				require.Equal(t, []endOf{{tracks, nil}}, r.ended())
				require.InDelta(t, 20, r.Position().Seconds(), 0.05)
				due := time.Time{}
				for _, w := range r.got(v) {
					require.True(t, w.due.After(due), "no two pictures at the same time")
					due = w.due
				}
			})
		}
	}
}

// TestSoundWhilePausedKeepsThePlace: to the frame, whether it was paused before or while
// the source is reopened.
func TestSoundWhilePausedKeepsThePlace(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]time.Duration{"before": -1, "opening": 30 * ms, "waiting": 100 * ms} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtual(t, func(t *testing.T, r *rig) {
				src := playtest.NewTunable(av, time.Minute)
				src.OpenTakes = 60 * ms
				require.NoError(t, r.SetSource(t.Context(), src))
				sleep(2005 * ms)
				pause := func() { _, _ = r.SetPaused(true) }
				if after < 0 {
					pause()
				} else {
					time.AfterFunc(after, pause)
				}
				require.NoError(t, r.SetSound(t.Context(), media.Sound{Volume: 20}))
				at := r.Position()
				require.InDelta(t, 2.02, at.Seconds(), 0.12)
				sleep(time.Hour)
				require.Equal(t, at, r.Position())
				written := r.got(a)
				require.Equal(t, at, written[len(written)-1].media+20*ms)
				_, _ = r.SetPaused(false)
				sleep(time.Second)
				written = r.got(a)
				for i := 1; i < len(written); i++ {
					require.Equal(t, written[i-1].media+20*ms, written[i].media)
				}
			})
		})
	}
}

// TestSliderDoesNotStorm: of many calls the last counts, and few reopen the source.
func TestSliderDoesNotStorm(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		src := playtest.NewTunable(a, 5*time.Minute)
		src.OpenTakes = 60 * ms
		require.NoError(t, r.SetSource(t.Context(), src))
		sleep(time.Second)
		var calls sync.WaitGroup
		began := time.Now()
		for i := range 100 {
			calls.Go(func() { _ = r.SetSound(t.Context(), media.Sound{Volume: 100 + i}) })
			sleep(10 * ms)
		}
		calls.Wait()
		require.Less(t, time.Since(began), 1400*ms)
		opened := src.Opened()
		require.Equal(t, 199, opened[len(opened)-1].Volume)
		require.LessOrEqual(t, len(opened), 9)
		// One after another is no faster.
		for i := range 10 {
			require.NoError(t, r.SetSound(t.Context(), media.Sound{Volume: 10 + i}))
		}
		require.Greater(t, time.Since(began), 2400*ms)
		require.NoError(t, r.SetSound(t.Context(), media.Sound{Volume: 19}), "as it is")
		require.Len(t, src.Opened(), len(opened)+10)
		sleep(time.Second)
		requireInPlace(t, r.got(a), true)
	})
}

func TestSoundIsThatOfLaterSourcesToo(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		require.NoError(t, r.SetSound(t.Context(), media.Sound{Speed: 2}))
		first, second, third := playtest.NewTunable(a, 4*time.Second), playtest.NewTunable(a, 4*time.Second), playtest.NewTunable(a, 4*time.Second)
		require.NoError(t, r.SetSource(t.Context(), first))
		require.NoError(t, r.SetNext(t.Context(), second))
		sleep(time.Second)
		require.Equal(t, 2*time.Second, r.Position().Round(100*ms))
		require.NoError(t, r.SetSound(t.Context(), media.Sound{Speed: 0.5}))
		require.Len(t, second.Opened(), 2, "the one that waits as well")
		sleep(4 * time.Second)
		require.Equal(t, []endOf{{a, nil}}, r.ended())
		require.NoError(t, r.SetSource(t.Context(), third))
		sleep(8010 * ms)
		require.Equal(t, []endOf{{a, nil}, {a, nil}}, r.ended())
		require.Equal(t, []float64{0.5}, speeds(third.Opened()))
		requireJoined(t, r.got(a))
	})
}

func speeds(sounds []media.Sound) (speeds []float64) {
	for _, s := range sounds {
		speeds = append(speeds, s.Speed)
	}
	return speeds
}

// TestSoundAtTheEndLeavesItToItself: the source ends once, where it should, and the next
// begins there.
func TestSoundAtTheEndLeavesItToItself(t *testing.T) {
	t.Parallel()
	for _, left := range []time.Duration{10, 50, 100, 150, 170, 250} {
		virtual(t, func(t *testing.T, r *rig) {
			src, next := playtest.NewTunable(a, 2*time.Second), playtest.NewTunable(a, time.Second)
			src.OpenTakes, next.OpenTakes = 60*ms, 60*ms
			require.NoError(t, r.SetSource(t.Context(), src))
			require.NoError(t, r.SetNext(t.Context(), next))
			began := time.Now()
			sleep(2*time.Second - 60*ms - left*ms) // SetNext took 60
			require.NoError(t, r.SetSound(t.Context(), media.Sound{Volume: 50}))
			sleep(5 * time.Second)
			require.Equal(t, []endOf{{a, nil}, {a, nil}}, r.ended())
			got := r.got(a)
			require.WithinDuration(t, began.Add(3*time.Second-60*ms), got[len(got)-1].due.Add(20*ms), 21*ms)
			for i := 1; i < len(got); i++ {
				require.Equal(t, got[i-1].due.Add(20*ms), got[i].due)
			}
		})
	}
}

// TestSoundGivesWayToASeekAndASource: both have it.
func TestSoundGivesWayToASeekAndASource(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		src, other := playtest.NewTunable(a, 5*time.Minute), playtest.NewTunable(a, 5*time.Minute)
		src.OpenTakes, other.OpenTakes = 60*ms, 60*ms
		require.NoError(t, r.SetSource(t.Context(), src))
		sleep(time.Second)
		for _, do := range []func() error{
			func() error { return r.Seek(t.Context(), to(time.Minute)) },
			func() error { return r.SetSource(t.Context(), other) },
		} {
			for _, wait := range []time.Duration{-30, 0, 30, 100} { // when SetSound is called
				result := make(chan error, 1)
				volume := r.Sound().Volume + 1
				if wait < 0 {
					time.AfterFunc(-wait*ms, func() { result <- r.SetSound(t.Context(), media.Sound{Volume: volume}) })
					require.NoError(t, do())
				} else {
					go func() { result <- r.SetSound(t.Context(), media.Sound{Volume: volume}) }()
					sleep(wait * ms)
					require.NoError(t, do())
				}
				require.NoError(t, <-result)
				sleep(500 * ms)
				require.Equal(t, volume, r.current.sound.Volume)
			}
		}
		require.Empty(t, r.ended())
	})
}

func TestSoundThatTheSourceCannotHave(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		for _, s := range []media.Sound{{Volume: 401}, {Volume: -1}, {Speed: 0.4}, {Speed: 2.1}, {Bass: 21}, {Treble: -21}, {Loudness: -41}, {Loudness: -1}, {Speed: math.NaN()}, {Bass: math.Inf(1)}} {
			require.ErrorIs(t, r.SetSound(t.Context(), s), models.ErrInvalidParams, "%+v", s)
		}
		require.NoError(t, r.SetSound(t.Context(), media.Sound{Volume: 70}))
		plain := playtest.New(a, 5*time.Minute)
		require.NoError(t, r.SetSource(t.Context(), plain))
		require.ErrorIs(t, r.SetSound(t.Context(), media.Sound{Volume: 80}), models.ErrSoundUnsupported)
		require.NoError(t, r.SetSound(t.Context(), media.Sound{}), "it has that")
		require.Equal(t, plain, r.current.source)

		live := playtest.NewTunable(a, 5*time.Minute)
		live.Present, live.Live, live.OpenTakes = true, true, 60*ms
		require.NoError(t, r.SetSource(t.Context(), live))
		sleep(2 * time.Second)
		require.NoError(t, r.SetSound(t.Context(), media.Sound{Volume: 80}))
		require.InDelta(t, 2.08, r.Position().Seconds(), 0.03)
		require.ErrorIs(t, r.SetSound(t.Context(), media.Sound{Volume: 80, Speed: 2}), models.ErrSoundUnsupported)
		require.Len(t, live.Opened(), 2, "another speed changes nothing")
		require.ErrorIs(t, r.SetSound(t.Context(), media.Sound{Volume: 60, Speed: 2}), models.ErrSoundUnsupported)
		require.Equal(t, 60, live.Opened()[2].Volume)
		sleep(time.Second)
		requireJoined(t, r.got(a)[len(r.got(a))-100:])

		live.Fails = playtest.ErrCrash
		require.ErrorIs(t, r.SetSound(t.Context(), media.Sound{}), playtest.ErrCrash)
		sleep(time.Second)
		require.Empty(t, r.ended(), "it goes on")
		require.Equal(t, 100, r.Sound().Volume)
	})
}

func TestSoundIsGivenUpWithItsContext(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		src := playtest.NewTunable(a, 5*time.Minute)
		require.NoError(t, r.SetSource(t.Context(), src))
		src.OpenTakes = time.Minute
		sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, r.SetSound(ctx, media.Sound{Volume: 50}), context.DeadlineExceeded)
		sleep(time.Second)
		require.Len(t, r.got(a), 151)
		src.OpenTakes = 0
		require.NoError(t, r.Seek(t.Context(), to(time.Minute)))
		require.Equal(t, 50, r.current.sound.Volume)
		src.OpenTakes = time.Minute
		result := make(chan error)
		go func() { result <- r.SetSound(t.Context(), media.Sound{}) }()
		sleep(time.Second)
		r.Shut(models.ErrStopped)
		require.ErrorIs(t, <-result, models.ErrStopped)
	})
}

// TestRejoinKeepsSoundAndPlace: at any speed, and where the sound changed after the
// server's last sign of life.
func TestRejoinKeepsSoundAndPlace(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		after time.Duration // SetSound, after the last sign of life
		want  time.Duration
	}{
		"before": {-2 * time.Second, 22 * time.Second},
		"after":  {3 * time.Second, 20 * time.Second},
		"silent": {8 * time.Second, 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const window = 7 * time.Second
				r := newRigWithin(30*time.Second, window)
				r.plug()
				src := playtest.NewTunable(a, 5*time.Minute)
				require.NoError(t, r.SetSource(t.Context(), src))
				set := func() { require.NoError(t, r.SetSound(t.Context(), media.Sound{Speed: 2})) }
				alive := time.Now().Add(20 * time.Second)
				if test.after < 0 {
					sleep(20*time.Second + test.after)
					set()
					alive = time.Now().Add(-test.after)
				} else {
					sleep(20 * time.Second)
				}
				if test.after > 0 && test.after < window {
					sleep(test.after)
					set()
				}
				sleep(time.Until(alive.Add(window)))
				r.Silence(alive)
				if test.after > window {
					sleep(test.after - window)
					set()
				}
				sleep(38 * time.Second)
				got := r.Snapshot()
				require.InDelta(t, test.want.Seconds(), got.Position.Seconds(), 0.6)
				r.Close(models.ErrClosed)
				again := newRigWithin(30*time.Second, window)
				again.plug()
				require.NoError(t, again.Restore(t.Context(), got))
				require.InDelta(t, 2, again.Sound().Speed, 0)
				sleep(time.Second)
				require.InDelta(t, (got.Position + 2*time.Second).Seconds(), again.Position().Seconds(), 0.1)
				again.Close(models.ErrClosed)
			})
		})
	}
}

// TestSoundAmongEverythingElse: whatever is called meanwhile, sound never overlaps, the
// sound that was set last is the one that plays, and nothing is left.
func TestSoundAmongEverythingElse(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		virtual(t, func(t *testing.T, r *rig) {
			dice := rand.New(rand.NewPCG(seed, 0))
			source := func() media.Source {
				src := playtest.NewTunable([]media.Track{a, av}[dice.IntN(2)], 20*time.Second)
				src.OpenTakes = time.Duration(dice.IntN(300)) * ms
				return src
			}
			var calls sync.WaitGroup
			for range 60 {
				src, at, on := source(), time.Duration(dice.IntN(21))*time.Second, dice.IntN(2) == 0
				sound := media.Sound{Volume: 1 + dice.IntN(400), Speed: []float64{0, 0.5, 1.5, 2}[dice.IntN(4)]}
				do := []func(){
					func() { _ = r.SetSound(t.Context(), sound) },
					func() { _ = r.SetSound(t.Context(), sound) },
					func() { _ = r.SetSource(t.Context(), src) },
					func() { _ = r.SetNext(t.Context(), src) },
					func() { _ = r.Seek(t.Context(), to(at)) },
					func() { _, _ = r.SetPaused(on) },
					func() { r.Disconnect() },
					func() { r.plug() },
				}[dice.IntN(8)]
				calls.Go(do)
				sleep(time.Duration(dice.IntN(400)) * ms)
			}
			_, _ = r.SetPaused(false)
			r.plug()
			calls.Wait()
			require.NoError(t, r.SetSource(t.Context(), source()))
			require.NoError(t, r.SetSound(t.Context(), media.Sound{Volume: 77}))
			sleep(time.Second)
			require.NotNil(t, r.current)
			require.Equal(t, 77, r.current.sound.Volume, "seed %d", seed)
			var free time.Time
			for _, w := range r.got(a) {
				require.False(t, w.due.Before(free), "seed %d: %v overlaps by %s", seed, w.media, free.Sub(w.due))
				free = w.due.Add(w.Duration)
			}
			var last time.Time
			for _, w := range r.got(v) {
				require.False(t, w.due.Before(last), "seed %d: pictures go back by %s", seed, last.Sub(w.due))
				last = w.due
			}
		})
	}
}
