package source_test

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// measured is an Env whose ffmpeg leaves its greatest memory, in kilobytes, in a
// file.
func measured(t *testing.T) (e media.Env, peak func() int) {
	t.Helper()
	report := filepath.Join(t.TempDir(), "peak")
	e = ffmpegAs(t, `ffmpeg "$@" & pid=$!; while grep VmHWM /proc/$pid/status > `+report+`.new 2>/dev/null; do mv `+report+`.new `+report+`; sleep 0.02; done; wait $pid`)
	return e, func() int {
		data, err := os.ReadFile(report)
		require.NoError(t, err)
		kilobytes, err := strconv.Atoi(regexp.MustCompile(`\d+`).FindString(string(data)))
		require.NoError(t, err)
		return kilobytes
	}
}

// TestHugePicturesAreRefused: a small file must not cost gigabytes.
func TestHugePicturesAreRefused(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("no /proc here")
	}
	path := fixture(t, "huge.mkv", "-f", "lavfi", "-i", "color=size=16000x16000:rate=1:duration=1",
		"-f", "lavfi", "-i", "sine=sample_rate=48000:duration=2", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
	const megabytes = 1 << 10
	for name, test := range map[string]struct {
		tracks media.Track
		plays  bool
	}{"sound": {media.TrackAudio, true}, "sound and picture": {media.TrackVideo, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, peak := measured(t)
			stream, err := media.FromFile(path, media.EncodeOptions{Tracks: test.tracks}).Open(context.Background(), e)
			if test.plays {
				require.NoError(t, err)
				frames, _ := readAll(t, stream)
				requireContiguous(t, frames, 2*time.Second)
				require.NoError(t, stream.Close())
			} else {
				require.ErrorIs(t, err, models.ErrFile)
				require.ErrorContains(t, err, "Picture size 16000x16000 exceeds specified max pixel count")
			}
			require.Less(t, peak(), 300*megabytes)
		})
	}
}

// wavRate is the sample rate of the files below.
const wavRate = 8000

// wavHeader begins a file of so many bytes of PCM.
func wavHeader(channels, sampleSize int, length uint32) []byte {
	header := []byte("RIFF\xff\xff\xff\xffWAVEfmt ")
	header = binary.LittleEndian.AppendUint32(header, 16)
	header = binary.LittleEndian.AppendUint16(header, 1) // PCM
	header = binary.LittleEndian.AppendUint16(header, uint16(channels))
	header = binary.LittleEndian.AppendUint32(header, wavRate)
	header = binary.LittleEndian.AppendUint32(header, uint32(wavRate*sampleSize*channels))
	header = binary.LittleEndian.AppendUint16(header, uint16(sampleSize*channels))
	header = binary.LittleEndian.AppendUint16(header, uint16(8*sampleSize))
	return binary.LittleEndian.AppendUint32(append(header, "data"...), length)
}

// wav is a second of silence of some channels.
func wav(t *testing.T, channels int) string {
	t.Helper()
	data := make([]byte, wavRate*2*channels)
	return write(t, "x.wav", string(append(wavHeader(channels, 2, uint32(len(data))), data...)))
}

func TestSoundOfManyChannels(t *testing.T) {
	t.Parallel()
	for _, channels := range []int{1, 2, 6, 24} {
		requireContiguous(t, play(t, media.FromFile(wav(t, channels), media.EncodeOptions{})), time.Second)
	}
	for channels, words := range map[int]string{
		32:   "Rematrix is needed between 32 channels and stereo",
		64:   "Rematrix is needed between 64 channels and stereo",
		65:   "its sound has more than 64 channels",
		255:  "its sound has more than 64 channels",
		1000: "channel",
	} {
		err := openError(t, media.FromFile(wav(t, channels), media.EncodeOptions{}))
		require.ErrorIs(t, err, models.ErrFile)
		require.ErrorContains(t, err, words, "%d channels", channels)
	}
}

// TestFileOfAHundredHours opens at once at its start, its middle and its end.
func TestFileOfAHundredHours(t *testing.T) {
	t.Parallel()
	const hours = 100
	header := wavHeader(1, 1, hours*3600*wavRate)
	path := write(t, "long.wav", string(header))
	if err := os.Truncate(path, int64(len(header))+hours*3600*wavRate); err != nil {
		t.Skip(err)
	}
	source := media.FromFile(path, media.EncodeOptions{}).(media.SeekableSource)
	for _, position := range []time.Duration{0, 50 * time.Hour, hours*time.Hour - time.Second} {
		stream, err := source.OpenAt(t.Context(), env(), position)
		require.NoError(t, err, position)
		f, err := stream.ReadFrame()
		require.NoError(t, err)
		require.Zero(t, f.PTS)
		require.NoError(t, stream.Close())
	}
	_, err := source.OpenAt(t.Context(), env(), (hours+1)*time.Hour)
	require.ErrorIs(t, err, models.ErrFile)
}
