package source_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// joined makes one file of several, one after another.
func joined(t *testing.T, name string, parts ...string) string {
	t.Helper()
	var all []byte
	for _, part := range parts {
		data, err := os.ReadFile(part)
		require.NoError(t, err)
		all = append(all, data...)
	}
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, all, 0o600))
	return path
}

// encodedBy returns a file that a command makes of a wave file, or skips the test.
func encodedBy(t *testing.T, command ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "enc.opus")
	run(t, append(command, fixture(t, "pass-20.wav", noise("20")...), path)...)
	return path
}

// merged returns what mkvmerge makes of files, or skips the test.
func merged(t *testing.T, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	run(t, append([]string{"mkvmerge", "-q", "-o", path}, args...)...)
	return path
}

// run runs a program, or skips the test where there is none.
func run(t *testing.T, command ...string) {
	t.Helper()
	if _, err := exec.LookPath(command[0]); err != nil {
		t.Skip(err)
	}
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	require.NoError(t, err, string(out))
}

// noise is the argument list of some seconds in which no two packets are alike.
func noise(seconds string, more ...string) []string {
	return append([]string{"-f", "lavfi", "-i", "anoisesrc=a=0.1:r=48000:duration=" + seconds}, more...)
}

// dataOf returns a stream's packets.
func dataOf(t *testing.T, stream media.Stream) (packets []string, frames []media.Frame) {
	t.Helper()
	frames, end := readAll(t, stream)
	require.Equal(t, io.EOF, end)
	for _, f := range frames {
		packets = append(packets, string(f.Data))
	}
	return packets, frames
}

// TestSeeksAreExact goes to places at random, and compares what comes with the whole.
func TestSeeksAreExact(t *testing.T) {
	t.Parallel()
	opus := func(name, seconds string, options ...string) string {
		return fixture(t, name, noise(seconds, append([]string{"-c:a", "libopus"}, options...)...)...)
	}
	for name, file := range map[string]func(t *testing.T) string{
		"long ogg":        func(*testing.T) string { return opus("seek.ogg", "120", "-b:a", "64k") },
		"long pages":      func(*testing.T) string { return opus("seek10.ogg", "60", "-page_duration", "10000000") },
		"short pages":     func(*testing.T) string { return opus("seek1.ogg", "60", "-page_duration", "20000") },
		"60 ms":           func(*testing.T) string { return opus("seek60.ogg", "60", "-frame_duration", "60") },
		"webm":            func(*testing.T) string { return opus("seek.webm", "120", "-b:a", "64k") },
		"long clusters":   func(*testing.T) string { return opus("seek32.mka", "60", "-cluster_time_limit", "30000") },
		"cues in front":   func(*testing.T) string { return opus("seekcues.mka", "60", "-cues_to_front", "1") },
		"mono":            func(*testing.T) string { return opus("seekmono.webm", "60", "-ac", "1", "-b:a", "24k") },
		"cut from longer": func(t *testing.T) string { return cut(t, opus("seek.ogg", "120", "-b:a", "64k")) },
		"chain": func(t *testing.T) string {
			return joined(t, "chain.ogg", opus("link1.ogg", "31"), opus("link2.ogg", "7", "-frame_duration", "60"), opus("link3.ogg", "1", "-ac", "1"), opus("link4.ogg", "15"))
		},
		"opusenc": func(t *testing.T) string { return encodedBy(t, "opusenc", "--quiet") },
		"opusenc voice": func(t *testing.T) string {
			return encodedBy(t, "opusenc", "--quiet", "--speech", "--framesize", "40", "--bitrate", "16")
		},
		"opusenc low loss": func(t *testing.T) string {
			return encodedBy(t, "opusenc", "--quiet", "--max-delay", "0", "--framesize", "5")
		},
		"mkvmerge": func(t *testing.T) string { return merged(t, "a.mka", opus("seek.ogg", "120", "-b:a", "64k")) },
		"mkvmerge no cues": func(t *testing.T) string {
			return merged(t, "a.mka", "--no-cues", opus("seek.webm", "120", "-b:a", "64k"))
		},
		"mkvmerge webm": func(t *testing.T) string {
			return merged(t, "a.webm", "--webm", "--cluster-length", "500ms", encodedBy(t, "opusenc", "--quiet", "--framesize", "60"))
		},
		"mkvmerge of two": func(t *testing.T) string {
			return merged(t, "a.mka", opus("seekmono.webm", "60", "-ac", "1", "-b:a", "24k"), "+", opus("seekmono.webm", "60", "-ac", "1", "-b:a", "24k"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := media.FromFile(file(t), media.EncodeOptions{AudioBitrateKbps: 510}).(media.SeekableSource)
			stream, err := src.Open(t.Context(), noEncoder())
			require.NoError(t, err)
			want, _ := dataOf(t, stream)
			length := stream.(interface{ SourceInfo() media.SourceInfo }).SourceInfo().Duration
			require.NoError(t, stream.Close())
			require.NotZero(t, length)
			random := rand.New(rand.NewPCG(1, 2))
			for n := range 40 {
				at := time.Duration(random.Int64N(int64(length-time.Second/10))) + 1
				if n == 0 {
					at = 1
				}
				stream, err := src.OpenAt(t.Context(), noEncoder(), at)
				require.NoError(t, err, at)
				got, frames := dataOf(t, stream)
				require.NoError(t, stream.Close())
				require.Less(t, len(got), len(want)+1)
				require.Equal(t, want[len(want)-len(got):], got, at)
				origin := stream.(interface{ Origin() time.Duration }).Origin()
				require.Zero(t, frames[0].PTS)
				require.LessOrEqual(t, origin, at+time.Millisecond)
				require.Greater(t, origin+frames[0].Duration+time.Millisecond, at)
				end := frames[len(frames)-1].PTS + frames[len(frames)-1].Duration
				require.InDelta(t, (length - at).Seconds(), end.Seconds(), 0.3, "the place is right, seen from the end")
			}
			_, err = src.OpenAt(t.Context(), noEncoder(), length+time.Second)
			require.ErrorIs(t, err, io.EOF)
		})
	}
}

// cut returns the second half of an Ogg file, whose times do not begin at 0.
func cut(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	page := func(from int) int { return from + bytes.Index(data[from:], []byte("OggS\x00")) }
	headers := page(page(page(0)+1) + 1)
	out := filepath.Join(t.TempDir(), "cut.ogg")
	require.NoError(t, os.WriteFile(out, append(bytes.Clone(data[:headers]), data[page(len(data)/2):]...), 0o600))
	return out
}

// TestAllPacketsOfAChain compares with the links by themselves.
func TestAllPacketsOfAChain(t *testing.T) {
	t.Parallel()
	var want []string
	var links []string
	for i, seconds := range []string{"3", "1", "2.345"} {
		link := fixture(t, fmt.Sprintf("all%d.ogg", i), noise(seconds, "-c:a", "libopus")...)
		want = append(want, packetSums(t, link)...)
		links = append(links, link)
	}
	stream, err := media.FromFile(joined(t, "all.ogg", links...), media.EncodeOptions{}).Open(t.Context(), noEncoder())
	require.NoError(t, err)
	defer stream.Close()
	got, _ := passed(t, stream)
	require.Equal(t, want, got)
	info := stream.(interface{ SourceInfo() media.SourceInfo }).SourceInfo()
	require.InDelta(t, 6.345, info.Duration.Seconds(), 0.001)
}

func TestStreamsBesideEachOtherAreEncoded(t *testing.T) {
	t.Parallel()
	path := fixture(t, "beside.ogg", append(picture("64x64", "10", "2"), tone("2", "-c:v", "libtheora", "-c:a", "libopus")...)...)
	_, err := media.FromFile(path, media.EncodeOptions{}).Open(t.Context(), noEncoder())
	require.ErrorIs(t, err, models.ErrFFmpegSpawn)
}
