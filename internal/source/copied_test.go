package source_test

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/h264"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/media"
)

// slicesOf returns the slices of a byte stream of H.264.
func slicesOf(stream []byte) [][]byte {
	var slices [][]byte
	for u := h264.Split(stream); u.Unit != nil; u.Advance() {
		if h264.Type(u.Unit) <= h264.IDR {
			slices = append(slices, bytes.Clone(u.Unit))
		}
	}
	return slices
}

// avcFilm makes a movie of 320x180 at 25 a second in H.264.
func avcFilm(t *testing.T, name string, seconds int, options ...string) string {
	t.Helper()
	path := t.TempDir() + "/" + name
	require.NoError(t, mediatest.MakeMovie(t.Context(), "ffmpeg", path, mediatest.MovieSpec{
		Width: 320, Height: 180, FPS: "25", Duration: time.Duration(seconds) * time.Second,
		Options: append([]string{"-c:v", "libx264", "-preset", "veryfast", "-b:v", "300k", "-maxrate", "300k", "-bufsize", "300k"}, options...),
	}))
	return path
}

// readFilm reads all of a film, asked for in H.264.
func readFilm(t *testing.T, path string, options media.EncodeOptions) (pictures []media.Frame, sound time.Duration) {
	t.Helper()
	options.Tracks, options.VideoEncoder = media.TrackVideo, media.H264
	s, err := media.FromFile(path, options).Open(t.Context(), env())
	require.NoError(t, err)
	defer s.Close()
	for {
		f, err := s.ReadFrame()
		if errors.Is(err, io.EOF) {
			return pictures, sound
		}
		require.NoError(t, err)
		if f.Track == media.TrackVideo {
			require.Equal(t, media.CodecH264, f.Codec)
			f.Data = bytes.Clone(f.Data)
			pictures = append(pictures, f)
			continue
		}
		require.InDelta(t, sound.Seconds(), f.PTS.Seconds(), 0.03, "sound has no hole")
		sound = f.PTS + f.Duration
	}
}

// passedOn returns whether pictures are those of a file, bit for bit, up to some number.
func passedOn(t *testing.T, path string, pictures []media.Frame, count int) bool {
	t.Helper()
	coded, err := exec.Command("ffmpeg", "-nostdin", "-loglevel", "error", "-i", path, "-map", "0:v", "-c", "copy", "-bsf:v", "h264_mp4toannexb", "-f", "h264", "pipe:1").Output()
	require.NoError(t, err)
	var sent [][]byte
	for _, f := range pictures[:count] {
		sent = append(sent, slicesOf(f.Data)...)
	}
	want := slicesOf(coded)
	return len(sent) <= len(want) && bytes.Equal(bytes.Join(want[:len(sent)], nil), bytes.Join(sent, nil))
}

// TestH264IsPassedOn as it is: from each container and in each profile, if viewers can
// decode it.
func TestH264IsPassedOn(t *testing.T) {
	t.Parallel()
	fitting := []string{"-bf", "0", "-g", "50", "-pix_fmt", "yuv420p"}
	for name, c := range map[string]struct {
		file    string
		options []string
		bounds  media.EncodeOptions
		encoded bool
	}{
		"mp4, baseline":   {"a.mp4", []string{"-profile:v", "baseline"}, media.EncodeOptions{}, false},
		"mkv, high":       {"a.mkv", []string{"-profile:v", "high"}, media.EncodeOptions{}, false},
		"flv, main":       {"a.flv", []string{"-profile:v", "main", "-ar", "44100"}, media.EncodeOptions{}, false},
		"ts":              {"a.ts", nil, media.EncodeOptions{}, false},
		"slices":          {"a.mp4", []string{"-slices", "4"}, media.EncodeOptions{}, false},
		"B pictures":      {"a.mp4", []string{"-bf", "2"}, media.EncodeOptions{}, true},
		"rare key frames": {"a.mp4", []string{"-g", "250"}, media.EncodeOptions{}, true},
		"too wide":        {"a.mp4", nil, media.EncodeOptions{VideoWidth: 318}, true},
		"too fast":        {"a.mp4", nil, media.EncodeOptions{VideoFPS: 20}, true},
		"too many bits":   {"a.mp4", nil, media.EncodeOptions{VideoBitrateKbps: 10}, true},
		"ten bits":        {"a.mp4", []string{"-pix_fmt", "yuv420p10le"}, media.EncodeOptions{}, true},
		"other colours":   {"a.mp4", []string{"-pix_fmt", "yuv444p"}, media.EncodeOptions{}, true},
		"fields":          {"a.mp4", []string{"-flags", "+ildct", "-x264-params", "tff=1"}, media.EncodeOptions{}, true},
		"wide pixels":     {"a.mp4", []string{"-vf", "scale=320:180:flags=neighbor,setsar=4/3"}, media.EncodeOptions{}, true},
		"wide by the box": {"a.mkv", []string{"-aspect", "2.35"}, media.EncodeOptions{}, true},
		"not wanted":      {"a.mp4", nil, media.EncodeOptions{AlwaysEncode: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := avcFilm(t, c.file, 5, append(fitting, c.options...)...)
			pictures, sound := readFilm(t, path, c.bounds)
			require.InDelta(t, 5, sound.Seconds(), 0.1)
			require.True(t, pictures[0].Key)
			require.NotEqual(t, c.encoded, passedOn(t, path, pictures, min(20, len(pictures))))
			if c.encoded {
				return
			}
			require.Len(t, pictures, 125)
			require.True(t, passedOn(t, path, pictures, 125))
			last := 0
			for i, f := range pictures {
				if f.Key {
					last = i
				}
				require.LessOrEqual(t, i-last, 50)
				require.InDelta(t, float64(i)/25, (f.PTS - pictures[0].PTS).Seconds(), 0.001, "picture %d", i)
				require.Equal(t, f.Key, h264.Find(f.Data, h264.SPS) != nil)
			}
		})
	}
}

// TestPictureThatTurnsIsEncoded: the turn is the container's, and would be lost.
func TestPictureThatTurnsIsEncoded(t *testing.T) {
	t.Parallel()
	path := avcFilm(t, "a.mp4", 3, "-bf", "0", "-g", "50")
	turned := t.TempDir() + "/turned.mp4"
	newer := []string{"-display_rotation", "90", "-i", path, "-c", "copy"} // since ffmpeg 6
	older := []string{"-i", path, "-c", "copy", "-metadata:s:v", "rotate=90"}
	for _, args := range [][]string{newer, older} {
		args = append([]string{"-nostdin", "-loglevel", "error", "-y"}, append(args, turned)...)
		if exec.Command("ffmpeg", args...).Run() == nil {
			break
		}
	}
	pictures, _ := readFilm(t, turned, media.EncodeOptions{})
	sequence, err := h264.ParseSPS(h264.Find(pictures[0].Data, h264.SPS))
	require.NoError(t, err)
	require.Greater(t, sequence.Height, sequence.Width)
}

// TestWhatBeginsInTheMiddleIsEncoded: its first picture is the one at the position.
func TestWhatBeginsInTheMiddleIsEncoded(t *testing.T) {
	t.Parallel()
	path := avcFilm(t, "a.mp4", 5, "-bf", "0", "-g", "50")
	src := media.FromFile(path, media.EncodeOptions{Tracks: media.TrackVideo, VideoEncoder: media.H264}).(media.SeekableSource)
	s, err := src.OpenAt(t.Context(), env(), 1500*time.Millisecond)
	require.NoError(t, err)
	defer s.Close()
	for {
		f, err := s.ReadFrame()
		require.NoError(t, err)
		if f.Track == media.TrackVideo {
			require.True(t, f.Key)
			require.Less(t, f.PTS, 50*time.Millisecond)
			return
		}
	}
}

// TestPicturesThatNoLongerFitAreEncoded from there on, with neither a hole in the sound
// nor in the pictures.
func TestPicturesThatNoLongerFitAreEncoded(t *testing.T) {
	t.Parallel()
	for name, sound := range map[string]bool{"with sound": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := []string{"-bf", "0", "-g", "1000", "-force_key_frames", "expr:lt(t,3.5)*gte(t,n_forced)", "-pix_fmt", "yuv420p"}
			if !sound {
				options = append(options, "-an")
			}
			path := avcFilm(t, "a.mp4", 9, options...)
			pictures, length := readFilm(t, path, media.EncodeOptions{})
			if sound {
				require.InDelta(t, 9, length.Seconds(), 0.1)
			}
			require.True(t, passedOn(t, path, pictures, 100))
			require.False(t, passedOn(t, path, pictures, 150))
			require.InDelta(t, 225, len(pictures), 2)
			last := time.Duration(0)
			for i, f := range pictures {
				if f.Key {
					last = f.PTS
				}
				require.LessOrEqual(t, f.PTS-last, 2200*time.Millisecond)
				require.True(t, i == 0 || f.PTS > pictures[i-1].PTS)
				require.InDelta(t, float64(i)/25, f.PTS.Seconds(), 0.09, "picture %d", i)
			}
			frames := make([]mediatest.VideoFrame, len(pictures))
			for i, f := range pictures {
				frames[i] = mediatest.VideoFrame{Timestamp: uint32(f.PTS.Milliseconds() * 90), Key: f.Key, H264: true, Data: f.Data}
				if s, err := h264.ParseSPS(h264.Find(f.Data, h264.SPS)); err == nil {
					frames[i].Size.X, frames[i].Size.Y = s.Width, s.Height
				}
			}
			seen, err := mediatest.DecodePictures(t.Context(), "ffmpeg", frames)
			require.NoError(t, err)
			for i := 1; i < len(seen); i++ {
				require.InDelta(t, seen[i-1].Counter+1, seen[i].Counter, 2, "picture %d", i)
			}
		})
	}
}

// TestCopiedStreamIsClosed at any moment, and leaves nothing behind.
func TestCopiedStreamIsClosed(t *testing.T) {
	t.Parallel()
	path := avcFilm(t, "a.mp4", 5, "-bf", "0", "-g", "50")
	for frames := range 4 {
		s, err := media.FromFile(path, media.EncodeOptions{Tracks: media.TrackVideo, VideoEncoder: media.H264}).Open(t.Context(), env())
		require.NoError(t, err)
		for range frames * 150 {
			if _, err := s.ReadFrame(); err != nil {
				require.ErrorIs(t, err, io.EOF)
			}
		}
		require.NoError(t, s.Close())
		require.NoError(t, s.Close())
		_, err = s.ReadFrame()
		require.Error(t, err)
	}
}
