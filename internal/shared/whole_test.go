package shared

import (
	"context"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/play/playtest"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// TestEachPlaysItFromTheStart: with one run for those who begin within the window.
func TestEachPlaysItFromTheStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := source(av, 20*time.Second)
		all := FromStart(src)
		var calls sync.WaitGroup
		for _, at := range []time.Duration{0, 3 * time.Second, 10 * time.Second, 12 * time.Second, 40 * time.Second} {
			calls.Go(func() {
				<-time.After(at)
				s, err := all.Open(t.Context(), media.Env{})
				require.NoError(t, err)
				got, err := listen(t.Context(), t, s)
				require.ErrorIs(t, err, io.EOF)
				requireSteady(t, got)
				require.Zero(t, got[0].position)
				require.Len(t, got, 1500)
				require.NoError(t, s.Close())
			})
		}
		calls.Wait()
		require.EqualValues(t, 3, src.opened.Load())
		require.Zero(t, src.open.Load())
	})
}

// TestPausedReaderKeepsItsPlace: it goes on where it was, with a run of its own, and
// disturbs nobody.
func TestPausedReaderKeepsItsPlace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tracks media.Track
		pause  time.Duration
		opened int64
	}{
		"shortly":              {a, 2 * time.Second, 1},
		"for long":             {av, 20 * time.Second, 2},
		"longer than it is":    {a, 2 * time.Minute, 2},
		"in sound, for long":   {a, 20 * time.Second, 2},
		"in pictures, a bit":   {av, 3 * time.Second, 1},
		"until nobody is left": {av, 2 * time.Minute, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				src := source(c.tracks, time.Minute)
				all := FromStart(src)
				slow, err := all.Open(t.Context(), media.Env{})
				require.NoError(t, err)
				fast, err := all.Open(t.Context(), media.Env{})
				require.NoError(t, err)
				var calls sync.WaitGroup
				calls.Go(func() {
					got, err := listen(t.Context(), t, fast)
					require.ErrorIs(t, err, io.EOF)
					requireSteady(t, got)
					require.NoError(t, fast.Close())
				})
				for range 61 { // with pictures, one of them is ahead of the sound
					_, err := slow.ReadFrame()
					require.NoError(t, err)
				}
				<-time.After(c.pause)
				frames := 61
				for {
					f, err := slow.ReadFrame()
					if err != nil {
						require.ErrorIs(t, err, io.EOF)
						break
					}
					if f.Track == media.TrackAudio {
						position, err := time.ParseDuration(string(f.Data))
						require.NoError(t, err)
						require.Equal(t, position, f.PTS)
						<-time.After(f.Duration)
					}
					frames++
				}
				// A picture that was ahead of the sound comes again.
				require.InDelta(t, map[media.Track]int{a: 3000, av: 4500}[c.tracks], frames, 1)
				require.NoError(t, slow.Close())
				require.NoError(t, slow.Close())
				calls.Wait()
				require.Equal(t, c.opened, src.opened.Load())
				require.Zero(t, src.open.Load())
			})
		})
	}
}

// TestPausedReaderOfWhatCannotBeSeeked goes on where the others are.
func TestPausedReaderOfWhatCannotBeSeeked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := source(a, time.Minute)
		src.Source.(*playtest.Source).Live = true
		all := FromStart(src)
		slow, err := all.Open(t.Context(), media.Env{})
		require.NoError(t, err)
		fast, err := all.Open(t.Context(), media.Env{})
		require.NoError(t, err)
		first, err := slow.ReadFrame()
		require.NoError(t, err)
		require.Zero(t, first.PTS)
		for range 1000 {
			_, err := fast.ReadFrame()
			require.NoError(t, err)
		}
		f, err := slow.ReadFrame()
		require.NoError(t, err)
		require.Equal(t, 20*ms, f.PTS)
		require.Equal(t, "19.96s", string(f.Data), "the frame before the one that was read last")
		require.NoError(t, slow.Close())
		require.NoError(t, fast.Close())
		require.Zero(t, src.open.Load())
	})
}

func TestSeekInASharedSource(t *testing.T) {
	t.Parallel()
	src := source(a, time.Minute)
	all := FromStart(src).(media.SeekableSource)
	shared, err := all.OpenAt(t.Context(), media.Env{}, 0)
	require.NoError(t, err)
	again, err := all.Open(t.Context(), media.Env{})
	require.NoError(t, err)
	require.EqualValues(t, 1, src.opened.Load())
	alone, err := all.OpenAt(t.Context(), media.Env{}, 30*time.Second)
	require.NoError(t, err)
	require.EqualValues(t, 2, src.opened.Load())
	f, err := alone.ReadFrame()
	require.NoError(t, err)
	require.Zero(t, f.PTS)
	require.Equal(t, "30s", string(f.Data))
	_, err = all.OpenAt(t.Context(), media.Env{}, time.Hour)
	require.ErrorIs(t, err, io.EOF)
	for _, s := range []media.Stream{shared, again, alone} {
		require.NoError(t, s.Close())
	}
	require.Zero(t, src.open.Load())

	plain := FromStart(playtest.Plain{Source: playtest.New(a, time.Minute)}).(media.SeekableSource)
	_, err = plain.OpenAt(t.Context(), media.Env{}, time.Second)
	require.ErrorIs(t, err, models.ErrSeekUnsupported)
	_, seekable := New(src).(media.SeekableSource)
	require.False(t, seekable, "a radio has no positions")
	_, raw := FromStart(media.FromFile("x", media.EncodeOptions{})).(media.RawSource)
	require.True(t, raw)
}

// TestCloseInterruptsAReaderThatReopens.
func TestCloseInterruptsAReaderThatReopens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := playtest.New(a, time.Minute)
		src := &counted{Source: inner}
		all := FromStart(src)
		slow, err := all.Open(t.Context(), media.Env{})
		require.NoError(t, err)
		fast, err := all.Open(t.Context(), media.Env{})
		require.NoError(t, err)
		for range 1000 {
			_, err := fast.ReadFrame()
			require.NoError(t, err)
		}
		inner.OpenTakes = time.Hour
		var reading sync.WaitGroup
		reading.Go(func() {
			_, err := slow.ReadFrame()
			require.ErrorIs(t, err, context.Canceled)
		})
		synctest.Wait()
		began := time.Now()
		require.NoError(t, slow.Close())
		reading.Wait()
		require.Zero(t, time.Since(began))
		_, err = slow.ReadFrame()
		require.ErrorIs(t, err, models.ErrClosed)
		require.NoError(t, fast.Close())
		require.Zero(t, src.open.Load())
	})
}
