package ffmpeg

import (
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/media"
)

var update = flag.Bool("update-golden", false, "write testdata/argv")

// TestCommandLinesAreThoseOnRecord compares the whole command line of each kind of
// source with the one in testdata/argv, an argument a line.
func TestCommandLinesAreThoseOnRecord(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("one output there")
	}
	encoding := func(o media.EncodeOptions, f media.Format) Encoding {
		o, err := o.Resolve()
		require.NoError(t, err)
		return Encoding{Options: o, Format: f}
	}
	sound := encoding(media.EncodeOptions{}, media.Format{})
	both := encoding(media.EncodeOptions{Tracks: media.TrackVideo}, media.Format{})
	long := encoding(media.EncodeOptions{PacketMs: 60}, media.Format{})
	raw := encoding(media.EncodeOptions{Tracks: media.TrackVideo}, media.Format{Width: 1280, Height: 720, FPS: 30})
	rawSound := encoding(media.EncodeOptions{}, media.Format{Width: 1280, Height: 720, FPS: 30})
	const at = "http://127.0.0.1:1/0"
	connected := func(e Encoding, address, tcURL string) Job {
		u, err := ParseInputURL(address)
		require.NoError(t, err)
		return e.Connected(u, address, tcURL)
	}
	shell := func(line string, want media.Track, position time.Duration, sounds ...media.Sound) Job {
		var tuned media.Sound
		if len(sounds) > 0 {
			tuned = sounds[0]
		}
		j, err := ShellJob(media.Shell{Command: line, Want: want}, tuned)
		if position > 0 {
			j, _, err = ShellJobAt(media.Shell{Command: line, Want: want}, position, tuned)
		}
		require.NoError(t, err)
		return j
	}
	loud, err := media.Sound{Volume: 200, Speed: 1.25, Bass: 6, Treble: -3}.Resolve()
	require.NoError(t, err)
	neutral, err := media.Sound{}.Resolve()
	require.NoError(t, err)
	quiet, err := media.Sound{Volume: 50}.Resolve()
	require.NoError(t, err)
	with := func(e Encoding, s media.Sound) Encoding {
		e.Sound = s
		return e
	}
	publication := Publication{Format: raw.Format, VideoKbps: 800, AudioKbps: 128, KeyInterval: 2}
	jobs := map[string]Job{
		"file":              sound.File("song.mp3", 0),
		"file-60ms":         long.File("song.mp3", 0),
		"samples":           sound.Samples(nil),
		"piped":             sound.Piped(nil),
		"file-at":           sound.File("song.mp3", 90*time.Second),
		"file-both":         both.File("film.mp4", 0),
		"file-both-at":      both.File("film.mp4", 90*time.Second),
		"file-raw":          raw.File("film.mp4", 0),
		"file-raw-sound":    rawSound.File("song.mp3", 0),
		"http":              both.Fetched(at, 0),
		"http-at":           both.Fetched(at, 90*time.Second),
		"hls":               both.Segments(at, 0),
		"hls-at":            both.Segments(at, 3*time.Second),
		"hls-timed":         both.Timed(at, 3*time.Second, 93*time.Second),
		"dash":              both.Described(at, 0),
		"dash-at":           both.Described(at, 90*time.Second),
		"rtmp":              connected(both, "rtmp://host/app/key", ""),
		"rtmps":             connected(sound, "rtmps://host/app/key", "rtmps://host/app"),
		"rtsp":              connected(both, "rtsp://host/x", ""),
		"srt":               connected(both, "srt://host:1", ""),
		"file-neutral":      with(sound, neutral).File("song.mp3", 0),
		"file-quiet":        with(sound, quiet).File("song.mp3", 0),
		"file-both-loud-at": with(both, loud).File("film.mp4", 90*time.Second),
		"file-raw-loud":     with(raw, loud).File("film.mp4", 0),
		"hls-timed-loud":    with(both, loud).Timed(at, 3*time.Second, 93*time.Second),
		"command-loud-at":   shell("ffmpeg -ss 3 -i song.mp3 -af afade -t 60", media.TrackAudio, 10*time.Second, loud),
		"command-both-loud": shell("ffmpeg -ss 3 -i film.mp4 -vf hflip", media.TrackAudio|media.TrackVideo, 0, loud),
		"command-complex":   shell("ffmpeg -i song.mp3 -filter_complex volume=2", media.TrackAudio, 0, loud),
		"publication":       {args: publication.Args()},
		"command":           shell("ffmpeg -i song.mp3", media.TrackAudio, 0),
		"command-at":        shell("ffmpeg -ss 3 -i song.mp3 -t 60", media.TrackAudio, 10*time.Second),
		"command-pictures":  shell("ffmpeg -i film.mp4", media.TrackVideo, 0),
		"command-both":      shell("ffmpeg -i film.mp4 -vf hflip", media.TrackAudio|media.TrackVideo, 0),
		"command-container": shell("ffmpeg -i film.mp4 -f matroska -", media.TrackAudio|media.TrackVideo, 0),
	}
	copied := both
	copied.CopyPictures = true
	jobs["file-copied"] = copied.File("film.mp4", 0)
	for _, encoder := range hardware() {
		jobs["encoder-"+string(encoder)] = encoding(media.EncodeOptions{Tracks: media.TrackVideo, VideoEncoder: encoder}, media.Format{}).File("film.mp4", 0)
	}
	for name, job := range jobs {
		path := filepath.Join("testdata", "argv", name+".txt")
		got := strings.Join(job.args, "\n") + "\n"
		if *update {
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(want), got, name)
	}
}
