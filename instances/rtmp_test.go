package instances

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/play/playtest"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

func TestPauseIsAStillAndSilence(t *testing.T) {
	t.Parallel()
	onServer(t, 0, func(t *testing.T, s *fixture) {
		s.play(t, raw(av, 4*time.Second))
		sleep(2 * time.Second)
		_, err := s.SetPaused(true)
		require.NoError(t, err)
		before := s.Position()
		sleep(10 * time.Minute)
		require.Equal(t, before, s.Position())
		s.look(func() {
			pictures, sound := s.servers[0].pictures(), s.servers[0].sound
			last := pictures[len(pictures)-1]
			require.NotEqual(t, uint32(black), last)
			for _, p := range pictures[len(pictures)-14000:] {
				require.Equal(t, last, p)
			}
			require.True(t, sound[len(sound)-1].silent)
			require.Empty(t, s.ends)
		})
		_, err = s.SetPaused(false)
		require.NoError(t, err)
		sleep(5 * time.Second)
		s.look(func() {
			server := s.servers[0]
			requireSteady(t, server)
			require.Len(t, server.sound, 5, "silence, sound, the pause, sound, silence")
			require.EqualValues(t, 4*44100/grain, server.last)
			require.Zero(t, server.jumps, "nothing is lost")
			require.InDelta(t, 600, server.sound[2].length().Seconds(), 0.05)
			require.Len(t, s.ends, 2)
			require.Equal(t, uint32(black), server.given[len(server.given)-1], "nothing plays")
		})
	})
}

func TestMuteIsSilence(t *testing.T) {
	t.Parallel()
	onServer(t, 0, func(t *testing.T, s *fixture) {
		s.play(t, raw(av, 4*time.Second))
		sleep(time.Second)
		_, _ = s.SetMuted(true)
		sleep(time.Second)
		_, _ = s.SetMuted(false)
		sleep(5 * time.Second)
		s.look(func() {
			server := s.servers[0]
			requireSteady(t, server)
			require.Len(t, server.sound, 5)
			require.Equal(t, 3*time.Second, server.sound[1].length()+server.sound[3].length(), "the source ran on")
			require.Equal(t, time.Second, server.sound[2].length())
		})
	})
}

// TestSwitchLeavesNoHole plays sound after a movie: the sound goes on without a
// sample of silence, and the picture turns black.
func TestSwitchLeavesNoHole(t *testing.T) {
	t.Parallel()
	onServer(t, 0, func(t *testing.T, s *fixture) {
		s.play(t, raw(av, time.Hour))
		sleep(2 * time.Second)
		s.play(t, raw(a, 2*time.Second))
		sleep(time.Second)
		s.look(func() {
			pictures := s.servers[0].pictures()
			require.Equal(t, uint32(black), pictures[len(pictures)-1])
		})
		s.play(t, raw(v, 2*time.Second))
		sleep(5 * time.Second)
		s.look(func() {
			server := s.servers[0]
			requireSteady(t, server)
			require.Len(t, server.sound, 3, "silence, sound, silence")
			require.InDelta(t, 3, server.sound[1].length().Seconds(), 0.041)
			require.Len(t, s.servers, 1)
			require.Equal(t, []endOf{{v, nil}}, s.ends, "a replaced source reports no end")
		})
	})
}

// TestASlowMomentCostsPictures: what the server leaves no time for is left out, the
// times stay true and the sound whole.
func TestASlowMomentCostsPictures(t *testing.T) {
	t.Parallel()
	onServer(t, 0, func(t *testing.T, s *fixture) {
		s.play(t, raw(av, 10*time.Second))
		sleep(2 * time.Second)
		s.look(func() { s.servers[0].slow = 600 * ms })
		sleep(50 * ms)
		s.look(func() { s.servers[0].slow = 0 })
		sleep(10 * time.Second)
		stats := s.Stats()
		s.look(func() {
			server := s.servers[0]
			require.Zero(t, server.holes)
			require.Equal(t, 10*time.Second, server.sound[1].length())
			require.Zero(t, server.jumps)
			lost := 0
			for i := 1; i < len(server.times); i++ {
				step := server.times[i] - server.times[i-1]
				if server.given[i-1] != black && server.given[i] != black {
					lost += int(step/(40*ms)) - 1
				}
				require.Zero(t, step%(40*ms))
			}
			require.InDelta(t, 15, lost, 2)
			require.EqualValues(t, lost, stats.PicturesShed)
			require.EqualValues(t, len(server.times)-2, stats.Video.Packets)
		})
	})
}

// refusing makes servers that take nothing.
func refusing(reason error) func() *fakeServer {
	return func() *fakeServer {
		server := newFakeServer()
		server.refuses = reason
		return server
	}
}

// TestALostServerIsTriedAgain: the source keeps its place meanwhile.
func TestALostServerIsTriedAgain(t *testing.T) {
	t.Parallel()
	onServer(t, 60*time.Second, func(t *testing.T, s *fixture) {
		s.play(t, raw(av, 40*time.Second))
		sleep(20 * time.Second)
		s.look(func() {
			s.next = refusing(errors.New("connection refused"))
			s.servers[0].Kill(errors.New("cut off"))
		})
		sleep(200 * ms)
		at := s.Position()
		require.InDelta(t, 20, at.Seconds(), 0.1)
		sleep(20 * time.Second)
		require.Equal(t, at, s.Position())
		s.look(func() {
			require.Empty(t, s.ends)
			var waits []time.Duration
			for i := 2; i < len(s.dialed); i++ {
				waits = append(waits, s.dialed[i].Sub(s.dialed[i-1]))
			}
			require.Equal(t, []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second}, waits)
			s.next = newFakeServer
		})
		sleep(30 * time.Second)
		s.look(func() {
			last := s.servers[len(s.servers)-1]
			requireSteady(t, last)
			require.Equal(t, []models.ConnState{models.Connecting, models.Connected, models.Disconnected, models.Connected}, s.states)
			length := s.servers[0].sound[1].length() + last.sound[1].length()
			require.InDelta(t, 40, length.Seconds(), 0.37, "but for what was under way")
			require.Equal(t, []endOf{{v, nil}, {a, nil}}, s.ends)
			require.Equal(t, 1, s.encoded, "one encoder for all")
		})
	})
}

// untilOver waits for the end of a call and returns how long it took, and why it
// came.
func (s *fixture) untilOver() (took time.Duration, why error) {
	began := time.Now()
	<-s.over
	took = time.Since(began)
	s.look(func() { why = s.ends[0].err })
	return took, why
}

func TestRetryEnds(t *testing.T) {
	t.Parallel()
	onServer(t, 10*time.Second, func(t *testing.T, s *fixture) {
		refusal := errors.New("no such stream")
		s.next = refusing(refusal)
		s.play(t, raw(a, time.Hour))
		took, why := s.untilOver()
		require.Equal(t, 10*time.Second, took)
		require.ErrorIs(t, why, refusal)
		s.look(func() {
			require.Equal(t, []models.ConnState{models.Connecting, models.Failed}, s.states)
			require.Len(t, s.ends, 1)
			require.Len(t, s.dialed, 5, "after 0, 1, 3, 7 and 10 s")
			require.Equal(t, 1, s.encoded, "one encoder for all")
		})
	})
}

// TestARefusedKeyFailsAtOnce, after a second try. A server that has taken the key
// before is tried for as long as any other.
func TestARefusedKeyFailsAtOnce(t *testing.T) {
	t.Parallel()
	refusal := fmt.Errorf("%w: NetStream.Publish.BadName", models.ErrPublishRefused)
	onServer(t, time.Minute, func(t *testing.T, s *fixture) {
		s.next = refusing(refusal)
		s.play(t, raw(a, time.Hour))
		took, why := s.untilOver()
		require.Less(t, took, time.Second)
		require.ErrorIs(t, why, models.ErrPublishRefused)
		require.ErrorIs(t, why, models.ErrConnectionFailed)
		s.look(func() {
			require.Len(t, s.dialed, 2)
			require.Equal(t, why, s.infos[len(s.infos)-1].Err)
		})
	})
	onServer(t, time.Minute, func(t *testing.T, s *fixture) {
		s.play(t, raw(a, time.Hour))
		sleep(30 * time.Second)
		s.look(func() {
			s.next = refusing(refusal)
			s.servers[0].Kill(errors.New("cut off"))
		})
		took, why := s.untilOver()
		require.InDelta(t, 60, took.Seconds(), 0.1)
		require.ErrorIs(t, why, models.ErrPublishRefused)
	})
}

// TestAnEncoderThatNeverGivesAnythingFailsAtOnce, and one that ends later is
// replaced.
func TestAnEncoderThatNeverGivesAnythingFailsAtOnce(t *testing.T) {
	t.Parallel()
	onServer(t, time.Minute, func(t *testing.T, s *fixture) {
		s.encoder = func(e *fakeEncoder) {
			e.ready = make(chan struct{})
			e.ends = &models.FFmpegError{ExitCode: 1, Stderr: "Unknown encoder 'libx264'"}
			e.Kill()
		}
		s.play(t, raw(a, time.Hour))
		took, why := s.untilOver()
		require.Zero(t, took)
		require.ErrorContains(t, why, "Unknown encoder 'libx264'")
		s.look(func() { require.Empty(t, s.dialed) })
	})
	onServer(t, time.Minute, func(t *testing.T, s *fixture) {
		s.encoder = func(e *fakeEncoder) { e.ready = make(chan struct{}) }
		s.play(t, raw(a, time.Hour))
		took, why := s.untilOver()
		require.Equal(t, 10*time.Second, took, "it hangs")
		require.ErrorIs(t, why, models.ErrFFmpegCrashed)
	})
	onServer(t, time.Minute, func(t *testing.T, s *fixture) {
		var encoder *fakeEncoder
		s.encoder = func(e *fakeEncoder) { encoder = e }
		s.play(t, raw(av, 20*time.Second))
		sleep(5 * time.Second)
		s.look(func() { encoder.Kill() })
		sleep(30 * time.Second)
		s.look(func() {
			require.Len(t, s.servers, 2)
			require.Equal(t, 2, s.encoded)
			require.Equal(t, []endOf{{v, nil}, {a, nil}}, s.ends)
			requireSteady(t, s.servers[1])
		})
	})
}

// TestAnEncoderThatHangsIsReplaced: it is not taken for a slow server.
func TestAnEncoderThatHangsIsReplaced(t *testing.T) {
	t.Parallel()
	onServer(t, time.Minute, func(t *testing.T, s *fixture) {
		s.encoder = func(e *fakeEncoder) { s.encoder, e.hangs = func(*fakeEncoder) {}, 5*time.Second }
		s.play(t, raw(a, time.Hour))
		sleep(30 * time.Second)
		s.look(func() {
			require.Equal(t, 2, s.encoded)
			require.ErrorContains(t, s.infos[2].Err, "ffmpeg takes less than half")
			require.Equal(t, models.Connected, s.states[len(s.states)-1])
		})
	})
}

func TestAServerThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	onServer(t, 0, func(t *testing.T, s *fixture) {
		s.play(t, raw(a, time.Hour))
		sleep(time.Minute)
		s.look(func() { s.servers[0].slow = time.Hour })
		took, why := s.untilOver()
		require.InDelta(t, 10, took.Seconds(), 0.3)
		require.ErrorIs(t, why, models.ErrConnectionFailed)
		s.look(func() {
			require.Equal(t, []models.ConnState{models.Connecting, models.Connected, models.Disconnected, models.Failed}, s.states)
		})
	})
}

// TestASlowServerIsGivenUp: one that takes a third of the pictures, but not one
// that takes six tenths.
func TestASlowServerIsGivenUp(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		picture time.Duration
		ends    int
	}{{120 * ms, 1}, {66 * ms, 0}} {
		onServer(t, 0, func(t *testing.T, s *fixture) {
			s.play(t, raw(v, time.Hour))
			sleep(time.Minute)
			s.look(func() { s.servers[0].slow = test.picture })
			sleep(2 * time.Minute)
			s.look(func() { require.Len(t, s.ends, test.ends) })
		})
	}
}

func TestAServerThatNeverComesUpTimesOut(t *testing.T) {
	t.Parallel()
	onServer(t, 0, func(t *testing.T, s *fixture) {
		s.next = func() *fakeServer {
			silent := newFakeServer()
			silent.silent = true
			return silent
		}
		s.play(t, raw(a, time.Hour))
		took, why := s.untilOver()
		require.Equal(t, 10*time.Second, took)
		require.ErrorIs(t, why, models.ErrConnectionTimeout)
	})
}

// TestStopInterruptsAServerThatHangs while it is connecting, publishing, and
// waiting to try again.
func TestStopInterruptsAServerThatHangs(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{0, time.Second, 3 * time.Second} {
		onServer(t, time.Minute, func(t *testing.T, s *fixture) {
			s.next = func() *fakeServer {
				server := newFakeServer()
				server.silent = after == 0
				return server
			}
			s.play(t, raw(a, time.Hour))
			sleep(after)
			s.look(func() {
				s.servers[0].slow = time.Hour
				if after > time.Second {
					s.servers[0].Kill(errors.New("cut off"))
				}
			})
			sleep(100 * ms)
			began := time.Now()
			s.Stop(models.ErrStopped)
			require.LessOrEqual(t, time.Since(began), 300*ms)
			s.look(func() {
				require.Equal(t, models.Closed, s.states[len(s.states)-1])
				require.ErrorIs(t, s.ends[0].err, models.ErrStopped)
			})
		})
	}
}

// encodedFake is a raw fake with options of its own.
type encodedFake struct {
	rawFake
	options media.EncodeOptions
	mu      *sync.Mutex
	opened  *[]media.Format
}

func (f encodedFake) Encoding() media.EncodeOptions { return f.options }

func (f encodedFake) Open(ctx context.Context, env media.Env) (media.Stream, error) {
	f.mu.Lock()
	*f.opened = append(*f.opened, env.Format)
	f.mu.Unlock()
	return f.rawFake.Open(ctx, env)
}

// TestNextSourceInAPublication: of two first sources with formats of their own the
// faster one decides, and the other is opened again. The next source follows the first
// without a hole, whichever that is.
func TestNextSourceInAPublication(t *testing.T) {
	t.Parallel()
	for name, takes := range map[string][2]time.Duration{"the first is faster": {20 * ms, time.Second}, "the next is faster": {time.Second, 20 * ms}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onServer(t, 0, func(t *testing.T, s *fixture) {
				var mu sync.Mutex
				var opened [2][]media.Format
				var sources [2]media.Source
				for i := range sources {
					src := playtest.New(av, 4*time.Second)
					src.OpenTakes = takes[i]
					options := media.EncodeOptions{VideoWidth: 2, VideoHeight: 2, VideoFPS: 25, VideoBitrateKbps: 100 + i}
					sources[i] = encodedFake{rawFake{src}, options, &mu, &opened[i]}
				}
				done := make(chan error, 1)
				go func() { done <- s.SetSource(t.Context(), sources[0]) }()
				synctest.Wait()
				require.ErrorIs(t, s.SetNext(t.Context(), playtest.New(a, time.Second)), models.ErrInvalidParams)
				require.NoError(t, s.SetNext(t.Context(), sources[1]))
				require.NoError(t, <-done)
				sleep(20 * time.Second)
				s.look(func() {
					server := s.servers[0]
					requireSteady(t, server)
					require.Equal(t, []endOf{{v, nil}, {a, nil}, {v, nil}, {a, nil}}, s.ends)
					require.Len(t, server.sound, 3, "silence, the sound of both, silence")
					// What is opened again plays until then.
					again := max(0, takes[0]-takes[1]).Round(time.Second)
					require.InDelta(t, (8*time.Second + again).Seconds(), server.sound[1].length().Seconds(), 0.03)
					require.Len(t, slices.Concat(opened[0], opened[1]), 3)
				})
			})
		})
	}
}
