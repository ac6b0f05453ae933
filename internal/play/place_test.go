package play

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/play/playtest"
	"github.com/gotgcall/gotgcall/models"
)

// TestPlaceIsThatOfTheLastSignOfLife: what is played while the server is silent does
// not count, whatever happens meanwhile.
func TestPlaceIsThatOfTheLastSignOfLife(t *testing.T) {
	t.Parallel()
	const window = 7 * time.Second
	for name, c := range map[string]struct {
		before func(t *testing.T, r *rig) // 3 s before the silence begins
		during func(t *testing.T, r *rig) // when the silence is noticed
		want   time.Duration
	}{
		"playing": {want: 23 * time.Second},
		"paused before": {
			before: func(_ *testing.T, r *rig) { _, _ = r.SetPaused(true) }, want: 20 * time.Second,
		},
		"paused during": {
			during: func(_ *testing.T, r *rig) { _, _ = r.SetPaused(true) }, want: 23 * time.Second,
		},
		"seek before": {
			before: func(t *testing.T, r *rig) { require.NoError(t, r.Seek(t.Context(), to(40*time.Second))) }, want: 43 * time.Second,
		},
		"seek during": {
			during: func(t *testing.T, r *rig) { require.NoError(t, r.Seek(t.Context(), to(40*time.Second))) }, want: 40 * time.Second,
		},
		"source during": {
			during: func(t *testing.T, r *rig) { require.NoError(t, r.SetSource(t.Context(), playtest.New(a, time.Hour))) }, want: 0,
		},
		"alive again": {
			during: func(_ *testing.T, r *rig) { r.Audible() }, want: 23*time.Second + window + 38*time.Second,
		},
		"silent twice": {
			during: func(_ *testing.T, r *rig) {
				r.Audible()
				sleep(20 * time.Second)
				r.Silence(time.Now().Add(-window))
				r.Silence(time.Now())
			},
			want: 43 * time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRigWithin(30*time.Second, window)
				r.plug()
				require.NoError(t, r.SetSource(t.Context(), playtest.New(a, time.Hour)))
				sleep(20*time.Second - 10*ms)
				if c.before != nil {
					c.before(t, r)
				}
				sleep(3*time.Second + window)
				r.Silence(time.Now().Add(-window))
				if c.during != nil {
					c.during(t, r)
				}
				sleep(38 * time.Second)
				got := r.Snapshot()
				require.InDelta(t, c.want.Seconds(), got.Position.Seconds(), 0.25)
				require.Equal(t, a, got.Tracks)
				r.Close(models.ErrClosed)
			})
		})
	}
}

// TestTrailForgetsNothingInItsWindow: for any window, of a source that plays or that
// was paused for long.
func TestTrailForgetsNothingInItsWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, window := range []time.Duration{100 * ms, time.Second, 7 * time.Second, time.Minute} {
			tr := trail{step: window / trailSteps}
			began := time.Now()
			require.Zero(t, tr.at(began))
			for at := time.Duration(0); at < 5*window; at += 20 * ms {
				tr.add(began.Add(at), at+20*ms)
			}
			now := began.Add(5 * window)
			require.InDelta(t, (4 * window).Seconds(), tr.at(now.Add(-window)).Seconds(), (20*ms+tr.step).Seconds()+0.02)
			require.Zero(t, tr.at(began.Add(-time.Second))/(4*window), "as long ago as is known")
			require.InDelta(t, (5 * window).Seconds(), tr.at(now.Add(time.Hour)).Seconds(), (20*ms+tr.step).Seconds()+0.02)
		}
	})
}
