package play

import (
	"context"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/play/playtest"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

const (
	a  = media.TrackAudio
	v  = media.TrackVideo
	av = media.TrackAudio | media.TrackVideo

	ms = time.Millisecond
)

// virtual runs a test in a bubble of virtual time with a player that is plugged.
func virtual(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(30 * time.Second)
		r.plug()
		test(t, r)
		r.Close(models.ErrClosed)
	})
}

// sleep lets virtual time pass, and everything happen that is due by then.
func sleep(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// requireSmooth asserts that frames of each track are due in order and are written
// when they are due, and that sound does not overlap.
func requireSmooth(t *testing.T, r *rig) {
	t.Helper()
	for _, track := range []media.Track{a, v} {
		var free time.Time
		for _, w := range r.got(track) {
			require.False(t, w.due.Before(free), "%v at %s overlaps by %s", track, w.media, free.Sub(w.due))
			require.Equal(t, w.due, w.at)
			free = w.due
			if track == a {
				free = w.due.Add(w.Duration)
			}
		}
	}
}

// requireWhole asserts that audio positions follow each other without a hole.
func requireWhole(t *testing.T, got []written, from, to time.Duration) {
	t.Helper()
	require.Len(t, got, int((to-from)/(20*ms)))
	for i, w := range got {
		require.Equal(t, from+time.Duration(i)*20*ms, w.media)
	}
}

func TestPauseAndResumeAreFrameExact(t *testing.T) {
	t.Parallel()
	for _, tracks := range []media.Track{a, av} {
		virtual(t, func(t *testing.T, r *rig) {
			require.NoError(t, r.SetSource(t.Context(), playtest.New(tracks, 10*time.Second)))
			sleep(3005 * ms)
			for range 2 {
				changed, err := r.SetPaused(true)
				require.NoError(t, err)
				require.True(t, changed)
				changed, err = r.SetPaused(true)
				require.NoError(t, err)
				require.False(t, changed, "paused already")
				before, at := len(r.got(a)), r.Position()
				sleep(10 * time.Minute)
				require.Len(t, r.got(a), before, "nothing is sent while paused")
				require.Equal(t, at, r.Position())
				changed, err = r.SetPaused(false)
				require.NoError(t, err)
				require.True(t, changed)
				changed, _ = r.SetPaused(false)
				require.False(t, changed)
				sleep(time.Second)
			}
			sleep(10 * time.Second)
			requireWhole(t, r.got(a), 0, 10*time.Second)
			requireSmooth(t, r)
			require.Equal(t, []endOf{{tracks, nil}}, r.ended())
			require.Equal(t, 10*time.Second, r.Position())
		})
	}
}

func TestMuteLetsTheSourceRunOn(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		require.NoError(t, r.SetSource(t.Context(), playtest.New(av, 10*time.Second)))
		sleep(990 * ms)
		changed, err := r.SetMuted(true)
		require.NoError(t, err)
		require.True(t, changed)
		changed, _ = r.SetMuted(true)
		require.False(t, changed)
		sleep(2 * time.Second)
		require.Len(t, r.got(a), 50)
		require.Equal(t, 3*time.Second, r.Position())
		_, _ = r.SetMuted(false)
		sleep(10 * time.Second)
		require.Len(t, r.got(a), 500-100)
		require.Equal(t, 3*time.Second, r.got(a)[50].media)
		for i, w := range r.got(v) {
			if w.media >= time.Second {
				require.Equal(t, 25, i)
				require.Equal(t, 4*time.Second, w.media, "the picture returns with a key frame")
				break
			}
		}
		requireSmooth(t, r)
	})
}

func TestVerbsAreLegalWithoutSourceAndSurviveIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(time.Minute)
		changed, err := r.SetPaused(true)
		require.True(t, changed)
		require.NoError(t, err)
		changed, err = r.SetMuted(true)
		require.True(t, changed)
		require.NoError(t, err)
		require.NoError(t, r.SetSource(t.Context(), playtest.New(a, time.Second)))
		r.plug()
		sleep(time.Minute)
		require.Empty(t, r.ended(), "it is paused")
		_, _ = r.SetPaused(false)
		sleep(time.Minute)
		require.Equal(t, []endOf{{a, nil}}, r.ended())
		require.Empty(t, r.got(a), "it was muted")
		require.True(t, r.State().Muted)
		r.Close(models.ErrStopped)
		_, err = r.SetPaused(true)
		require.ErrorIs(t, err, models.ErrStopped)
	})
}

func TestSourceIsArmedBeforeTheConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(time.Minute)
		require.NoError(t, r.SetSource(t.Context(), playtest.New(av, time.Second)))
		sleep(time.Hour)
		r.plug()
		sleep(2 * time.Second)
		requireWhole(t, r.got(a), 0, time.Second)
		require.Equal(t, []endOf{{av, nil}}, r.ended())
		r.Close(models.ErrClosed)
	})
}

func TestSwitchLeavesNoHoleAndReportsNoEnd(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		require.NoError(t, r.SetSource(t.Context(), playtest.New(a, time.Minute)))
		sleep(1005 * ms)
		next := playtest.New(a, time.Second)
		next.OpenTakes = 300 * ms
		require.NoError(t, r.SetSource(t.Context(), next))
		sleep(5 * time.Second)
		require.Equal(t, []endOf{{a, nil}}, r.ended(), "of the second only")
		got := r.got(a)
		for i := 1; i < len(got); i++ {
			require.LessOrEqual(t, got[i].due.Sub(got[i-1].due), 20*ms, "the old plays until the new is ready")
		}
		requireSmooth(t, r)
		requireWhole(t, got[len(got)-50:], 0, time.Second)
	})
}

// TestLateSwitchLeavesNoHole: a machine that is late when a source takes over catches
// up, as it does with a late frame.
func TestLateSwitchLeavesNoHole(t *testing.T) {
	t.Parallel()
	for late, hole := range map[time.Duration]bool{90 * ms: false, 500 * ms: true} {
		t.Run(late.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(30 * time.Second)
				var dues []time.Time
				r.Connect(func(_ media.Frame, due time.Time) {
					if dues = append(dues, due); len(dues) == 50 {
						<-time.After(late)
					}
				})
				require.NoError(t, r.SetSource(t.Context(), playtest.New(a, time.Minute)))
				sleep(990 * ms)
				require.NoError(t, r.SetSource(t.Context(), playtest.New(a, time.Second)))
				sleep(5 * time.Second)
				r.Close(models.ErrClosed)
				require.Len(t, dues, 100)
				seam := dues[50].Sub(dues[49])
				require.Equal(t, hole, seam > 20*ms, "%v", seam)
				require.Equal(t, 49*20*ms, dues[99].Sub(dues[50]))
			})
		})
	}
}

func TestFailedSwitchChangesNothing(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		require.NoError(t, r.SetSource(t.Context(), playtest.New(a, 2*time.Second)))
		bad := playtest.New(a, time.Second)
		bad.Fails = models.ErrFile
		require.ErrorIs(t, r.SetSource(t.Context(), bad), models.ErrFile)
		hung := playtest.New(a, time.Second)
		hung.OpenTakes = time.Hour
		ctx, cancel := context.WithTimeout(t.Context(), 500*ms)
		defer cancel()
		require.ErrorIs(t, r.SetSource(ctx, hung), context.DeadlineExceeded)
		require.ErrorIs(t, r.SetSource(t.Context(), nil), models.ErrInvalidParams)
		require.ErrorIs(t, r.Seek(ctx, to(0)), context.DeadlineExceeded)
		sleep(5 * time.Second)
		requireWhole(t, r.got(a), 0, 2*time.Second)
		require.ErrorIs(t, r.SetSource(t.Context(), hung), models.ErrStalled, "an opening that stalls")
	})
}

func TestLatestSourceWins(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		slow := playtest.New(a, time.Second)
		slow.OpenTakes = 10 * time.Second
		lost := make(chan error)
		go func() { lost <- r.SetSource(t.Context(), slow) }()
		synctest.Wait()
		require.ErrorIs(t, r.Seek(t.Context(), to(0)), models.ErrSourceReplaced, "a seek does not call off a source")
		require.NoError(t, r.SetSource(t.Context(), playtest.New(v, time.Second)))
		require.ErrorIs(t, <-lost, models.ErrSourceReplaced)
		sleep(20 * time.Second)
		require.Equal(t, []endOf{{v, nil}}, r.ended())
	})
}

// TestEndsAreReportedOnceWithTheirReason runs every way a source can end, for
// every set of tracks, in every state.
func TestEndsAreReportedOnceWithTheirReason(t *testing.T) {
	t.Parallel()
	lost := fmt.Errorf("%w: silence", models.ErrConnectionFailed)
	for name, c := range map[string]struct {
		end  error // of the stream; nil: it hangs
		with error // the player is closed with this instead; nil: it is not
		want error
	}{
		"natural end":     {end: errEOF, want: nil},
		"crash":           {end: playtest.ErrCrash, want: playtest.ErrCrash},
		"stall":           {end: nil, want: models.ErrStalled},
		"stop":            {with: models.ErrStopped, want: models.ErrStopped},
		"close":           {with: models.ErrClosed, want: models.ErrClosed},
		"connection lost": {with: lost, want: models.ErrConnectionFailed},
	} {
		for _, tracks := range []media.Track{a, v, av} {
			for _, state := range []string{"playing", "paused", "muted", "opening"} {
				t.Run(fmt.Sprintf("%s/%s/%s", name, tracks, state), func(t *testing.T) {
					t.Parallel()
					virtual(t, func(t *testing.T, r *rig) {
						src := playtest.New(tracks, time.Second)
						src.End = c.end
						require.NoError(t, r.SetSource(t.Context(), src))
						sleep(500 * ms)
						switch state {
						case "paused":
							_, _ = r.SetPaused(true)
						case "muted":
							_, _ = r.SetMuted(true)
						case "opening":
							slow := playtest.New(tracks, time.Second)
							slow.OpenTakes = 25 * time.Second
							go func() { _ = r.SetSource(t.Context(), slow) }()
						}
						sleep(100 * ms)
						if c.with != nil {
							r.Close(c.with)
							r.Close(c.with)
						}
						sleep(time.Minute)
						if state == "paused" && c.with == nil {
							require.Empty(t, r.ended(), "it waits")
							_, _ = r.SetPaused(false)
							sleep(time.Minute)
						}
						ends := r.ended()
						if state == "opening" && c.with == nil {
							// The second source came, and ended too, unless
							// it took the place of one that hung.
							require.NotEmpty(t, ends)
							require.NoError(t, ends[len(ends)-1].err)
							ends = ends[:len(ends)-1]
							if c.end == nil {
								require.Empty(t, ends)
								return
							}
						}
						require.Len(t, ends, 1)
						require.Equal(t, tracks, ends[0].tracks)
						if c.want == nil {
							require.NoError(t, ends[0].err)
						} else {
							require.ErrorIs(t, ends[0].err, c.want)
						}
					})
				})
			}
		}
	}
}

func to(position time.Duration) func(time.Duration) time.Duration {
	return func(time.Duration) time.Duration { return position }
}

func by(d time.Duration) func(time.Duration) time.Duration {
	return func(at time.Duration) time.Duration { return at + d }
}

func TestSeekPlaysTheOldPositionUntilTheNewIsReady(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		src := playtest.New(a, time.Minute)
		src.OpenTakes = 200 * ms
		require.NoError(t, r.SetSource(t.Context(), src))
		sleep(2010 * ms)
		require.NoError(t, r.Seek(t.Context(), to(30*time.Second)))
		sleep(10 * ms)
		require.InDelta(t, 30*time.Second, r.Position(), float64(20*ms))
		require.NoError(t, r.Seek(t.Context(), by(-10*time.Second)))
		sleep(10 * ms)
		require.InDelta(t, 20020*ms, r.Position(), float64(40*ms))
		require.NoError(t, r.Seek(t.Context(), by(-time.Hour)))
		sleep(time.Minute + time.Second)
		require.Equal(t, []endOf{{a, nil}}, r.ended(), "once for the source")
		got := r.got(a)
		requireWhole(t, got[len(got)-3000:], 0, time.Minute)
		for i := 1; i < len(got); i++ {
			require.LessOrEqual(t, got[i].due.Sub(got[i-1].due), 20*ms)
		}
		requireSmooth(t, r)
		require.EqualValues(t, 3, r.stats().SourceRestarts)
	})
}

func TestSeekWhilePausedMovesAndStaysPaused(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		require.NoError(t, r.SetSource(t.Context(), playtest.New(a, time.Minute)))
		sleep(time.Second)
		_, _ = r.SetPaused(true)
		before := len(r.got(a))
		require.NoError(t, r.Seek(t.Context(), to(50*time.Second)))
		sleep(time.Hour)
		require.Equal(t, 50*time.Second, r.Position())
		require.Len(t, r.got(a), before)
		_, _ = r.SetPaused(false)
		sleep(time.Minute)
		requireWhole(t, r.got(a)[before:], 50*time.Second, time.Minute)
	})
}

func TestSeekPastTheEndIsTheNaturalEndOnce(t *testing.T) {
	t.Parallel()
	for _, paused := range []bool{false, true} {
		virtual(t, func(t *testing.T, r *rig) {
			require.NoError(t, r.SetSource(t.Context(), playtest.New(av, time.Minute)))
			sleep(time.Second)
			_, _ = r.SetPaused(paused)
			require.NoError(t, r.Seek(t.Context(), by(time.Hour)))
			sleep(time.Hour)
			require.Equal(t, []endOf{{av, nil}}, r.ended())
			require.ErrorIs(t, r.Seek(t.Context(), to(0)), models.ErrNoSource)
		})
	}
}

// TestSeekSavesASourceFromItsEnd: the old position runs out while the new one is
// being opened.
func TestSeekSavesASourceFromItsEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fails error
		ends  int // while the seek was opening
	}{
		"seek succeeds": {nil, 0},
		"seek fails":    {models.ErrFile, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtual(t, func(t *testing.T, r *rig) {
				src := playtest.New(a, 2*time.Second)
				require.NoError(t, r.SetSource(t.Context(), src))
				sleep(1500 * ms)
				src.OpenTakes, src.Fails = 5*time.Second, c.fails
				require.ErrorIs(t, r.Seek(t.Context(), to(time.Second)), c.fails)
				require.Len(t, r.ended(), c.ends)
				sleep(5 * time.Second)
				require.Equal(t, []endOf{{a, nil}}, r.ended())
			})
		})
	}
}

// TestSecondSeekSavesASourceFromItsEndToo: the source ran out while the first seek
// was opening, and a second one takes over.
func TestSecondSeekSavesASourceFromItsEndToo(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		src := playtest.New(a, 2*time.Second)
		require.NoError(t, r.SetSource(t.Context(), src))
		sleep(1500 * ms)
		src.OpenTakes = 5 * time.Second
		first := make(chan error)
		go func() { first <- r.Seek(t.Context(), to(0)) }()
		sleep(time.Second)
		require.Empty(t, r.ended(), "it ran out, but is being sought in")
		require.NoError(t, r.Seek(t.Context(), to(time.Second)))
		require.ErrorIs(t, <-first, models.ErrSourceReplaced)
		require.Empty(t, r.ended())
		sleep(5 * time.Second)
		require.Equal(t, []endOf{{a, nil}}, r.ended())
	})
}

func TestSeekSaysWhenItCannot(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		require.ErrorIs(t, r.Seek(t.Context(), to(0)), models.ErrNoSource)
		require.NoError(t, r.SetSource(t.Context(), playtest.Plain{Source: playtest.New(a, time.Minute)}))
		require.ErrorIs(t, r.Seek(t.Context(), to(0)), models.ErrSeekUnsupported)
	})
}

func TestPositionCountsFromWhereTheSourceStarts(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		src := playtest.New(a, time.Minute)
		src.Begin = 30 * time.Second
		require.NoError(t, r.SetSource(t.Context(), src))
		sleep(990 * ms)
		require.Equal(t, 31*time.Second, r.Position())
		require.NoError(t, r.Seek(t.Context(), by(-10*time.Second)))
		sleep(0)
		require.InDelta(t, 21*time.Second, r.Position(), float64(20*ms))
	})
}

func TestStateIsReportedWhenItChanges(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		_, _ = r.SetPaused(false)
		_, _ = r.SetMuted(false)
		require.Empty(t, r.states, "nothing changed")
		require.NoError(t, r.SetSource(t.Context(), playtest.New(av, time.Second)))
		require.NoError(t, r.SetSource(t.Context(), playtest.New(av, time.Second)))
		_, _ = r.SetPaused(true)
		_, _ = r.SetPaused(true)
		_, _ = r.SetMuted(true)
		_, _ = r.SetPaused(false)
		_, _ = r.SetMuted(false)
		sleep(5 * time.Second)
		require.Equal(t, []models.MediaState{
			{PresentationPaused: true},
			{PresentationPaused: true, Paused: true},
			{PresentationPaused: true, Paused: true, Muted: true},
			{PresentationPaused: true, Muted: true},
			{PresentationPaused: true},
			{PresentationPaused: true, VideoStopped: true},
		}, r.states)
	})
}

// TestContextOfASourceLivesAsLongAsItsStream: until the stream is closed, whatever
// becomes of the context it was set with.
func TestContextOfASourceLivesAsLongAsItsStream(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(*testing.T, *rig)
		want error
	}{
		"it ends":         {func(*testing.T, *rig) { sleep(time.Minute) }, nil},
		"it is replaced":  {func(t *testing.T, r *rig) { require.NoError(t, r.SetSource(t.Context(), playtest.New(a, time.Second))) }, nil},
		"it is sought in": {func(t *testing.T, r *rig) { require.NoError(t, r.Seek(t.Context(), to(0))) }, nil},
		"it is stopped":   {func(_ *testing.T, r *rig) { r.Close(models.ErrStopped) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtual(t, func(t *testing.T, r *rig) {
				type key struct{}
				ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "value"), time.Second)
				src := playtest.New(a, 50*time.Second)
				require.NoError(t, r.SetSource(ctx, src))
				cancel()
				sleep(40 * time.Second) // longer than the stall timeout
				opened := src.Context()
				require.NoError(t, opened.Err())
				require.Equal(t, "value", opened.Value(key{}))
				c.end(t, r)
				synctest.Wait()
				require.ErrorIs(t, opened.Err(), context.Canceled)
			})
		})
	}
}

// TestContextOfASourceEndsWithItsOpening: for each reason that an opening is given
// up, which is the cause.
func TestContextOfASourceEndsWithItsOpening(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(*testing.T, *rig, context.CancelFunc)
		want error
	}{
		"called off": {func(_ *testing.T, _ *rig, cancel context.CancelFunc) { cancel() }, context.Canceled},
		"replaced": {func(t *testing.T, r *rig, _ context.CancelFunc) {
			require.NoError(t, r.SetSource(t.Context(), playtest.New(a, time.Second)))
		}, models.ErrSourceReplaced},
		"stopped": {func(_ *testing.T, r *rig, _ context.CancelFunc) { r.Close(models.ErrStopped) }, models.ErrStopped},
		"stalled": {func(*testing.T, *rig, context.CancelFunc) { sleep(30 * time.Second) }, models.ErrStalled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtual(t, func(t *testing.T, r *rig) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				src := playtest.New(a, time.Second)
				src.OpenTakes = time.Hour
				result := make(chan error, 1)
				go func() { result <- r.SetSource(ctx, src) }()
				sleep(time.Second)
				c.end(t, r, cancel)
				require.ErrorIs(t, <-result, c.want)
				require.ErrorIs(t, context.Cause(src.Context()), c.want)
			})
		})
	}
}

func TestSourceThatPanicsLeavesThePlayerUsable(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		require.NoError(t, r.SetSource(t.Context(), playtest.New(a, time.Minute)))
		sleep(time.Second)
		bad := playtest.New(a, time.Minute)
		bad.Panics = true
		require.Panics(t, func() { _ = r.SetSource(t.Context(), bad) })
		require.ErrorIs(t, bad.Context().Err(), context.Canceled)
		require.NoError(t, r.Seek(t.Context(), to(30*time.Second)))
		sleep(time.Minute)
		require.Equal(t, []endOf{{a, nil}}, r.ended())
	})
}

// TestStateIsRepeatedForAParticipantWhoJoined: once for each connection, and only what differs
// from a participant who has just joined.
func TestStateIsRepeatedForAParticipantWhoJoined(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		r.Repeat()
		require.Empty(t, r.states)
		_, _ = r.SetMuted(true)
		r.Repeat()
		muted := models.MediaState{Muted: true, VideoStopped: true, PresentationPaused: true}
		require.Equal(t, []models.MediaState{muted, muted}, r.states)
		r.Shut(models.ErrStopped)
		r.Repeat()
		require.Len(t, r.states, 2, "nobody is there")
	})
}

// TestPlaylistOf500 sets each track from the end of the one before.
func TestPlaylistOf500(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		next := make(chan struct{}, 1)
		r.onEnd = func() { next <- struct{}{} }
		for range 500 {
			require.NoError(t, r.SetSource(t.Context(), playtest.New(a, 200*ms)))
			<-next
		}
		require.Len(t, r.ended(), 500)
		requireSmooth(t, r)
		got := r.got(a)
		require.Len(t, got, 5000)
		require.Equal(t, 100*time.Second-20*ms, got[4999].due.Sub(got[0].due), "gapless")
	})
}

var errEOF = io.EOF
