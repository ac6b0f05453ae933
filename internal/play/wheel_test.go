package play

import (
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/play/playtest"
	"github.com/gotgcall/gotgcall/media"
)

// ready is an endless stream that never waits, or one that ends after some frames.
type ready struct {
	next, frames int
	data         []byte
	at           func(n int) // called before a frame is returned; may be nil
}

func (r *ready) Tracks() media.Track { return a }
func (r *ready) Prompt() bool        { return true }
func (r *ready) Close() error        { return nil }

func (r *ready) ReadFrame() (media.Frame, error) {
	if r.at != nil {
		r.at(r.next)
	}
	if r.next == r.frames {
		return media.Frame{}, io.EOF
	}
	f := media.Frame{Track: a, PTS: time.Duration(r.next) * 20 * ms, Duration: 20 * ms, Data: r.data}
	r.next++
	return f, nil
}

// woke returns how often the goroutine woke.
func (w *Wheel) woke() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wakes
}

// TestManySessionsOnOneWheel: each frame of 2,000 sessions leaves when it is due, in no
// more wake-ups than there are instants.
func TestManySessionsOnOneWheel(t *testing.T) {
	// Not parallel: it counts goroutines.
	for _, c := range []struct {
		sessions, phases int
		wakes            uint64
	}{{1, 1, 50}, {50, 1, 50}, {2000, 4, 200}} {
		synctest.Test(t, func(t *testing.T) {
			w := NewWheel(nil)
			before := runtime.NumGoroutine()
			count, ended := 0, make(chan error, c.sessions)
			var all []*session
			for i := range c.sessions {
				s := newSession(w, nil, &ready{frames: 50}, 0, time.Hour, func(_ media.Frame, due time.Time) {
					count++
					require.Equal(t, due, time.Now())
				}, func(_ *session, err error) { ended <- err })
				s.tracks = a
				s.begin()
				s.run(time.Now().Add(time.Second+time.Duration(i%c.phases)*5*ms), nil)
				all = append(all, s)
			}
			synctest.Wait()
			require.LessOrEqual(t, runtime.NumGoroutine(), before+1, "one for all")
			woke := w.woke()
			for range c.sessions {
				require.ErrorIs(t, <-ended, io.EOF)
			}
			require.Equal(t, 50*c.sessions, count)
			require.InDelta(t, c.wakes, w.woke()-woke, 8)
			for _, s := range all {
				s.close()
			}
			w.Wait()
		})
	}
}

// slides is a stream of frames of any length.
type slides struct {
	ready
	random *rand.Rand
	pts    time.Duration
}

func (s *slides) ReadFrame() (media.Frame, error) {
	f, err := s.ready.ReadFrame()
	f.PTS, f.Duration = s.pts, time.Duration(1+s.random.IntN(1+s.random.IntN(300)))*gridStep
	s.pts += f.Duration
	return f, err
}

// TestFramesOfAnyLengthLeaveWhenTheyAreDue, whatever wakes their sessions, or ends others.
func TestFramesOfAnyLengthLeaveWhenTheyAreDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := NewWheel(nil)
		random := rand.New(rand.NewPCG(1, 2))
		ended := make(chan error, 100)
		var all []*session
		for i := range 200 {
			s := newSession(w, nil, &slides{ready: ready{frames: 100}, random: rand.New(rand.NewPCG(3, uint64(i)))}, 0, time.Hour,
				func(_ media.Frame, due time.Time) { require.Equal(t, due, time.Now()) },
				func(_ *session, err error) { ended <- err })
			s.tracks = a
			s.begin()
			s.run(time.Now().Add(time.Duration(random.IntN(1000))*gridStep), nil)
			all = append(all, s)
		}
		for i := 100; i < 200; i++ {
			<-time.After(time.Duration(random.IntN(20)) * ms)
			all[i].close()
			w.wake(all[random.IntN(100)])
		}
		for range 100 {
			require.ErrorIs(t, <-ended, io.EOF)
		}
		for _, s := range all {
			s.close()
		}
		w.Wait()
	})
}

// TestWheelSleepsWhileNothingIsDue, however many sessions are held.
func TestWheelSleepsWhileNothingIsDue(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		src := playtest.New(a, time.Hour)
		require.NoError(t, r.SetSource(t.Context(), src))
		sleep(time.Second)
		_, _ = r.SetPaused(true)
		sleep(time.Second)
		woke := r.own.woke()
		sleep(24 * time.Hour)
		require.LessOrEqual(t, r.own.woke(), woke+1, "once, for a stall that did not come")
		_, _ = r.SetPaused(false)
		sleep(time.Second)
		requireSmooth(t, r)
	})
}

// TestStreamThatPanicsEndsAlone, as does one that ends its goroutine or hangs: the
// sessions beside it lose nothing.
func TestStreamThatPanicsEndsAlone(t *testing.T) {
	t.Parallel()
	for name, does := range map[string]func(){
		"panics": func() { panic("a defect") }, "Goexit": runtime.Goexit,
	} {
		for _, prompt := range []bool{true, false} {
			t.Run(fmt.Sprint(name, prompt), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w := NewWheel(nil)
					failed, ended := make(chan error, 1), make(chan error, 2)
					ignore := func(media.Frame, time.Time) {}
					exact := func(_ media.Frame, due time.Time) { require.Equal(t, due, time.Now()) }
					var bad media.Stream = &ready{frames: 100, at: func(n int) {
						if n == 10 {
							does()
						}
					}}
					if !prompt {
						bad = struct{ media.Stream }{bad}
					}
					hung := playtest.NewStream(a, 0, 100*ms)
					hung.End = nil
					all := []*session{
						newSession(w, nil, &ready{frames: 100}, 0, time.Hour, exact, func(_ *session, err error) { ended <- err }),
						newSession(w, nil, bad, 0, time.Hour, ignore, func(_ *session, err error) { failed <- err }),
						newSession(w, nil, hung, 0, time.Hour, ignore, func(*session, error) { t.Error("it has not ended") }),
						newSession(w, nil, &ready{frames: 100}, 0, time.Hour, exact, func(_ *session, err error) { ended <- err }),
					}
					for _, s := range all {
						s.tracks = a
						s.begin()
						s.run(time.Now().Add(10*ms), nil)
					}
					require.ErrorIs(t, <-failed, ErrPanicked)
					require.ErrorIs(t, <-ended, io.EOF)
					require.ErrorIs(t, <-ended, io.EOF)
					for _, s := range all {
						s.close()
					}
					w.Wait()
				})
			})
		}
	}
}

// TestStreamThatPanicsWhileItIsClosed: the one who closes it waits, and has ended it.
func TestStreamThatPanicsWhileItIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := NewWheel(nil)
		blocked := make(chan struct{})
		bad := newSession(w, nil, &ready{frames: -1, at: func(int) { <-blocked; panic("a defect") }}, 0, time.Hour,
			func(media.Frame, time.Time) {}, func(*session, error) { t.Error("it was closed") })
		ended := make(chan error, 1)
		good := newSession(w, nil, &ready{frames: 100}, 0, time.Hour,
			func(media.Frame, time.Time) {}, func(_ *session, err error) { ended <- err })
		for _, s := range []*session{bad, good} {
			s.tracks = a
			s.begin()
			s.run(time.Now().Add(time.Second), nil)
		}
		synctest.Wait()
		closed := make(chan struct{})
		go func() { // ends when the stream has panicked
			defer close(closed)
			bad.close()
		}()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("the stream is still being read")
		default:
		}
		close(blocked)
		<-closed
		require.ErrorIs(t, <-ended, io.EOF)
		good.close()
		w.Wait()
	})
}

// BenchmarkWheel is a packet of one of many sessions, without the sink.
func BenchmarkWheel(b *testing.B) {
	for _, sessions := range []int{1, 200, 2000} {
		b.Run(fmt.Sprint(sessions), func(b *testing.B) {
			w := NewWheel(nil)
			var list []*session
			for range sessions {
				s := newSession(w, nil, &ready{frames: -1, data: make([]byte, 320)}, 0, time.Hour,
					func(media.Frame, time.Time) {}, func(*session, error) {})
				s.tracks = a
				s.clock.run(time.Now(), nil)
				list = append(list, s)
			}
			now := time.Now()
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += sessions {
				now = now.Add(20 * ms)
				for _, s := range list {
					if _, err := s.serve(now); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
