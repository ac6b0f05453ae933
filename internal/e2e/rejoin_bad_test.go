package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

// TestCalledOffRejoinEnds: the old connection is lost while the new one is being made,
// and that is called off. Nobody tries again.
func TestCalledOffRejoinEnds(t *testing.T) {
	t.Parallel()
	s := newFixture(t, sfu.Config{}, gotgcall.WithICETimeouts(time.Second, 5*time.Second, 200*time.Millisecond))
	st := s.tell()
	first := s.join(t, chat)
	st.until(t, "connected")
	params, err := s.Rejoin(chat)
	require.NoError(t, err)
	answer, err := s.server.Join(t.Context(), params)
	require.NoError(t, err)
	for _, p := range s.server.Participants() {
		p.Network().Silence(true)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := make(chan error)
	go func() { result <- s.ConnectContext(ctx, chat, answer) }()
	st.until(t, "connecting")
	first.Kick()
	require.Equal(t, "connecting connected connecting disconnected", st.until(t, "disconnected"))
	cancel()
	require.ErrorIs(t, <-result, context.Canceled)
	require.Equal(t, "connecting connected connecting disconnected failed", st.until(t, "failed"))
	require.Empty(t, s.Calls())
}

// TestRejoinThatNeverCameDelaysNothing: Telegram refused the join, and the old
// connection is lost later.
func TestRejoinThatNeverCameDelaysNothing(t *testing.T) {
	t.Parallel()
	s := newFixture(t, sfu.Config{}, gotgcall.WithICETimeouts(5*time.Second, 300*time.Millisecond, 200*time.Millisecond))
	st := s.tell()
	first := s.join(t, chat)
	_, err := s.Rejoin(chat)
	require.NoError(t, err)
	<-time.After(400 * time.Millisecond)
	began := time.Now()
	first.Kick()
	require.Equal(t, "connecting connected failed", st.until(t, "failed"), "after %s", time.Since(began))
}

// opener is a source whose opening is up to the test.
type opener struct {
	gotgcall.SeekableSource
	mu   sync.Mutex // guards open
	open func(ctx context.Context) error
}

func (o *opener) OpenAt(ctx context.Context, env gotgcall.Env, position time.Duration) (gotgcall.Stream, error) {
	o.mu.Lock()
	open := o.open
	o.mu.Unlock()
	if open != nil {
		if err := open(ctx); err != nil {
			return nil, err
		}
	}
	return o.SeekableSource.OpenAt(ctx, env, position)
}

func (o *opener) fail(open func(ctx context.Context) error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open = open
}

// TestRejoinSurvivesEveryFailure: whatever fails after a loss, in whatever order, the
// next Rejoin goes on with the source, the position, the pause and the mute.
func TestRejoinSurvivesEveryFailure(t *testing.T) {
	t.Parallel()
	path := tones(t, "a.wav", mediatest.AudioSpec{Seconds: 8})
	seekable, ok := gotgcall.FromFile(path, gotgcall.EncodeOptions{}).(gotgcall.SeekableSource)
	require.True(t, ok)
	hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	refuse := func(context.Context) error { return fmt.Errorf("%w: not yet", gotgcall.ErrFile) }

	// Each leaves the call lost, or waiting for its Connect.
	failures := map[string]func(t *testing.T, s *fixture, src *opener){
		"the source is not reachable": func(t *testing.T, s *fixture, src *opener) {
			src.fail(refuse)
			_, err := s.Rejoin(chat)
			require.ErrorIs(t, err, gotgcall.ErrFile)
			src.fail(nil)
		},
		"the source stalls": func(t *testing.T, s *fixture, src *opener) {
			src.fail(hang)
			_, err := s.Rejoin(chat)
			require.ErrorIs(t, err, gotgcall.ErrStalled)
			src.fail(nil)
		},
		"the rejoin is called off": func(t *testing.T, s *fixture, src *opener) {
			src.fail(hang)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			_, err := s.RejoinContext(ctx, chat)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			src.fail(nil)
		},
		"the join is refused": func(t *testing.T, s *fixture, _ *opener) {
			_, err := s.Rejoin(chat)
			require.NoError(t, err)
		},
		"the answer is bad": func(t *testing.T, s *fixture, _ *opener) {
			_, err := s.Rejoin(chat)
			require.NoError(t, err)
			require.ErrorIs(t, s.Connect(chat, "{}"), gotgcall.ErrInvalidParams)
		},
		"the connect times out": func(t *testing.T, s *fixture, _ *opener) {
			require.ErrorIs(t, s.Connect(chat, s.mutedAnswer(t)), gotgcall.ErrConnectionTimeout)
		},
		"the connect is called off": func(t *testing.T, s *fixture, _ *opener) {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			require.ErrorIs(t, s.ConnectContext(ctx, chat, s.mutedAnswer(t)), context.DeadlineExceeded)
		},
	}
	prepare := func(t *testing.T) (*fixture, *opener, *sfu.Participant, time.Duration) {
		s := newFixture(t, sfu.Config{}, gotgcall.WithConnectTimeout(8*time.Second), gotgcall.WithStallTimeout(8*time.Second))
		src := &opener{SeekableSource: seekable}
		first := s.join(t, chat)
		require.NoError(t, s.SetStreamSources(chat, src))
		s.awaitPosition(t, chat, 2200*time.Millisecond)
		_, err := s.Pause(chat)
		require.NoError(t, err)
		_, err = s.Mute(chat)
		require.NoError(t, err)
		paused, err := s.Position(chat)
		require.NoError(t, err)
		return s, src, first, paused
	}
	finish := func(t *testing.T, s *fixture, paused time.Duration) {
		for len(s.states) > 0 {
			<-s.states
		}
		params, err := s.Rejoin(chat)
		require.NoError(t, err)
		second := s.rejoin(t, chat, params)
		for <-s.states != gotgcall.Connected { // events come in order: those of the failures have come
		}
		for len(s.ends) > 0 {
			require.Error(t, s.awaitEnds(t, 1)[0].err)
		}
		state, err := s.GetState(chat)
		require.NoError(t, err)
		require.True(t, state.Paused && state.Muted)
		at, err := s.Position(chat)
		require.NoError(t, err)
		require.InDelta(t, paused.Seconds(), at.Seconds(), 0.5)
		_, err = s.Unmute(chat)
		require.NoError(t, err)
		_, err = s.Resume(chat)
		require.NoError(t, err)
		require.NoError(t, s.SeekTo(chat, 7500*time.Millisecond))
		require.NoError(t, s.awaitEnds(t, 1)[0].err)
		s.leave(t, chat, second)
	}
	ofTheSource := []string{"the source is not reachable", "the source stalls", "the rejoin is called off"}
	for name, failure := range failures {
		t.Run("lost, then "+name, func(t *testing.T) {
			t.Parallel()
			s, src, first, paused := prepare(t)
			first.Kick()
			require.ErrorIs(t, s.awaitEnds(t, 1)[0].err, gotgcall.ErrConnectionFailed)
			for range 2 {
				failure(t, s, src)
			}
			finish(t, s, paused)
		})
	}
	t.Run("all of them", func(t *testing.T) {
		t.Parallel()
		s, src, first, paused := prepare(t)
		first.Kick()
		require.ErrorIs(t, s.awaitEnds(t, 1)[0].err, gotgcall.ErrConnectionFailed)
		for range 2 {
			for name, failure := range failures {
				if _, waits := s.Calls()[chat]; waits && slices.Contains(ofTheSource, name) {
					continue // it waits for its Connect, with the source open
				}
				failure(t, s, src)
			}
		}
		finish(t, s, paused)
	})
	for name, answer := range map[string]func(*fixture, *testing.T) (string, error){
		"gets a bad answer": func(*fixture, *testing.T) (string, error) { return "{}", gotgcall.ErrInvalidParams },
		"times out": func(s *fixture, t *testing.T) (string, error) {
			return s.mutedAnswer(t), gotgcall.ErrConnectionTimeout
		},
	} {
		t.Run("lost while a rejoin "+name, func(t *testing.T) {
			t.Parallel()
			s, _, first, paused := prepare(t)
			text, want := answer(s, t)
			if errors.Is(want, gotgcall.ErrInvalidParams) {
				_, err := s.Rejoin(chat)
				require.NoError(t, err)
			}
			first.Kick()
			for state := range s.states {
				if state == gotgcall.Disconnected {
					break
				}
			}
			require.ErrorIs(t, s.Connect(chat, text), want)
			require.Error(t, s.awaitEnds(t, 1)[0].err)
			finish(t, s, paused)
		})
	}
}

// mutedAnswer asks for a rejoin and returns its answer, of a server that is silent.
func (s *fixture) mutedAnswer(t *testing.T) string {
	t.Helper()
	params, err := s.Rejoin(chat)
	require.NoError(t, err)
	answer, err := s.server.Join(t.Context(), params)
	require.NoError(t, err)
	for _, p := range s.server.Participants() {
		select {
		case <-p.Connected():
		default:
			p.Network().Silence(true)
		}
	}
	return answer
}

// TestStopAndCreateCallForgetALostCall: what they end is not rejoined.
func TestStopAndCreateCallForgetALostCall(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]func(*testing.T, *fixture){
		"stop": func(t *testing.T, s *fixture) {
			require.ErrorIs(t, s.Stop(chat), gotgcall.ErrConnectionNotFound)
		},
		"create": func(t *testing.T, s *fixture) {
			_, err := s.CreateCall(chat)
			require.NoError(t, err)
			require.NoError(t, s.Stop(chat))
		},
		"stop of the rejoined": func(t *testing.T, s *fixture) {
			_, err := s.Rejoin(chat)
			require.NoError(t, err)
			require.NoError(t, s.Stop(chat))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, remote := connected(t, sfu.Config{})
			remote.Kick()
			s.requireStates(t, gotgcall.Connecting, gotgcall.Connected, gotgcall.Failed)
			forget(t, s)
			_, err := s.Rejoin(chat)
			require.ErrorIs(t, err, gotgcall.ErrConnectionNotFound)
		})
	}
}

// TestRejoinAtTheVeryEndReportsIt: the file has become shorter than the position, and
// has ended for the listeners, once.
func TestRejoinAtTheVeryEndReportsIt(t *testing.T) {
	t.Parallel()
	s := newFixture(t, sfu.Config{})
	path := tones(t, "a.wav", mediatest.AudioSpec{Seconds: 10})
	short := tones(t, "b.wav", mediatest.AudioSpec{Seconds: 1})
	remote := s.join(t, chat)
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{})))
	s.awaitPosition(t, chat, 1500*time.Millisecond)
	require.NoError(t, os.Rename(short, path))
	remote.Kick()
	require.ErrorIs(t, s.awaitEnds(t, 1)[0].err, gotgcall.ErrConnectionFailed)
	params, err := s.Rejoin(chat)
	require.NoError(t, err)
	require.Equal(t, []streamEnd{{chat, gotgcall.Audio, gotgcall.Microphone, nil}}, s.awaitEnds(t, 1))
	s.leave(t, chat, s.rejoin(t, chat, params))
	require.Empty(t, s.ends)
}

// TestFailedRejoinTellsTheStateOfTheOldConnection: the server is silent while a rejoin
// fails, and comes back.
func TestFailedRejoinTellsTheStateOfTheOldConnection(t *testing.T) {
	t.Parallel()
	s := newFixture(t, sfu.Config{}, gotgcall.WithICETimeouts(time.Second, time.Minute, 100*time.Millisecond))
	st := s.tell()
	remote := s.join(t, chat)
	_, err := s.Rejoin(chat)
	require.NoError(t, err)
	remote.Network().BlackOut(8 * time.Second)
	st.until(t, "disconnected")
	require.ErrorIs(t, s.Connect(chat, "{}"), gotgcall.ErrInvalidParams)
	require.Equal(t, "connecting connected disconnected connecting disconnected connected", st.until(t, "connected"))
	s.leave(t, chat, remote)
}
