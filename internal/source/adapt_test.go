package source_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/webtest"
	"github.com/gotgcall/gotgcall/media"
)

// slowPictures is an ffmpeg that takes twice as long for pictures as they last, where
// their filter has some words.
func slowPictures(t *testing.T, words string) media.Env {
	t.Helper()
	return ffmpegAs(t, `i=$#
		while [ $i -gt 0 ]; do
			a=$1; shift; i=$((i-1))
			case "$a" in *`+words+`*) a="$a,realtime=speed=0.5";; esac
			set -- "$@" "$a"
		done
		exec ffmpeg "$@"`)
}

// TestSoundOutlivesAMachineTooSlowForPictures: these are cut down until what is left
// comes in time, or given up. The sound has no hole.
func TestSoundOutlivesAMachineTooSlowForPictures(t *testing.T) {
	t.Parallel()
	path := fixture(t, "slow.mp4", movie("64x48", "25", "30", "-preset", "ultrafast", "-g", "25")...)
	file := func(opts media.EncodeOptions) media.Source { return media.FromFile(path, opts) }
	for name, test := range map[string]struct {
		words    string
		pictures bool // to the end
		size     [2]int
		src      func(media.EncodeOptions) media.Source
	}{
		"reduced":  {"0.3/60", true, [2]int{32, 24}, file},
		"given up": {"0.3/", false, [2]int{32, 24}, file},
		"of a URL": {"0.3/60", true, [2]int{32, 24}, func(opts media.EncodeOptions) media.Source {
			return media.FromURL(fileServer(t, path), opts)
		}},
		"of a playlist": {"0.3/60", true, [2]int{32, 24}, func(opts media.EncodeOptions) media.Source {
			return media.FromURL(folder(t, segmented(t, "hls-slow", hlsOf(path)))+"/list.m3u8", opts)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log record
			e := slowPictures(t, test.words)
			e.Logger = newLogger(&log)
			opts := media.EncodeOptions{Tracks: media.TrackVideo, VideoFPS: 60, VideoWidth: 64, VideoHeight: 48}
			stream, err := test.src(opts).Open(context.Background(), e)
			require.NoError(t, err)
			defer stream.Close()
			begin := time.Now()
			frames, end := readAll(t, stream)
			require.Equal(t, io.EOF, end)
			require.Less(t, time.Since(begin), 50*time.Second, "of a minute")
			due := time.Duration(0)
			for _, f := range of(media.TrackAudio, frames) {
				require.InDelta(t, due.Seconds(), f.PTS.Seconds(), 0.021)
				due = f.PTS + f.Duration
			}
			require.InDelta(t, 30, due.Seconds(), 0.1)
			pictures := of(media.TrackVideo, frames)
			last := pictures[len(pictures)-1]
			require.Equal(t, test.pictures, last.PTS > 29*time.Second, "at %v", last.PTS)
			steps := strings.Count(log.String(), "too slow")
			require.Equal(t, map[bool]int{true: 1, false: 2}[test.pictures], steps)
			require.EqualValues(t, steps, stream.(interface{ Restarts() uint64 }).Restarts())
			for i := len(pictures) - 1; i >= 0; i-- {
				if pictures[i].Key {
					require.Equal(t, test.size, size(t, pictures[i]))
					break
				}
			}
		})
	}
}

// TestSlowServerIsNoSlowMachine: what comes slower than it plays keeps its pictures.
func TestSlowServerIsNoSlowMachine(t *testing.T) {
	t.Parallel()
	path := fixture(t, "slow-server.mkv", movie("64x48", "25", "8", "-c:v", "libvpx", "-b:v", "200k", "-c:a", "libopus")...)
	film, err := os.ReadFile(path)
	require.NoError(t, err)
	server := webtest.Start(t, func(_ int, q *http.Request) webtest.Answer {
		a := webtest.Part(q, film)
		a.Pace = len(film) * 20 / 10_000 // in ten seconds
		return a
	})
	e := env()
	var log record
	e.Logger = newLogger(&log)
	stream, err := media.FromURL(server.URL, media.EncodeOptions{Tracks: media.TrackVideo}).Open(t.Context(), e)
	require.NoError(t, err)
	defer stream.Close()
	begin := time.Now()
	frames, end := readAll(t, stream)
	require.Equal(t, io.EOF, end)
	require.Greater(t, time.Since(begin), 6*time.Second)
	require.InDelta(t, 200, len(of(media.TrackVideo, frames)), 2)
	require.NotContains(t, log.String(), "too slow")
}
