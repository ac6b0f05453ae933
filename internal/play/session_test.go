package play

import (
	"cmp"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/play/playtest"
	"github.com/gotgcall/gotgcall/media"
)

// sent is one frame that reached the sink.
type sent struct {
	media.Frame
	due, at time.Time
}

// record runs a session to its end in virtual time and returns what it wrote.
func record(t *testing.T, stream media.Stream, during func(*session)) ([]sent, error) {
	t.Helper()
	var got []sent
	ended := make(chan error, 1)
	w := NewWheel(nil)
	s := newSession(w, nil, stream, 0, time.Hour,
		func(f media.Frame, due time.Time) { got = append(got, sent{f, due, time.Now()}) },
		func(_ *session, err error) { ended <- err })
	s.begin()
	if during != nil {
		during(s)
	} else {
		s.run(time.Now(), nil)
	}
	err := <-ended
	s.close()
	w.Wait()
	return got, err
}

func TestHourOfPlayDoesNotDrift(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		got, err := record(t, playtest.NewStream(media.TrackAudio|media.TrackVideo, 0, time.Hour), nil)
		require.ErrorIs(t, err, io.EOF)
		require.Len(t, got, 3600*50+3600*25)
		for _, f := range got {
			require.Equal(t, start.Add(f.PTS), f.due)
			require.Equal(t, f.due, f.at, "virtual time has no latency")
		}
	})
}

func TestPauseHoldsEveryFrame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		got, _ := record(t, playtest.NewStream(media.TrackAudio, 0, 2*time.Second), func(s *session) {
			s.run(time.Now(), nil)
			<-time.After(510 * time.Millisecond)
			s.clock.hold(time.Now())
			<-time.After(10 * time.Minute)
			s.run(time.Now(), nil)
		})
		require.Len(t, got, 100)
		for i, f := range got {
			want := time.Duration(i) * 20 * time.Millisecond
			require.Equal(t, want, f.PTS, "no frame is lost or repeated")
			if want > 510*time.Millisecond {
				want += 10 * time.Minute
			}
			require.Equal(t, want, f.at.Sub(start))
		}
	})
}

// stalling delays one frame of a stream.
type stalling struct {
	*playtest.Stream
	at time.Duration
	by time.Duration
}

func (s *stalling) ReadFrame() (media.Frame, error) {
	f, err := s.Stream.ReadFrame()
	if f.PTS == s.at && s.by > 0 {
		<-time.After(s.by)
		s.by = 0
	}
	return f, err
}

func TestStallIsCaughtUpWithOrWaitedFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		stall time.Duration
		moved time.Duration // how much later everything after it is
	}{
		{"short", 150 * time.Millisecond, 0},
		{"long", 2 * time.Second, 2*time.Second - 20*time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				both := media.TrackAudio | media.TrackVideo
				// It is read ahead, and stalls as if that began when the frame before was written.
				by := 980*ms + c.stall
				got, _ := record(t, &stalling{playtest.NewStream(both, 0, 4*time.Second), time.Second, by}, nil)
				burst := map[time.Time]int{}
				for _, f := range got {
					require.False(t, f.at.Before(f.due), "early")
					burst[f.at]++
					require.LessOrEqual(t, burst[f.at], 2, "a burst at %s", f.at.Sub(start))
				}
				last := got[len(got)-1]
				require.Equal(t, c.moved, last.due.Sub(start.Add(last.PTS)))
				require.Equal(t, last.due, last.at, "caught up in the end")
			})
		})
	}
}

// TestLatePicturesDoNotDelaySound: an encoder that cannot keep up with pictures, or
// a source that sends them late, makes no hole in the sound.
func TestLatePicturesDoNotDelaySound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const late = 700 * time.Millisecond
		stream := playtest.NewStream(media.TrackAudio|media.TrackVideo, 0, 10*time.Second)
		read := func(f media.Frame) time.Duration {
			if f.Track == media.TrackVideo && f.PTS > 2*time.Second {
				return f.PTS + late
			}
			return f.PTS
		}
		slices.SortStableFunc(stream.Frames, func(a, b media.Frame) int { return cmp.Compare(read(a), read(b)) })
		start := time.Now()
		got, _ := record(t, stream, nil)
		require.Len(t, got, 10*50+10*25)
		for _, f := range got {
			require.Equal(t, start.Add(f.PTS), f.due, "lip sync")
			if read(f.Frame) < 10*time.Second { // the sound has ended
				require.WithinDuration(t, start.Add(read(f.Frame)), f.at, 20*time.Millisecond)
			}
			if f.Track == media.TrackAudio {
				require.Equal(t, f.due, f.at)
			}
		}
	})
}

func TestCloseEndsASessionThatWaits(t *testing.T) {
	t.Parallel()
	for _, running := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			stream := playtest.NewStream(media.TrackAudio, 0, time.Hour)
			stream.Frames[0].PTS = time.Minute
			w := NewWheel(nil)
			s := newSession(w, nil, stream, 0, time.Hour, func(media.Frame, time.Time) { t.Error("a frame was written") },
				func(*session, error) { t.Error("an end was reported") })
			s.begin()
			if running {
				s.run(time.Now(), nil)
			}
			synctest.Wait()
			s.close()
			s.close()
			w.Wait()
		})
	}
}

func TestEndOfStreamIsReportedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		crash := errors.New("crash")
		stream := playtest.NewStream(media.TrackAudio, 0, time.Second)
		stream.End = crash
		got, err := record(t, stream, nil)
		require.Len(t, got, 50)
		require.ErrorIs(t, err, crash)
	})
}

// TestJumpInTimeIsSkipped: a stream whose times jump ahead, playing or paused, goes
// on at once; a picture may stand for long.
func TestJumpInTimeIsSkipped(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tracks media.Track
		jump   time.Duration
		paused bool // when the jump is read
		waits  time.Duration
	}{
		"sound":          {a, 2 * time.Hour, false, 0},
		"sound, paused":  {a, 2 * time.Hour, true, 0},
		"a short hole":   {a, 5 * time.Second, false, 5 * time.Second},
		"both":           {av, 2 * time.Hour, false, 0},
		"a slide show":   {v, time.Minute, false, time.Minute},
		"pictures alone": {v, 2 * time.Hour, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtual(t, func(t *testing.T, r *rig) {
				src := playtest.New(c.tracks, 4*time.Second)
				src.JumpAt, src.Jump = 2*time.Second, c.jump
				if c.paused {
					// The frame that jumps is read while the one before it is due.
					time.AfterFunc(1985*ms, func() { _, _ = r.SetPaused(true) })
					time.AfterFunc(time.Minute, func() { _, _ = r.SetPaused(false) })
				}
				began := time.Now()
				require.NoError(t, r.SetSource(t.Context(), src))
				sleep(3 * time.Minute)
				require.Equal(t, []endOf{{c.tracks, nil}}, r.ended())
				track := a
				if c.tracks == v {
					track = v
				}
				got := r.got(track)
				last := got[len(got)-1]
				want := began.Add(4*time.Second - last.Duration + c.waits)
				if c.paused {
					want = want.Add(time.Minute - 1985*ms)
				}
				require.Equal(t, want, last.due)
				require.Equal(t, 4*time.Second+c.jump, r.Position())
			})
		})
	}
}
