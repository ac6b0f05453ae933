package e2e_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

// pictures are the frames of what arrived on a video stream, and what they show.
func pictures(t *testing.T, packets []mediatest.Packet) ([]mediatest.VideoFrame, []mediatest.Picture) {
	t.Helper()
	require.NoError(t, mediatest.Inspect(packets).Err())
	frames, broken := mediatest.Assemble(packets)
	require.Zero(t, broken)
	var seen []mediatest.Picture
	serially(func() {
		var err error
		seen, err = mediatest.DecodePictures(t.Context(), ffmpeg, frames)
		require.NoError(t, err)
	})
	return frames, seen
}

// TestServerWithoutH264GetsVP8: a source that was armed before anybody knew is sent from
// its first picture on, and a later one as well.
func TestServerWithoutH264GetsVP8(t *testing.T) {
	t.Parallel()
	path := movie(t, "movie.mp4", mediatest.MovieSpec{Width: 160, Height: 90, FPS: "25", Duration: 2 * time.Second})
	src := gotgcall.FromFile(path, gotgcall.EncodeOptions{Tracks: both, VideoEncoder: gotgcall.H264})
	// The server answers checks a while after the join, as Telegram's do.
	s := newFixture(t, sfu.Config{OmitH264: true, SilentFor: time.Second})
	params, err := s.CreateCall(chat)
	require.NoError(t, err)
	require.NoError(t, s.SetStreamSources(chat, src))
	answer, err := s.server.Join(context.Background(), params)
	require.NoError(t, err)
	require.NoError(t, s.Connect(chat, answer))
	remote := s.server.Participants()[0]
	s.awaitEnds(t, 2)
	s.play(t, chat, src, 2)
	_, video := s.leave(t, chat, remote)
	frames, seen := pictures(t, video)
	for _, f := range frames {
		require.False(t, f.H264)
	}
	require.NoError(t, mediatest.CheckCounters(seen[:50], 0, 49))
	require.NoError(t, mediatest.CheckCounters(seen[50:], 0, 49))
}
