package ffmpeg

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// dump is what ffmpeg logs of an input with one tag (dump_metadata of libavformat/dump.c):
// a value's lines are indented, a name is printed as it is.
func dump(name, value string) []string {
	clean := strings.NewReplacer("\r", " ", "\n", "\n                    : ", "\v", "", "\f", "", "\b", "")
	text := "[info] Input #0, flac, from 'file:x':\n" +
		"[info]   Metadata:\n" +
		"[info]     " + name + ": " + clean.Replace(value) + "\n" +
		"[info]   Duration: 00:00:20.00, start: 0.000000, bitrate: 399 kb/s\n" +
		"[info]   Stream #0:0: Audio: flac, 48000 Hz, mono, s16\n" +
		"[info] Stream mapping:\n" +
		"[info] Output #0, matroska, to 'pipe:1':\n" +
		"[info]   Metadata:\n" +
		"[info]     " + strings.ToUpper(name) + ": " + clean.Replace(value) + "\n" +
		"[info]   Stream #0:0: Audio: opus, 48000 Hz, mono, flt"
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }) // as package proc does
}

func watch(lines []string) (w *logWatch, kept []string) {
	w = newLogWatch(seekCheck{inputs: 1})
	for _, line := range lines {
		if line = w.line(line); line != "" {
			kept = append(kept, line)
		}
	}
	return w, kept
}

// FuzzLengthByLog: no value of a tag is taken for ffmpeg's words. With a name, which may
// have lines that look like them, the length may become unknown, never another.
func FuzzLengthByLog(f *testing.F) {
	const claim = "[info]   Duration: 00:11:11.11, start: 0.000000, bitrate: 64 kb/s"
	f.Add("title", "Duration: 00:11:11.11")
	f.Add("title", claim+"\n"+claim+"\r\n"+claim)
	f.Add("title", strings.Repeat("😀", 4096))
	f.Add("x\n"+claim+"\ny", "z")
	f.Add("x\n[info] Input #0, ogg, from 'y':\n[info]   Duration: N/A\n[error] z", "")
	f.Add("x\n[warning] a: could not seek to position 1.000", "\x1b[31m")
	f.Fuzz(func(t *testing.T, name, value string) {
		w, kept := watch(dump("title", value))
		length, _ := w.length()
		require.Equal(t, 20*time.Second, length)
		require.Empty(t, kept)
		require.Empty(t, w.refused)
		w, _ = watch(dump(name, value))
		if length, _ = w.length(); length != 0 {
			require.Equal(t, 20*time.Second, length)
		}
	})
}

// TestWordsOfErrorsAreKept: the level goes, the rest stays; what another program writes
// stays as it is.
func TestWordsOfErrorsAreKept(t *testing.T) {
	t.Parallel()
	_, kept := watch([]string{
		"[error] x: No such file or directory",
		"[mp3 @ 0x5581] [error] Header missing",
		"[auto_aresample_0 @ 0x55] [SWR @ 0x56] [error] Failed to set option",
		"[fatal] Error opening input files: Invalid data", "[panic] Assertion x failed",
		"[info] Input #0, mp3, from 'x':", "[mp3 @ 0x5581] [warning] Estimating duration from bitrate, this may be inaccurate",
		"                    :   continued", "    Last message repeated 3 times",
		"ffmpeg: error while loading shared libraries: libx.so", "[tag] without a level",
	})
	require.Equal(t, []string{
		"x: No such file or directory", "[mp3 @ 0x5581] Header missing",
		"[auto_aresample_0 @ 0x55] [SWR @ 0x56] Failed to set option",
		"Error opening input files: Invalid data", "Assertion x failed",
		"ffmpeg: error while loading shared libraries: libx.so", "[tag] without a level",
	}, kept)
	for _, line := range kept {
		require.True(t, utf8.ValidString(line))
	}
}

// TestPicturesThatAreShownOtherwise than they are coded: as every version says it.
func TestPicturesThatAreShownOtherwise(t *testing.T) {
	t.Parallel()
	const stream = "[info]   Stream #0:0[0x1](und): Video: h264 (High) (avc1 / 0x31637661), yuv420p(progressive), 320x180"
	for line, plain := range map[string]bool{
		stream + ", 25 fps":                                            true,
		stream + " [SAR 1:1 DAR 16:9], 50 kb/s, 25 fps":                true,
		stream + " [SAR 4:3 DAR 64:27], 50 kb/s, 25 fps":               false,
		stream + " [SAR 10:11 DAR 16:9], 25 fps":                       false,
		stream + " [SAR 1:2 DAR 8:9], 25 fps":                          false,
		stream + ", SAR 423:320 DAR 47:20, 25 fps":                     false,
		"[info]       displaymatrix: rotation of -90.00 degrees":       false,
		"[info]       Display Matrix: rotation of 90.00 degrees":       false,
		"[info]       Frame Cropping: 0/0/8/8":                         false,
		"[info]       Mastering Display Metadata, has_primaries:1":     true,
		"[info]     title           : the SAR 4:3 of Stream #0: Video": true,
	} {
		w, _ := watch([]string{"[info] Input #0, mov, from 'file:x':", line, "[info] Output #0, matroska, to 'pipe:1':"})
		require.Equal(t, plain, w.plain(), line)
	}
}
