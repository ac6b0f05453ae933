package source_test

import (
	"context"
	"fmt"
	"image"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// tones returns a file of twelve seconds, each with a tone of its own.
func tones(t testing.TB, name string, options ...string) string {
	t.Helper()
	path := filepath.Join(fixtures.dir, "tones-"+name)
	once, _ := fixtures.made.LoadOrStore(path, sync.OnceValue(func() error {
		return mediatest.MakeTones(context.Background(), "ffmpeg", path, mediatest.AudioSpec{Seconds: 12, Options: options})
	}))
	require.NoError(t, once.(func() error)())
	return path
}

// film returns a movie of eight seconds with numbered frames and tones.
func film(t testing.TB) string {
	t.Helper()
	path := filepath.Join(fixtures.dir, "film.mp4")
	once, _ := fixtures.made.LoadOrStore(path, sync.OnceValue(func() error {
		return mediatest.MakeMovie(context.Background(), "ffmpeg", path, mediatest.MovieSpec{
			Width: 160, Height: 120, FPS: "25", Duration: 8 * time.Second, Tones: true,
		})
	}))
	require.NoError(t, once.(func() error)())
	return path
}

// openAt opens a source at a position and closes it with the test.
func openAt(t testing.TB, s media.Source, position time.Duration) media.Stream {
	t.Helper()
	seekable, ok := s.(media.SeekableSource)
	require.True(t, ok)
	stream, err := seekable.OpenAt(context.Background(), env(), position)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stream.Close()) })
	return stream
}

// openAtError opens a source at a position that it must not open at, and is quick
// about it.
func openAtError(t testing.TB, s media.Source, position time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	begin := time.Now()
	stream, err := s.(media.SeekableSource).OpenAt(ctx, env(), position)
	if err == nil {
		stream.Close()
		t.Fatal("opened")
	}
	require.Nil(t, stream)
	require.Less(t, time.Since(begin), 20*time.Second, "less than it waits for what was lost")
	return err
}

// requireTones checks that the frames sound like the tones from a position on.
func requireTones(t testing.TB, frames []media.Frame, from, length time.Duration) {
	t.Helper()
	require.NoError(t, mediatest.CheckTones(tonesOf(t, frames), from, length, 40*time.Millisecond))
}

// tonesOf decodes the sound of frames that have no gap.
func tonesOf(t testing.TB, frames []media.Frame) []mediatest.Tone {
	t.Helper()
	var packets []mediatest.Packet
	for i, f := range of(media.TrackAudio, frames) {
		packets = append(packets, mediatest.Packet{
			SequenceNumber: uint16(i), Timestamp: uint32(f.PTS * 48 / time.Millisecond), Payload: f.Data,
		})
	}
	pcm, err := mediatest.DecodeOpus(packets)
	require.NoError(t, err)
	require.Empty(t, pcm.Gaps)
	return pcm.Tones()
}

// fileServer serves one file, with ranges.
func fileServer(t *testing.T, path string) string {
	return serve(t, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) }) + "/" + filepath.Base(path)
}

func TestSeekOverHTTPIsExact(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		tones(t, "cbr.mp3", "-b:a", "128k"), tones(t, "vbr.mp3", "-q:a", "4"),
		tones(t, "untagged.mp3", "-q:a", "4", "-write_xing", "0"), tones(t, "a.flac"), tones(t, "a.ogg"),
		tones(t, "a.m4a"), tones(t, "fast.m4a", "-movflags", "+faststart"), tones(t, "a.wav"), tones(t, "a.mka"),
	} {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			const position = 7400 * time.Millisecond
			begin := time.Now()
			// Of packets passed on whole a decoder would make half a tone at first.
			stream := openAt(t, media.FromURL(fileServer(t, path), media.EncodeOptions{AlwaysEncode: true}), position)
			t.Logf("open at %v: %v", position, time.Since(begin))
			frames, end := readAll(t, stream)
			require.Equal(t, io.EOF, end)
			require.Zero(t, frames[0].PTS)
			requireTones(t, frames, position, 4600*time.Millisecond)
		})
	}
}

func TestSeekOfAMovieStartsBothTracksTogether(t *testing.T) {
	t.Parallel()
	path := film(t)
	url := fileServer(t, path)
	for name, s := range map[string]media.Source{
		"file":     media.FromFile(path, media.EncodeOptions{Tracks: media.TrackVideo}),
		"url":      media.FromURL(url, media.EncodeOptions{Tracks: media.TrackVideo}),
		"command":  media.FromShell("ffmpeg -ss 1 -i "+url, both),
		"commands": media.FromShells("ffmpeg -ss 2 -i "+path, "ffmpeg -ss 00:02 -i "+path),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Between two frames; not for IVF, whose first frame ffmpeg
			// would repeat in the gap.
			position := 3500 * time.Millisecond
			if name == "commands" {
				position = 3520 * time.Millisecond
			}
			stream := openAt(t, s, position)
			require.Equal(t, both, stream.Tracks())
			frames, end := readAll(t, stream)
			require.Equal(t, io.EOF, end)
			requireTones(t, frames, position, 8*time.Second-position)
			var coded []mediatest.VideoFrame
			for _, f := range of(media.TrackVideo, frames) {
				coded = append(coded, mediatest.VideoFrame{
					Timestamp: uint32(f.PTS * 90 / time.Millisecond), Key: f.Key, Size: image.Pt(160, 120), Data: f.Data,
				})
			}
			require.True(t, coded[0].Key)
			require.LessOrEqual(t, of(media.TrackVideo, frames)[0].PTS, 50*time.Millisecond)
			pictures, err := mediatest.DecodePictures(t.Context(), "ffmpeg", coded)
			require.NoError(t, err)
			first := pictures[0].Counter
			require.InDelta(t, 87.5, first, 1)
			require.NoError(t, mediatest.CheckCounters(pictures, first, 199))
			require.NoError(t, mediatest.CheckCounterTimes(pictures, "25", 5*time.Millisecond))
		})
	}
}

func TestSeekPastTheEndIsTheEnd(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		tones(t, "cbr.mp3", "-b:a", "128k"), tones(t, "vbr.mp3", "-q:a", "4"),
		tones(t, "untagged.mp3", "-q:a", "4", "-write_xing", "0"), tones(t, "a.flac"), tones(t, "a.ogg"),
		tones(t, "a.m4a"), tones(t, "a.wav"), tones(t, "a.mka"), tones(t, "a.ts", "-c:a", "aac"), film(t),
	} {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			for _, s := range []media.Source{
				media.FromFile(path, media.EncodeOptions{}),
				media.FromURL(fileServer(t, path), media.EncodeOptions{}),
				media.FromShell("ffmpeg -i "+path, media.TrackAudio),
			} {
				err := openAtError(t, s, 13*time.Second)
				require.ErrorIs(t, err, io.EOF)
				require.ErrorIs(t, err, models.ErrFile)
				require.NotErrorIs(t, err, models.ErrSeekUnsupported)
			}
		})
	}
}

// live serves a file for ever, a little at a time.
func live(t *testing.T, path string) (url string) {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i = (i + 1) % 100 {
			select {
			case <-tick.C:
			case <-r.Context().Done():
				return
			}
			_, _ = w.Write(data[i*len(data)/100 : (i+1)*len(data)/100])
			_ = http.NewResponseController(w).Flush()
		}
	}) + "/live"
}

func TestSeekOfWhatCannotBeSeekedIsRefused(t *testing.T) {
	t.Parallel()
	mp3, mp4 := tones(t, "cbr.mp3", "-b:a", "128k"), film(t)
	whole := func(path string) string {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		return serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(data)))
			_, _ = w.Write(data)
		}) + "/whole"
	}
	fifo := filepath.Join(t.TempDir(), "fifo.mp3")
	require.NoError(t, exec.Command("mkfifo", fifo).Run())
	segment := fixture(t, "plain.ts", tone("1")...)
	liveList := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".ts") {
			http.ServeFile(w, r, segment)
			return
		}
		fmt.Fprint(w, lines("#EXTM3U", "#EXT-X-TARGETDURATION:1", "#EXTINF:1,", "a.ts", "#EXTINF:1,", "b.ts", "#EXTINF:1,", "c.ts", "#EXTINF:1,", "d.ts"))
	}) + "/list.m3u8"
	icy := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, buffer, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = buffer.WriteString("ICY 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n")
		_ = buffer.Flush()
		_, _ = conn.Read(make([]byte, 1)) // until the client has gone
	})
	for name, s := range map[string]media.Source{
		"live mp3":         media.FromURL(live(t, mp3), media.EncodeOptions{}),
		"live ts":          media.FromURL(live(t, tones(t, "a.ts", "-c:a", "aac")), media.EncodeOptions{}),
		"live ogg":         media.FromURL(live(t, tones(t, "a.ogg")), media.EncodeOptions{}),
		"mp3 as a whole":   media.FromURL(whole(mp3), media.EncodeOptions{}),
		"ogg as a whole":   media.FromURL(whole(tones(t, "a.ogg")), media.EncodeOptions{}),
		"mp4 as a whole":   media.FromURL(whole(mp4), media.EncodeOptions{}),
		"live HLS":         media.FromURL(liveList, media.EncodeOptions{}),
		"SHOUTcast":        media.FromURL(icy, media.EncodeOptions{}),
		"rtmp":             media.FromURL("rtmp://127.0.0.1:1/app/key", media.EncodeOptions{}),
		"FIFO":             media.FromFile(fifo, media.EncodeOptions{}),
		"command, live":    media.FromShell("ffmpeg -i "+live(t, mp3), media.TrackAudio),
		"command, FIFO":    media.FromShell("ffmpeg -i "+fifo, media.TrackAudio),
		"command, pipe":    media.FromShell("ffmpeg -i pipe:0", media.TrackAudio),
		"command, udp":     media.FromShell("ffmpeg -i udp://127.0.0.1:1", media.TrackAudio),
		"other program":    media.FromShell("cat "+tones(t, "a.ogg"), media.TrackAudio),
		"different starts": media.FromShells("ffmpeg -i "+mp4, "ffmpeg -ss 1 -i "+mp4),
		"one leg a device": media.FromShells("ffmpeg -i "+mp4, "ffmpeg -f lavfi -i testsrc"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := openAtError(t, s, 5*time.Second)
			require.ErrorIs(t, err, models.ErrSeekUnsupported)
			require.NotErrorIs(t, err, io.EOF)
		})
	}
}

func TestOpenAtTheStartOfALiveStreamIsOpen(t *testing.T) {
	t.Parallel()
	stream := openAt(t, media.FromURL(live(t, tones(t, "cbr.mp3", "-b:a", "128k")), media.EncodeOptions{}), 0)
	_, err := stream.ReadFrame()
	require.NoError(t, err)
}

func TestSeekInAnHLSListThatHasAnEnd(t *testing.T) {
	t.Parallel()
	whole := tones(t, "a.ts", "-c:a", "aac")
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".ts") {
			http.ServeFile(w, r, whole)
			return
		}
		fmt.Fprint(w, lines("#EXTM3U", "#EXT-X-TARGETDURATION:12", "#EXTINF:12,", "a.ts", "#EXT-X-ENDLIST"))
	})
	stream := openAt(t, media.FromURL(url+"/list.m3u8", media.EncodeOptions{}), 7400*time.Millisecond)
	frames, end := readAll(t, stream)
	require.Equal(t, io.EOF, end)
	requireTones(t, frames, 7400*time.Millisecond, 4600*time.Millisecond)
}

func TestErrorOfASeekSaysWhy(t *testing.T) {
	t.Parallel()
	text := write(t, "x.mp3", strings.Repeat("Lorem ipsum dolor sit amet.\n", 99))
	err := openAtError(t, media.FromFile(text, media.EncodeOptions{}), time.Second)
	require.ErrorIs(t, err, models.ErrFile)
	var failure *models.FFmpegError
	require.ErrorAs(t, err, &failure)
	require.NotContains(t, failure.Stderr, "[error]")
	require.NotContains(t, failure.Stderr, "Duration:")

	base := serve(t, http.NotFound)
	err = openAtError(t, media.FromURL(strings.Replace(base, "://", "://user:hunter2@", 1)+"/x?s3cret", media.EncodeOptions{}), time.Second)
	require.ErrorContains(t, err, "404 Not Found")
	for _, secret := range []string{"hunter2", "s3cret"} {
		require.NotContains(t, err.Error(), secret)
	}
}

func TestServerThatFailsDuringASeekIsNoEnd(t *testing.T) {
	t.Parallel()
	path := tones(t, "a.flac")
	var requests atomic.Int32
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) > 2 {
			http.Error(w, "gone", http.StatusGone)
			return
		}
		http.ServeFile(w, r, path)
	})
	err := openAtError(t, media.FromURL(url+"/a.flac", media.EncodeOptions{}), 7*time.Second)
	require.NotErrorIs(t, err, io.EOF)
}

func TestCommandsAreSeeked(t *testing.T) {
	t.Parallel()
	path := tones(t, "a.flac")
	for _, test := range []struct {
		name, line       string
		start, at, plays time.Duration
	}{
		{"to the end", "-i " + path, 0, 5 * time.Second, 7 * time.Second},
		{"from a start", "-ss 2.5 -i " + path, 2500 * time.Millisecond, 6500 * time.Millisecond, 5500 * time.Millisecond},
		{"back before the start", "-ss 8 -i " + path, 8 * time.Second, 0, 12 * time.Second},
		{"output start", "-i " + path + " -ss 2000ms", 2 * time.Second, 9 * time.Second, 3 * time.Second},
		{"output length", "-ss 3 -i " + path + " -t 5", 3 * time.Second, 6 * time.Second, 2 * time.Second},
		{"input length", "-ss 3 -t 5 -i " + path, 3 * time.Second, 6 * time.Second, 2 * time.Second},
		{"input end", "-ss 3 -to 8 -i " + path, 3 * time.Second, 6 * time.Second, 2 * time.Second},
		{"output end", "-ss 3 -i " + path + " -to 5", 3 * time.Second, 6 * time.Second, 2 * time.Second},
		{"output start and end", "-ss 1 -i " + path + " -ss 2 -to 7 -", 3 * time.Second, 6 * time.Second, 2 * time.Second},
		{"own log level", "-v quiet -i " + path, 0, 9 * time.Second, 3 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := media.FromShell("ffmpeg "+test.line, media.TrackAudio)
			require.Equal(t, test.start, start(t, open(t, s)))
			frames, end := readAll(t, openAt(t, s, test.at))
			require.Equal(t, io.EOF, end)
			requireTones(t, frames, test.at, test.plays)

			// What the command plays as it stands ends at the same place.
			frames = play(t, s)
			requireTones(t, frames, test.start, test.at+test.plays-test.start)
		})
	}
	for _, line := range []string{"-ss 3 -i " + path + " -t 5", "-ss 3 -to 8 -i " + path} {
		err := openAtError(t, media.FromShell("ffmpeg "+line, media.TrackAudio), 8*time.Second)
		require.ErrorIs(t, err, io.EOF)
	}
}

func TestCommandThatHasEndedAtThePositionLeavesTheOtherPlaying(t *testing.T) {
	t.Parallel()
	s := media.FromShells("ffmpeg -i "+tones(t, "a.flac"), "ffmpeg -i "+film(t))
	stream := openAt(t, s, 10*time.Second)
	require.Equal(t, media.TrackAudio, stream.Tracks())
	frames, end := readAll(t, stream)
	require.Equal(t, io.EOF, end)
	requireTones(t, frames, 10*time.Second, 2*time.Second)
	require.ErrorIs(t, openAtError(t, s, time.Minute), io.EOF)
}
