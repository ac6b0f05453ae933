package source_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/media"
)

// TestSoundOfOddFiles: without sound, in mono, of six channels, of a low rate, with a
// late track, as speech, as raw frames.
func TestSoundOfOddFiles(t *testing.T) {
	t.Parallel()
	raw := media.Format{Width: 64, Height: 36, FPS: 25}
	for name, test := range map[string]struct {
		args   []string
		opts   media.EncodeOptions
		format media.Format
	}{
		"silent.mkv":    {picture("64x48", "25", "4", "-c:v", "libvpx"), media.EncodeOptions{Tracks: media.TrackVideo}, media.Format{}},
		"silentraw.mkv": {picture("64x48", "25", "4", "-c:v", "libvpx"), media.EncodeOptions{Tracks: media.TrackVideo}, raw},
		"mono.wav":      {tone("4", "-ac", "1"), media.EncodeOptions{AudioChannels: 1}, media.Format{}},
		"six.flac":      {tone("4", "-af", "pan=5.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0"), media.EncodeOptions{}, media.Format{}},
		"low.wav":       {tone("4", "-ar", "8000", "-c:a", "pcm_u8"), media.EncodeOptions{Voice: true}, media.Format{}},
		"film.mkv":      {movie("64x48", "25", "4", "-c:v", "libvpx", "-c:a", "libopus"), media.EncodeOptions{Tracks: media.TrackVideo}, raw},
		"clock.avi":     {movie("64x48", "10", "4", "-c:v", "mpeg4", "-c:a", "mp3"), media.EncodeOptions{Tracks: media.TrackVideo}, media.Format{}},
	} {
		for _, position := range []time.Duration{0, 2 * time.Second} {
			t.Run(fmt.Sprint(name, "/", position), func(t *testing.T) {
				t.Parallel()
				path := fixture(t, "odd-"+name, test.args...)
				e := env()
				e.Sound = media.Sound{Volume: 150, Speed: 1.6, Bass: 6, Treble: -6, Loudness: -20}
				e.Format = test.format
				stream, err := media.FromFile(path, test.opts).(media.SeekableSource).OpenAt(t.Context(), e, position)
				require.NoError(t, err)
				defer stream.Close()
				frames, end := readAll(t, stream)
				require.Equal(t, io.EOF, end)
				last := time.Duration(0)
				for _, f := range frames {
					last = max(last, f.PTS+f.Duration)
				}
				require.InDelta(t, (4*time.Second-position).Seconds()/1.6, last.Seconds(), 0.12)
			})
		}
	}
}

// TestSpeedKeepsHolesAndLateSound: sound that begins after the picture, or stops for a
// while, keeps its place beside it.
func TestSpeedKeepsHolesAndLateSound(t *testing.T) {
	t.Parallel()
	late := fixture(t, "late-sound.mkv", append(picture("64x48", "25", "4"),
		"-itsoffset", "1", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=3", "-c:v", "libvpx", "-c:a", "libopus")...)
	hole := fixture(t, "hole.mkv", movie("64x48", "25", "6", "-af", "aselect='lt(t,2)+gt(t,4)'", "-c:v", "libvpx", "-c:a", "flac")...)
	of2 := func(path string, position time.Duration) (frames []media.Frame) {
		stream := openWith(t, media.FromFile(path, media.EncodeOptions{Tracks: media.TrackVideo}), position, media.Sound{Speed: 1.6})
		frames, end := readAll(t, stream)
		require.Equal(t, io.EOF, end)
		return frames
	}
	sound := of(media.TrackAudio, of2(late, 0))
	require.InDelta(t, 1/1.6, sound[0].PTS.Seconds(), 0.03)
	sound = of(media.TrackAudio, of2(late, 2*time.Second))
	require.InDelta(t, 0, sound[0].PTS.Seconds(), 0.03)
	sound = of(media.TrackAudio, of2(hole, 0))
	last := sound[len(sound)-1]
	require.InDelta(t, 6/1.6, (last.PTS + last.Duration).Seconds(), 0.1, "the hole lasts as long as in the picture")
}
