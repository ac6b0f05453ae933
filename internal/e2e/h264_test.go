package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"os/exec"
	"slices"
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

// TestH264FollowsVP8AndItself: sources of other sizes and codecs, a seek and a pause in
// one stream, all of which a viewer can decode, from a key frame on each time.
func TestH264FollowsVP8AndItself(t *testing.T) {
	t.Parallel()
	film := func(width, height int, encoder gotgcall.VideoEncoder) gotgcall.Source {
		path := movie(t, "movie.mp4", mediatest.MovieSpec{Width: width, Height: height, FPS: "25", Duration: 4 * time.Second})
		return gotgcall.FromFile(path, gotgcall.EncodeOptions{Tracks: both, VideoEncoder: encoder})
	}
	sources := []gotgcall.Source{
		film(160, 90, gotgcall.H264), film(320, 180, gotgcall.H264), film(160, 120, gotgcall.VP8), film(240, 180, gotgcall.H264),
	}
	s, remote := connected(t, sfu.Config{})
	for _, src := range sources {
		require.NoError(t, s.SetStreamSources(chat, src))
		s.awaitPosition(t, chat, 400*time.Millisecond)
		require.NoError(t, s.SeekTo(chat, 3*time.Second))
		_, err := s.Pause(chat)
		require.NoError(t, err)
		_, err = s.Resume(chat)
		require.NoError(t, err)
		s.awaitPosition(t, chat, 3400*time.Millisecond)
	}
	s.awaitEnds(t, 2)
	_, video := s.leave(t, chat, remote)
	require.NoError(t, mediatest.Inspect(video).Err())
	frames, broken := mediatest.Assemble(video)
	require.Zero(t, broken)
	var sizes []image.Point
	for len(frames) > 0 {
		end := slices.IndexFunc(frames, func(f mediatest.VideoFrame) bool { return f.H264 != frames[0].H264 })
		if end < 0 {
			end = len(frames)
		}
		require.True(t, frames[0].Key, "another codec begins with a key frame")
		serially(func() {
			seen, err := mediatest.DecodePictures(t.Context(), ffmpeg, frames[:end])
			require.NoError(t, err)
			require.Len(t, seen, end)
			sizes = append(sizes, mediatest.Sizes(seen)...)
			jumps := 0
			for i := 1; i < len(seen); i++ {
				require.GreaterOrEqual(t, seen[i].Counter, 0, "a picture that is whole")
				if seen[i].Counter != seen[i-1].Counter+1 {
					jumps++
				}
			}
			require.LessOrEqual(t, jumps, 3, "the seeks, and a change of source")
		})
		frames = frames[end:]
	}
	require.Equal(t, []image.Point{{X: 160, Y: 90}, {X: 320, Y: 180}, {X: 160, Y: 120}, {X: 240, Y: 180}}, sizes)
}

// TestRejoinMeetsAnotherServer: one that lists no H.264 gets VP8 from the place where the
// picture was.
func TestRejoinMeetsAnotherServer(t *testing.T) {
	t.Parallel()
	path := movie(t, "movie.mp4", mediatest.MovieSpec{Width: 160, Height: 90, FPS: "25", Duration: 5 * time.Second})
	s, first := playing(t, sfu.Config{}, gotgcall.FromFile(path, gotgcall.EncodeOptions{Tracks: both, VideoEncoder: gotgcall.H264}))
	s.awaitPosition(t, chat, 1500*time.Millisecond)
	other := newFixture(t, sfu.Config{OmitH264: true})
	params, err := s.Rejoin(chat)
	require.NoError(t, err)
	answer, err := other.server.Join(t.Context(), params)
	require.NoError(t, err)
	require.NoError(t, s.Connect(chat, answer))
	second := other.server.Participants()[0]
	<-first.Done()
	s.awaitEnds(t, 2)
	require.NoError(t, s.Stop(chat))
	<-second.Done()
	require.Empty(t, first.Violations())
	require.Empty(t, second.Violations())
	before, _ := pictures(t, s.received(first.SSRC()+1))
	require.True(t, before[0].H264)
	after, seen := pictures(t, other.received(second.SSRC()+1))
	require.False(t, after[0].H264)
	require.NoError(t, mediatest.CheckCounters(seen, seen[0].Counter, 124))
	require.InDelta(t, len(before), seen[0].Counter, 15, "of what both servers would have been sent little is missing")
}

// TestRejoinThatIsGivenUpKeepsTheCodec: the connection that stays in use takes what its own
// server listed, whatever the answer to the rejoin listed.
func TestRejoinThatIsGivenUpKeepsTheCodec(t *testing.T) {
	t.Parallel()
	path := movie(t, "movie.mp4", mediatest.MovieSpec{Width: 160, Height: 90, FPS: "25", Duration: 2 * time.Second})
	src := gotgcall.FromFile(path, gotgcall.EncodeOptions{Tracks: both, VideoEncoder: gotgcall.H264})
	for name, omitted := range map[string]bool{"VP8 alone": true, "H.264 too": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, remote := connected(t, sfu.Config{OmitH264: omitted})
			other := newFixture(t, sfu.Config{OmitH264: !omitted})
			params, err := s.Rejoin(chat)
			require.NoError(t, err)
			answer, err := other.server.Join(t.Context(), params)
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			require.ErrorIs(t, s.ConnectContext(ctx, chat, answer), context.Canceled)
			s.play(t, chat, src, 2)
			_, video := s.leave(t, chat, remote)
			frames, seen := pictures(t, video)
			require.NotEmpty(t, frames)
			for _, f := range frames {
				require.NotEqual(t, omitted, f.H264)
			}
			require.NoError(t, mediatest.CheckCounters(seen, 0, 49))
		})
	}
}

// TestEncoderThatCannotBeHad: what ffmpeg was built without is named, and what the machine
// lacks is in ffmpeg's own words. The call goes on.
func TestEncoderThatCannotBeHad(t *testing.T) {
	t.Parallel()
	path := movie(t, "movie.mp4", mediatest.MovieSpec{Width: 160, Height: 90, FPS: "25", Duration: 2 * time.Second})
	s, remote := playing(t, sfu.Config{}, gotgcall.FromFile(path, gotgcall.EncodeOptions{Tracks: both}))
	build, err := exec.Command(ffmpeg, "-hide_banner", "-encoders").Output()
	require.NoError(t, err)
	for _, encoder := range []gotgcall.VideoEncoder{gotgcall.H264AMF, gotgcall.H264VideoToolbox, gotgcall.H264NVENC, gotgcall.H264VAAPI} {
		err := s.SetStreamSources(chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{Tracks: both, VideoEncoder: encoder, AlwaysEncode: true}))
		if err == nil {
			t.Log("this machine has", encoder)
			continue
		}
		t.Log(err)
		require.ErrorIs(t, err, gotgcall.ErrFFmpegSpawn)
		require.NotErrorIs(t, err, gotgcall.ErrFile, "the file is well")
		require.ErrorContains(t, err, string(encoder))
		var failure *gotgcall.FFmpegError
		require.Equal(t, bytes.Contains(build, []byte(" "+encoder+" ")), errors.As(err, &failure), "ffmpeg's own words, if it has the encoder")
	}
	err = s.SetStreamSources(chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{Tracks: both, VideoEncoder: "h264_unheard_of"}))
	require.ErrorIs(t, err, gotgcall.ErrInvalidParams)
	require.ErrorContains(t, err, "h264_nvenc")
	s.awaitEnds(t, 2)
	s.leave(t, chat, remote)
}
