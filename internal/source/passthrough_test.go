package source_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// noEncoder is an Env in which only what needs no ffmpeg can be opened.
func noEncoder() media.Env {
	e := env()
	e.FFmpegPath = "no-such-program"
	return e
}

// packetSums returns the MD5 of each packet of sound in a file, as ffmpeg reads it.
func packetSums(t *testing.T, path string) (sums []string) {
	t.Helper()
	out, err := exec.Command("ffmpeg", "-v", "error", "-i", path, "-map", "0:a", "-c", "copy", "-f", "framemd5", "-").Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "#") {
			fields := strings.Split(line, ",")
			sums = append(sums, strings.TrimSpace(fields[5]))
		}
	}
	return sums
}

// passed reads a stream to its end and returns the MD5 of each frame.
func passed(t *testing.T, stream media.Stream) (sums []string, length time.Duration) {
	t.Helper()
	for {
		f, err := stream.ReadFrame()
		if errors.Is(err, io.EOF) {
			return sums, length
		}
		require.NoError(t, err)
		require.Equal(t, media.TrackAudio, f.Track)
		require.InDelta(t, length.Seconds(), f.PTS.Seconds(), 0.002, "no hole")
		sum := md5.Sum(f.Data)
		sums = append(sums, hex.EncodeToString(sum[:]))
		length = f.PTS + f.Duration
	}
}

func TestOpusIsPassedThrough(t *testing.T) {
	t.Parallel()
	const opus = "libopus"
	for name, options := range map[string][]string{
		"pass.ogg":        {"-c:a", opus},
		"pass.opus":       {"-c:a", opus, "-ac", "2", "-b:a", "160k"},
		"pass.webm":       {"-c:a", opus},
		"pass.mka":        {"-c:a", opus},
		"pass-live.mka":   {"-c:a", opus, "-metadata", "title=T", "-cluster_time_limit", "100"},
		"pass-60.ogg":     {"-c:a", opus, "-frame_duration", "60"},
		"pass-120.webm":   {"-c:a", opus, "-frame_duration", "120"},
		"pass-2.5.ogg":    {"-c:a", opus, "-frame_duration", "2.5", "-application", "lowdelay"},
		"pass-voice.ogg":  {"-c:a", opus, "-ac", "1", "-application", "voip", "-b:a", "16k"},
		"pass-page1.ogg":  {"-c:a", opus, "-page_duration", "20000"},
		"pass-page10.ogg": {"-c:a", opus, "-page_duration", "10000000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := fixture(t, name, tone("5", options...)...)
			want := packetSums(t, path)
			src := media.FromFile(path, media.EncodeOptions{})
			stream, err := src.Open(t.Context(), noEncoder())
			require.NoError(t, err)
			defer stream.Close()
			got, length := passed(t, stream)
			require.Equal(t, want, got, "bit by bit")
			require.InDelta(t, 5, length.Seconds(), 0.13)
			info := stream.(interface{ SourceInfo() media.SourceInfo }).SourceInfo()
			require.InDelta(t, 5, info.Duration.Seconds(), 0.02)

			frame := length / time.Duration(len(want))
			for _, at := range []time.Duration{1, time.Second, 2345 * time.Millisecond, 5*time.Second - 1} {
				stream, err := src.(media.SeekableSource).OpenAt(t.Context(), noEncoder(), at)
				require.NoError(t, err)
				got, _ := passed(t, stream)
				require.NoError(t, stream.Close())
				first := len(want) - len(got)
				require.Equal(t, want[first:], got)
				require.InDelta(t, at.Seconds(), (time.Duration(first) * frame).Seconds(), frame.Seconds()+0.002)
			}
			_, err = src.(media.SeekableSource).OpenAt(t.Context(), noEncoder(), time.Hour)
			require.ErrorIs(t, err, io.EOF)
		})
	}
}

// TestWhatIsNotPassedThrough needs the encoder, because something is to be changed, or
// because this package would read the file in another way than ffmpeg.
func TestWhatIsNotPassedThrough(t *testing.T) {
	t.Parallel()
	plain := fixture(t, "pass-plain.ogg", tone("2", "-ac", "2", "-c:a", "libopus", "-b:a", "128k")...)
	part, err := os.ReadFile(plain)
	require.NoError(t, err)
	gain := filepath.Join(t.TempDir(), "gain.ogg")
	loud := append([]byte(nil), part...)
	at := strings.Index(string(loud), "OpusHead")
	loud[at+17] = 1 // 256/256 dB
	require.NoError(t, os.WriteFile(gain, loud, 0o600))
	sound := noEncoder()
	sound.Sound = media.Sound{Volume: 50}
	for name, c := range map[string]struct {
		env  media.Env
		path string
		opts media.EncodeOptions
	}{
		"asked for":         {noEncoder(), plain, media.EncodeOptions{AlwaysEncode: true}},
		"a bit rate":        {noEncoder(), plain, media.EncodeOptions{AudioBitrateKbps: 32}},
		"one channel":       {noEncoder(), plain, media.EncodeOptions{AudioChannels: 1}},
		"voice":             {noEncoder(), plain, media.EncodeOptions{Voice: true}},
		"pictures":          {noEncoder(), plain, media.EncodeOptions{Tracks: media.TrackVideo}},
		"a sound":           {sound, plain, media.EncodeOptions{}},
		"a gain":            {noEncoder(), gain, media.EncodeOptions{}},
		"another codec":     {noEncoder(), fixture(t, "pass-vorbis.ogg", tone("1", "-c:a", "libvorbis")...), media.EncodeOptions{}},
		"surround":          {noEncoder(), fixture(t, "pass-surround.ogg", tone("1", "-ac", "6", "-c:a", "libopus")...), media.EncodeOptions{}},
		"a choice":          {noEncoder(), fixture(t, "pass-two.mka", tone("1", "-map", "0", "-map", "0", "-c:a:0", "libopus", "-c:a:1", "flac")...), media.EncodeOptions{}},
		"no length":         {noEncoder(), fixture(t, "pass-unknown.mka", tone("1", "-c:a", "libopus", "-live", "1")...), media.EncodeOptions{}},
		"another container": {noEncoder(), fixture(t, "pass.mp4", tone("1", "-c:a", "libopus")...), media.EncodeOptions{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := media.FromFile(c.path, c.opts).Open(t.Context(), c.env)
			require.ErrorIs(t, err, models.ErrFFmpegSpawn)
		})
	}
}

// TestBrokenOpusPlaysAsFarAsItGoes: a file that breaks off, even while it plays, ends there.
func TestBrokenOpusPlaysAsFarAsItGoes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"pass-broken.ogg", "pass-broken.webm"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := fixture(t, name, tone("10", "-c:a", "libopus")...)
			whole := packetSums(t, path)
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			cut := filepath.Join(t.TempDir(), name)
			require.NoError(t, os.WriteFile(cut, data, 0o600))
			stream, err := media.FromFile(cut, media.EncodeOptions{}).Open(t.Context(), noEncoder())
			require.NoError(t, err)
			defer stream.Close()
			require.NoError(t, os.Truncate(cut, int64(len(data)*2/3)), "while it plays")
			got, _ := passed(t, stream)
			require.Equal(t, whole[:len(got)], got)
			require.InDelta(t, len(whole)*2/3, len(got), float64(len(whole))/6)
		})
	}
}

func TestPassThroughIsInterrupted(t *testing.T) {
	t.Parallel()
	path := fixture(t, "pass-long.ogg", tone("60", "-c:a", "libopus", "-b:a", "16k", "-frame_duration", "2.5", "-application", "lowdelay")...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := media.FromFile(path, media.EncodeOptions{}).(media.SeekableSource).OpenAt(ctx, noEncoder(), time.Minute-1)
	require.ErrorIs(t, err, context.Canceled)
	stream, err := media.FromFile(path, media.EncodeOptions{}).Open(t.Context(), noEncoder())
	require.NoError(t, err)
	require.NoError(t, stream.Close())
	require.NoError(t, stream.Close())
	_, err = stream.ReadFrame()
	require.ErrorIs(t, err, models.ErrClosed)
}
