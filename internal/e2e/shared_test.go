package e2e_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

// opens counts how often a source is opened.
type opens struct {
	gotgcall.Source
	n atomic.Int64
}

func (o *opens) Open(ctx context.Context, env gotgcall.Env) (gotgcall.Stream, error) {
	o.n.Add(1)
	return o.Source.Open(ctx, env)
}

// TestSharedSource: ten chats hear one ffmpeg. Pausing, leaving and coming back disturb
// no other chat.
func TestSharedSource(t *testing.T) {
	t.Parallel()
	path := sweep(t, "a.wav", mediatest.AudioSpec{Seconds: 12})
	src := &opens{Source: gotgcall.FromFile(path, gotgcall.EncodeOptions{})}
	all := gotgcall.Shared(src)
	s := newFixture(t, sfu.Config{})
	const chats = 10
	remotes := make([]*sfu.Participant, chats)
	for i := range remotes {
		remotes[i] = s.join(t, chat+int64(i))
	}
	var starts sync.WaitGroup
	for i := range remotes {
		starts.Go(func() { require.NoError(t, s.SetStreamSources(chat+int64(i), all)) })
	}
	starts.Wait()
	s.awaitPosition(t, chat, 2*time.Second)
	_, err := s.Pause(chat + 1)
	require.NoError(t, err)
	s.leave(t, chat+2, remotes[2])
	require.ErrorIs(t, s.SeekTo(chat, 0), gotgcall.ErrSeekUnsupported)
	require.ErrorIs(t, s.SetSound(chat, gotgcall.Sound{Volume: 50}), gotgcall.ErrSoundUnsupported)
	s.awaitPosition(t, chat, 8*time.Second)
	_, err = s.Resume(chat + 1)
	require.NoError(t, err)
	for _, end := range s.awaitEnds(t, chats) {
		if end.chat != chat+2 {
			require.NoError(t, end.err)
		}
	}
	require.EqualValues(t, 1, src.n.Load())
	for _, i := range []int{0, 3, 9} {
		packets, _ := s.leave(t, chat+int64(i), remotes[i])
		s.checkSweep(t, packets, 12*time.Second, 0)
	}
}
