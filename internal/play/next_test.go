package play

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/play/playtest"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// requireJoined asserts that the frames of a track are due one after another without a
// hole, from the first to the last.
func requireJoined(t *testing.T, got []written) {
	t.Helper()
	for i := 1; i < len(got); i++ {
		require.Equal(t, got[i-1].due.Add(got[i-1].Duration), got[i].due, "frame %d, %s", i, got[i].media)
		require.Equal(t, got[i].due, got[i].at, "frame %d", i)
	}
}

func TestNextSourceBeginsWhereTheLastOneEnds(t *testing.T) {
	t.Parallel()
	for _, tracks := range []media.Track{a, v, av} {
		virtual(t, func(t *testing.T, r *rig) {
			require.NoError(t, r.SetSource(t.Context(), playtest.New(tracks, 2*time.Second)))
			began := time.Now()
			for n := range 5 {
				sleep(time.Second)
				require.NoError(t, r.SetNext(t.Context(), playtest.New(tracks, 2*time.Second)))
				sleep(950 * ms)
				require.Len(t, r.ended(), n)
				sleep(30 * ms)
				require.Len(t, r.ended(), n+1, "its last frame has been sent")
				sleep(20 * ms)
			}
			sleep(time.Minute)
			require.Equal(t, []endOf{{tracks, nil}, {tracks, nil}, {tracks, nil}, {tracks, nil}, {tracks, nil}, {tracks, nil}}, r.ended())
			for _, track := range []media.Track{a, v} {
				if tracks.Has(track) {
					got := r.got(track)
					requireJoined(t, got)
					require.Equal(t, began.Add(12*time.Second-got[0].Duration), got[len(got)-1].due)
				}
			}
			require.Zero(t, r.stats().FramesLate)
			require.Zero(t, r.stats().ClockMoves)
			states := map[media.Track]int{a: 0, v: 2, av: 2}
			require.Len(t, r.states, states[tracks], "video began once and ended once")
		})
	}
}

func TestNextSourceWithOtherTracks(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		for i, tracks := range []media.Track{a, av, v, av, a, v} {
			require.NoError(t, r.SetNext(t.Context(), playtest.New(tracks, 2*time.Second)), i)
			sleep(time.Second)
			if i > 0 {
				sleep(time.Second)
			}
		}
		sleep(time.Minute)
		require.Equal(t, []endOf{{a, nil}, {av, nil}, {v, nil}, {av, nil}, {a, nil}, {v, nil}}, r.ended())
		on, off := models.MediaState{PresentationPaused: true}, models.MediaState{PresentationPaused: true, VideoStopped: true}
		require.Equal(t, []models.MediaState{on, off, on, off}, r.states)
		begin := r.got(a)[0].due
		for _, w := range r.got(a) {
			require.Zero(t, w.due.Sub(begin)%(20*ms))
		}
		require.Equal(t, begin.Add(12*time.Second-40*ms), r.got(v)[len(r.got(v))-1].due)
		requireSmooth(t, r)
	})
}

// TestTracksOfDifferentLength: the next source begins where the longer track ends. Where
// a last picture only stands longer than the sound lasts, the sound has no hole.
func TestTracksOfDifferentLength(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ sound, pictures, want time.Duration }{
		"sound is longer":            {2 * time.Second, time.Second, 2 * time.Second},
		"pictures are longer":        {time.Second, 2 * time.Second, 2 * time.Second},
		"a picture stands longer":    {1980 * ms, 2 * time.Second, 1980 * ms},
		"a picture begins after it":  {1960 * ms, 2 * time.Second, 2 * time.Second},
		"sound alone":                {2 * time.Second, 0, 2 * time.Second},
		"pictures of unknown length": {0, 2 * time.Second, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtual(t, func(t *testing.T, r *rig) {
				began := time.Now()
				require.NoError(t, r.SetSource(t.Context(), uneven{c.sound, c.pictures, c.sound == 0}))
				require.NoError(t, r.SetNext(t.Context(), playtest.New(av, time.Second)))
				sleep(time.Minute)
				got := r.got(a)
				require.Equal(t, began.Add(c.want), got[len(got)-50].due)
				requireSmooth(t, r)
				require.Zero(t, r.stats().FramesLate)
			})
		})
	}
}

// uneven is a source whose tracks have lengths of their own.
type uneven struct {
	sound, pictures time.Duration
	unknown         bool // how long a picture lasts
}

func (u uneven) Tracks() media.Track { return av }

func (u uneven) Open(context.Context, media.Env) (media.Stream, error) {
	s := playtest.NewStream(av, 0, max(u.sound, u.pictures))
	all := s.Frames
	s.Frames = nil
	for _, f := range all {
		if u.unknown {
			f.Duration = 0
		}
		if f.Track == a && f.PTS < u.sound || f.Track == v && f.PTS < u.pictures {
			s.Frames = append(s.Frames, f)
		}
	}
	return s, nil
}

// TestNextSourceWaitsForMinutes: it is not taken for stalled, and plays from its start.
func TestNextSourceWaitsForMinutes(t *testing.T) {
	// Not parallel: it counts goroutines.
	virtual(t, func(t *testing.T, r *rig) {
		require.NoError(t, r.SetSource(t.Context(), playtest.New(a, 5*time.Minute)))
		before := runtime.NumGoroutine()
		require.NoError(t, r.SetNext(t.Context(), playtest.New(a, time.Second)))
		synctest.Wait()
		require.Equal(t, before, runtime.NumGoroutine(), "it costs no goroutine")
		sleep(10 * time.Minute)
		require.Equal(t, []endOf{{a, nil}, {a, nil}}, r.ended())
		requireJoined(t, r.got(a))
	})
}

// TestNextSourceThatBrokeWhileItWaited ends with its error, after the end of the one
// before, and playback goes on.
func TestNextSourceThatBrokeWhileItWaited(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		require.NoError(t, r.SetSource(t.Context(), playtest.New(a, time.Second)))
		broken := playtest.New(av, 0)
		broken.Length, broken.JumpAt = 20*ms, time.Hour
		broken.End = playtest.ErrCrash
		require.NoError(t, r.SetNext(t.Context(), broken))
		sleep(2 * time.Second)
		require.Equal(t, []endOf{{a, nil}, {av, playtest.ErrCrash}}, r.ended())
		require.NoError(t, r.SetNext(t.Context(), playtest.New(a, time.Second)))
		sleep(2 * time.Second)
		require.Len(t, r.ended(), 3)
	})
}

// TestPositionIsThatOfTheSourceThatPlays, on both sides of the boundary.
func TestPositionIsThatOfTheSourceThatPlays(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		next := playtest.New(av, time.Minute)
		next.Begin = 30 * time.Second
		require.NoError(t, r.SetSource(t.Context(), playtest.New(a, 2*time.Second)))
		require.NoError(t, r.SetNext(t.Context(), next))
		sleep(1970 * ms)
		require.Equal(t, 1980*ms, r.Position())
		require.Equal(t, []models.StreamType{models.Audio}, r.stats().Tracks)
		sleep(20 * ms)
		require.Equal(t, 30*time.Second, r.Position())
		require.Equal(t, []models.StreamType{models.Video, models.Audio}, r.stats().Tracks)
		sleep(30 * ms)
		require.Equal(t, 30040*ms, r.Position(), "of a picture")
		require.NoError(t, r.Seek(t.Context(), to(58*time.Second)))
		sleep(time.Minute)
		require.Equal(t, time.Minute, r.Position())
	})
}

// TestPlaylistOf500WithoutAGap sets each track while the one before plays.
func TestPlaylistOf500WithoutAGap(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		ended := make(chan struct{}, 1)
		r.onEnd = func() { ended <- struct{}{} }
		require.NoError(t, r.SetNext(t.Context(), playtest.New(av, 200*ms)))
		for range 499 {
			src := playtest.New(av, 200*ms)
			src.OpenTakes = 100 * ms
			require.NoError(t, r.SetNext(t.Context(), src))
			<-ended
		}
		<-ended
		require.Len(t, r.got(a), 5000)
		requireJoined(t, r.got(a))
		requireJoined(t, r.got(v))
		require.Len(t, r.ended(), 500)
	})
}

// dawdling is a source whose streams take a while to report their end, and to close.
type dawdling struct {
	*playtest.Source
	end, close time.Duration
}

type dawdlingStream struct {
	media.Stream
	end, close time.Duration
}

func (d dawdling) Open(ctx context.Context, env media.Env) (media.Stream, error) {
	s, err := d.Source.Open(ctx, env)
	return &dawdlingStream{s, d.end, d.close}, err
}

func (d *dawdlingStream) ReadFrame() (media.Frame, error) {
	f, err := d.Stream.ReadFrame()
	if err != nil {
		<-time.After(d.end)
	}
	return f, err
}

func (d *dawdlingStream) Close() error {
	<-time.After(d.close)
	return d.Stream.Close()
}

// TestEndThatIsFoundLate: what a busy machine delays is caught up with, and a process
// that goes slowly delays nothing.
func TestEndThatIsFoundLate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end, close time.Duration
		late       uint64 // frames of the next source
		moved      time.Duration
	}{
		"at once":        {0, 0, 0, 0},
		"closes slowly":  {0, 20 * time.Second, 0, 0},
		"within a frame": {15 * ms, 0, 0, 0},
		"after a frame":  {110 * ms, 0, 1, 0},
		"long after":     {3 * time.Second, 0, 0, 3*time.Second - 20*ms},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtual(t, func(t *testing.T, r *rig) {
				began := time.Now()
				// The end is looked for ahead, and comes so long after the last frame was written.
				end := 980*ms + c.end
				require.NoError(t, r.SetSource(t.Context(), dawdling{playtest.New(a, time.Second), end, c.close}))
				require.NoError(t, r.SetNext(t.Context(), playtest.New(a, 2*time.Second)))
				sleep(time.Minute)
				require.Equal(t, []endOf{{a, nil}, {a, nil}}, r.ended())
				got := r.got(a)
				require.Len(t, got, 150)
				require.Equal(t, began.Add(time.Second+c.moved), got[50].due)
				require.Equal(t, got[149].due, got[149].at, "caught up")
				require.Equal(t, c.late > 0, r.stats().FramesLate > 0)
				require.Zero(t, r.stats().ClockMoves)
			})
		})
	}
}
