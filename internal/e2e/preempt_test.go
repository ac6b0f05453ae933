package e2e_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

// hung is a source that hangs in Open until its context ends.
type hung struct{ opening chan struct{} }

func (h hung) Tracks() gotgcall.Track { return gotgcall.TrackAudio }

func (h hung) Open(ctx context.Context, _ gotgcall.Env) (gotgcall.Stream, error) {
	close(h.opening)
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestStopPreemptsAHangingOpen(t *testing.T) {
	t.Parallel()
	s, remote := connected(t, sfu.Config{})
	src := hung{make(chan struct{})}
	result := make(chan error)
	go func() { result <- s.SetStreamSources(chat, src) }()
	<-src.opening
	var stops sync.WaitGroup
	var found atomic.Int32
	for range 2 {
		stops.Add(1)
		go func() {
			defer stops.Done()
			if err := s.Stop(chat); err == nil {
				found.Add(1)
			} else if !errors.Is(err, gotgcall.ErrConnectionNotFound) {
				t.Error(err)
			}
		}()
	}
	stops.Wait()
	require.EqualValues(t, 1, found.Load(), "of two Stops one finds the call")
	require.ErrorIs(t, <-result, gotgcall.ErrStopped)
	<-remote.Done()
	require.Empty(t, s.ends, "it never played")
}

// TestStopPreemptsAServerThatHangs: the real ffmpeg, on a server that accepts and
// says nothing.
func TestStopPreemptsAServerThatHangs(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		if conn, err := listener.Accept(); err == nil {
			accepted <- conn
		}
	}()
	s, _ := connected(t, sfu.Config{})
	result := make(chan error)
	go func() {
		result <- s.SetStreamSources(chat, gotgcall.FromURL("http://"+listener.Addr().String()+"/a.mp3", gotgcall.EncodeOptions{}))
	}()
	conn := <-accepted
	defer conn.Close()
	require.NoError(t, s.Stop(chat))
	require.ErrorIs(t, <-result, gotgcall.ErrStopped)
}

func TestStopPreemptsConnect(t *testing.T) {
	t.Parallel()
	s := newFixture(t, sfu.Config{SilentFor: time.Hour})
	params, err := s.CreateCall(chat)
	require.NoError(t, err)
	answer, err := s.server.Join(t.Context(), params)
	require.NoError(t, err)
	result := make(chan error)
	go func() { result <- s.Connect(chat, answer) }()
	require.Equal(t, gotgcall.Connecting, <-s.states)
	require.NoError(t, s.Stop(chat))
	require.ErrorIs(t, <-result, gotgcall.ErrStopped)
	require.Equal(t, gotgcall.Closed, <-s.states)
}

// TestStopKillsWhatIgnoresSignals: the ffmpeg ignores SIGTERM, and a grandchild of
// it holds the pipe.
func TestStopKillsWhatIgnoresSignals(t *testing.T) {
	t.Parallel()
	script := fakeFFmpeg(t, `trap '' TERM INT HUP; sleep 3600 & ffmpeg "$@"; sleep 3600`)
	s, remote := playing(t, sfu.Config{}, gotgcall.FromFile(tones(t, "a.wav", mediatest.AudioSpec{Seconds: 5}), gotgcall.EncodeOptions{}), gotgcall.WithFFmpegPath(script))
	s.leave(t, chat, remote)
	require.ErrorIs(t, s.awaitEnds(t, 1)[0].err, gotgcall.ErrStopped)
}

func TestCloseDoesNotWaitForACallbackThatBlocks(t *testing.T) {
	t.Parallel()
	s := newFixture(t, sfu.Config{})
	release, blocked := make(chan struct{}), make(chan struct{})
	var late atomic.Bool
	s.OnConnectionChange(func(int64, gotgcall.NetworkInfo) {
		select {
		case <-blocked:
			late.Store(true)
		default:
			close(blocked)
			<-release
		}
	})
	_, err := s.CreateCall(chat)
	require.NoError(t, err)
	require.Error(t, s.Connect(chat, "{}"))
	<-blocked
	require.NoError(t, s.Close())
	close(release)
	require.False(t, late.Load(), "no callback starts after Close")
}

func TestCancelledContextsLeaveTheCallAsItWas(t *testing.T) {
	t.Parallel()
	s := newFixture(t, sfu.Config{SilentFor: 500 * time.Millisecond})
	params, err := s.CreateCall(chat)
	require.NoError(t, err)
	answer, err := s.server.Join(t.Context(), params)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.ConnectContext(ctx, chat, answer), context.DeadlineExceeded)
	require.Equal(t, gotgcall.Connecting, <-s.states)
	require.Equal(t, gotgcall.Disconnected, <-s.states)
	require.NoError(t, s.ConnectContext(t.Context(), chat, answer), "another try, with the same answer")

	path := tones(t, "a.wav", mediatest.AudioSpec{Seconds: 3})
	require.NoError(t, s.SetStreamSourcesContext(t.Context(), chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{})))
	require.ErrorIs(t, s.SetStreamSourcesContext(ctx, chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{})), context.DeadlineExceeded)
	require.ErrorIs(t, s.SeekToContext(ctx, chat, time.Second), context.DeadlineExceeded)
	require.NoError(t, s.awaitEnds(t, 1)[0].err)
	ssrc, err := s.AudioSSRC(chat)
	require.NoError(t, err)
	packets, _ := s.leave(t, chat, s.server.Participant(ssrc))
	s.checkTones(t, packets, 3*time.Second)
}
