package e2e_test

import (
	"fmt"
	"image"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

const both = gotgcall.TrackAudio | gotgcall.TrackVideo

// watched is a movie as it arrived at the server.
type watched struct {
	audio    []mediatest.Packet
	video    []mediatest.Packet
	frames   []mediatest.VideoFrame
	pictures []mediatest.Picture
	pcm      *mediatest.PCM
	moves    int // how often the client put playback off
	fixture  *fixture
}

// watch plays a source with both tracks to its end.
func watch(t *testing.T, src gotgcall.Source) watched {
	t.Helper()
	s, remote := connected(t, sfu.Config{})
	require.Equal(t, []streamEnd{
		{chat, gotgcall.Video, gotgcall.Camera, nil},
		{chat, gotgcall.Audio, gotgcall.Microphone, nil},
	}, s.play(t, chat, src, 2))
	w := watched{fixture: s}
	w.audio, w.video = s.leave(t, chat, remote)
	require.Zero(t, s.last.PicturesShed, "nothing is full here")
	w.moves = int(s.last.ClockMoves)
	require.NoError(t, mediatest.Inspect(w.audio).Err())
	require.NoError(t, mediatest.Inspect(w.video).Err())
	var broken int
	var err error
	w.frames, broken = mediatest.Assemble(w.video)
	require.Zero(t, broken)
	serially(func() {
		w.pictures, err = mediatest.DecodePictures(t.Context(), ffmpeg, w.frames)
		require.NoError(t, err)
		w.pcm, err = mediatest.DecodeOpus(w.audio)
		require.NoError(t, err)
	})
	return w
}

// requireInSync asserts that every beep is heard with its flash, by the clocks that
// the sender reports state.
func (w watched) requireInSync(t *testing.T, seconds int) {
	t.Helper()
	w.requireBeepsInSync(t, w.pcm.Beeps(), seconds-1)
}

// requireBeepsInSync asserts the same of some of the beeps, count of them.
func (w watched) requireBeepsInSync(t *testing.T, heardAt []time.Duration, count int) {
	t.Helper()
	var beeps []uint32
	for _, at := range heardAt {
		beeps = append(beeps, w.pcm.Timestamp(at))
	}
	heard := w.fixture.clock(t, w.audio[0].SSRC, mediatest.SampleRate)
	seen := w.fixture.clock(t, w.video[0].SSRC, mediatest.VideoClockRate)
	offsets, err := mediatest.AVOffsets(beeps, mediatest.Flashes(w.pictures), heard, seen)
	if w.moves == 0 { // else a beep may have been cut in two
		require.NoError(t, err)
	}
	require.GreaterOrEqual(t, len(offsets), count-w.moves)
	t.Log("first offset", offsets[0].Offset, "last", offsets[len(offsets)-1].Offset)
	for _, o := range offsets {
		require.Less(t, o.Offset.Abs(), 20*time.Millisecond, "at %s", o.At)
	}
}

// TestPictureArrivesWholeAndInSync plays 10 s movies whose frames are numbered
// and which flash and beep at the same instants.
func TestPictureArrivesWholeAndInSync(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fps     string
		frames  int
		encoder gotgcall.VideoEncoder
	}{
		{"24", 240, ""},
		{"25", 250, gotgcall.VP8},
		{"25", 250, gotgcall.H264},
		{"30000/1001", 300, ""},
		{"30000/1001", 300, gotgcall.H264},
		{"30", 300, ""},
		{"60", 600, ""},
	} {
		t.Run(c.fps+string(c.encoder), func(t *testing.T) {
			t.Parallel()
			path := movie(t, "movie.mp4", mediatest.MovieSpec{Width: 320, Height: 180, FPS: c.fps, Duration: 10 * time.Second})
			w := watch(t, gotgcall.FromFile(path, gotgcall.EncodeOptions{
				Tracks: both, VideoFPS: 60, VideoBitrateKbps: 500, VideoEncoder: c.encoder,
			}))
			require.Equal(t, c.encoder == gotgcall.H264, w.frames[0].H264)
			require.NoError(t, mediatest.CheckCounters(w.pictures, 0, c.frames-1))
			require.NoError(t, mediatest.CheckMovedCounterTimes(w.pictures, c.fps, 2*time.Millisecond, w.moves))
			require.Equal(t, []image.Point{{X: 320, Y: 180}}, mediatest.Sizes(w.pictures))
			last := 0
			for i, f := range w.frames {
				if f.Key {
					last = i
				}
				require.LessOrEqual(t, i-last, c.frames/5, "frames since a key frame: they come each 2 s")
			}
			w.requireInSync(t, 10)
		})
	}
}

// TestPassedOnPictureIsInSync: H.264 of a file that is sent as it is, beside sound that
// is encoded.
func TestPassedOnPictureIsInSync(t *testing.T) {
	t.Parallel()
	path := movie(t, "movie.mp4", mediatest.MovieSpec{Width: 320, Height: 180, FPS: "25", Duration: 8 * time.Second, Options: []string{
		"-bf", "0", "-g", "50", "-b:v", "400k", "-maxrate", "400k", "-bufsize", "400k",
	}})
	w := watch(t, gotgcall.FromFile(path, gotgcall.EncodeOptions{Tracks: both, VideoEncoder: gotgcall.H264}))
	require.NoError(t, mediatest.CheckCounters(w.pictures, 0, 199))
	require.NoError(t, mediatest.CheckMovedCounterTimes(w.pictures, "25", 2*time.Millisecond, w.moves))
	w.requireInSync(t, 8)
}

func TestRTPTimeOfThirtyFramesASecondIs3000Ticks(t *testing.T) {
	t.Parallel()
	path := movie(t, "movie.mp4", mediatest.MovieSpec{Width: 160, Height: 90, FPS: "30", Duration: 3 * time.Second})
	w := watch(t, gotgcall.FromFile(path, gotgcall.EncodeOptions{Tracks: both}))
	if w.moves == 0 { // else there are holes
		require.InDelta(t, 3000, mediatest.Inspect(w.video).Step, 0.5)
		require.InDelta(t, 960, mediatest.Inspect(w.audio).Step, 0.01)
	}
}

func TestPictureIsFittedNeverStretchedNorEnlarged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		width, height int
		bound, want   image.Point
	}{
		{321, 241, image.Pt(640, 480), image.Pt(320, 240)},
		{180, 320, image.Pt(320, 180), image.Pt(100, 180)},
		{1000, 500, image.Pt(320, 320), image.Pt(320, 160)},
		{160, 90, image.Pt(1280, 720), image.Pt(160, 90)},
	} {
		t.Run(fmt.Sprintf("%dx%d", c.width, c.height), func(t *testing.T) {
			t.Parallel()
			path := movie(t, "movie.mp4", mediatest.MovieSpec{Width: c.width, Height: c.height, FPS: "10", Duration: time.Second})
			w := watch(t, gotgcall.FromFile(path, gotgcall.EncodeOptions{Tracks: both, VideoWidth: c.bound.X, VideoHeight: c.bound.Y}))
			got := w.frames[0].Size
			require.InDelta(t, c.want.X, got.X, 2)
			require.InDelta(t, c.want.Y, got.Y, 2)
			require.Zero(t, got.X%2+got.Y%2, "even: %s", got)
		})
	}
}

// TestShellKeepsTheStreamsOwnRate: two commands, one for each track, and one for
// both.
func TestShellKeepsTheStreamsOwnRate(t *testing.T) {
	t.Parallel()
	path := movie(t, "movie.mp4", mediatest.MovieSpec{Width: 320, Height: 180, FPS: "25", Duration: 10 * time.Second})
	input := fmt.Sprintf(`ffmpeg -i "%s"`, path)
	for name, src := range map[string]gotgcall.Source{
		"FromShells": gotgcall.FromShells(input, input),
		"FromShell":  gotgcall.FromShell(input, both),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := watch(t, src)
			require.NoError(t, mediatest.CheckCounters(w.pictures, 0, 249))
			require.NoError(t, mediatest.CheckMovedCounterTimes(w.pictures, "25", 2*time.Millisecond, w.moves))
			w.requireInSync(t, 10)
		})
	}
}
