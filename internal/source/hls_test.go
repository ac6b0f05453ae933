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
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/media"
)

const programmeLength = 36 * time.Second

// programme returns a movie of 36 seconds with numbered frames, B-frames and
// tones, and a key frame every two seconds.
func programme(t testing.TB) string {
	t.Helper()
	path := filepath.Join(fixtures.dir, "programme.mp4")
	once, _ := fixtures.made.LoadOrStore(path, sync.OnceValue(func() error {
		return mediatest.MakeMovie(context.Background(), "ffmpeg", path, mediatest.MovieSpec{
			Width: 160, Height: 120, FPS: "25", Duration: programmeLength, Tones: true,
			Options: []string{"-g", "50", "-bf", "3"},
		})
	}))
	require.NoError(t, once.(func() error)())
	return path
}

// segmented returns a folder that some runs of ffmpeg have filled.
func segmented(t testing.TB, name string, runs ...[]string) string {
	t.Helper()
	dir := filepath.Join(fixtures.dir, name)
	once, _ := fixtures.made.LoadOrStore(dir, sync.OnceValue(func() error {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		for _, args := range runs {
			cmd := exec.Command("ffmpeg", append([]string{"-nostdin", "-v", "error", "-y"}, args...)...)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("%v: %w: %s", args, err, out)
			}
		}
		return nil
	}))
	require.NoError(t, once.(func() error)())
	return dir
}

// hlsOf are the options that cut a movie in segments of about four seconds.
func hlsOf(path string, more ...string) []string {
	args := []string{"-i", path, "-c", "copy", "-f", "hls", "-hls_time", "4", "-hls_list_size", "0", "-hls_playlist_type", "vod"}
	return append(append(args, more...), "list.m3u8")
}

// folder serves a folder.
func folder(t *testing.T, dir string) string {
	return serve(t, http.FileServer(http.Dir(dir)).ServeHTTP)
}

// broken serves a list of three parts of twelve seconds, whose times all begin again.
func broken(t *testing.T, kind string) string {
	t.Helper()
	path := programme(t)
	list := []string{"#EXTM3U", "#EXT-X-TARGETDURATION:12"}
	var runs [][]string
	for i := range 3 {
		if i > 0 {
			list = append(list, "#EXT-X-DISCONTINUITY")
		}
		part := []string{
			"-ss", fmt.Sprint(12 * i), "-t", "12", "-i", path, "-c:v", "libx264", "-g", "50", "-c:a", "aac", "-f", "hls", "-hls_time", "6",
		}
		if kind == "mixed" && i == 1 {
			part = slices.Insert(part, 6, "-s", "80x60", "-r", "30", "-ar", "44100", "-ac", "1")
		}
		extension := "ts"
		if kind != "ts" {
			extension = "m4s"
			part = append(part, "-hls_segment_type", "fmp4", "-hls_fmp4_init_filename", fmt.Sprintf("init%d.mp4", i))
			list = append(list, fmt.Sprintf(`#EXT-X-MAP:URI="init%d.mp4"`, i))
		}
		runs = append(runs, append(part, "-hls_segment_filename", fmt.Sprintf("%d-%%d.%s", i, extension), fmt.Sprintf("part%d.m3u8", i)))
		for j := range 2 {
			list = append(list, "#EXTINF:6,", fmt.Sprintf("%d-%d.%s", i, j, extension))
		}
	}
	dir := segmented(t, "broken-"+kind, runs...)
	return withList(t, dir, map[string]string{"/list.m3u8": lines(append(list, "#EXT-X-ENDLIST")...)}) + "/list.m3u8"
}

// withList serves a folder, and texts in it.
func withList(t *testing.T, dir string, texts map[string]string) string {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		if text, ok := texts[r.URL.Path]; ok {
			fmt.Fprint(w, text)
			return
		}
		http.FileServer(http.Dir(dir)).ServeHTTP(w, r)
	})
}

func TestPlaylistPlaysAndSeeksExactly(t *testing.T) {
	t.Parallel()
	path := programme(t)
	for name, url := range map[string]func(t *testing.T) string{
		"ts": func(t *testing.T) string {
			return folder(t, segmented(t, "hls-ts", hlsOf(path))) + "/list.m3u8"
		},
		"fmp4": func(t *testing.T) string {
			return folder(t, segmented(t, "hls-fmp4", hlsOf(path, "-hls_segment_type", "fmp4"))) + "/list.m3u8"
		},
		"ranges of one file": func(t *testing.T) string {
			return folder(t, segmented(t, "hls-single", hlsOf(path, "-hls_flags", "single_file"))) + "/list.m3u8"
		},
		"ranges of one fmp4": func(t *testing.T) string {
			return folder(t, segmented(t, "hls-single-fmp4", hlsOf(path, "-hls_segment_type", "fmp4", "-hls_flags", "single_file"))) + "/list.m3u8"
		},
		"packed sound": func(t *testing.T) string {
			return folder(t, segmented(t, "hls-aac", []string{
				"-i", path, "-map", "0:a", "-c", "copy", "-f", "segment", "-segment_time", "4", "-segment_list", "list.m3u8", "%d.aac",
			})) + "/list.m3u8"
		},
	} {
		for _, position := range []time.Duration{0, 5 * time.Second, 15 * time.Second, 30 * time.Second} {
			t.Run(fmt.Sprint(name, "/", position), func(t *testing.T) {
				t.Parallel()
				stream := openAt(t, media.FromURL(url(t), media.EncodeOptions{}), position)
				frames, end := readAll(t, stream)
				require.Equal(t, io.EOF, end)
				requireTones(t, frames, position, programmeLength-position)
			})
		}
	}
}

// Each part has a header, times and, when mixed, sizes and rates of its own.
func TestPlaylistWithDiscontinuitiesPlaysAndSeeks(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"ts", "fmp4", "mixed"} {
		for _, position := range []time.Duration{0, 5 * time.Second, 17 * time.Second, 30 * time.Second} {
			t.Run(fmt.Sprint(kind, "/", position), func(t *testing.T) {
				t.Parallel()
				stream := openAt(t, media.FromURL(broken(t, kind), media.EncodeOptions{Tracks: media.TrackVideo}), position)
				frames, end := readAll(t, stream)
				require.Equal(t, io.EOF, end)
				requireTones(t, frames, position, programmeLength-position)
				if kind != "mixed" {
					requireCountersNear(t, of(media.TrackVideo, frames), position, programmeLength)
				}
			})
		}
	}
}

func TestPlaylistIsOnePictureOfTheAskedSize(t *testing.T) {
	t.Parallel()
	path := programme(t)
	dir := segmented(t, "hls-master", hlsOf(path),
		[]string{"-i", path, "-map", "0:v", "-s", "80x60", "-t", "4", "-f", "hls", "-hls_list_size", "0", "-hls_playlist_type", "vod", "small.m3u8"},
		[]string{
			"-i", path, "-map", "0:a", "-c", "copy", "-f", "hls", "-hls_list_size", "0", "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4",
			"-hls_fmp4_init_filename", "sound.mp4", "-hls_segment_filename", "sound%d.m4s", "sound.m3u8",
		},
		[]string{"-i", path, "-map", "0:v", "-c", "copy", "-f", "hls", "-hls_list_size", "0", "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4", "picture.m3u8"})
	url := withList(t, dir, map[string]string{
		"/muxed.m3u8": lines(
			"#EXTM3U", `#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="s",DEFAULT=YES,AUTOSELECT=YES,URI="subtitles.m3u8"`,
			`#EXT-X-STREAM-INF:BANDWIDTH=10,RESOLUTION=80x60,SUBTITLES="s"`, "small.m3u8",
			`#EXT-X-STREAM-INF:BANDWIDTH=20,RESOLUTION=160x120,SUBTITLES="s"`, "list.m3u8",
			`#EXT-X-STREAM-INF:BANDWIDTH=90,RESOLUTION=1920x1080,SUBTITLES="s"`, "missing.m3u8",
		),
		"/separate.m3u8": lines(
			"#EXTM3U", `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",DEFAULT=YES,AUTOSELECT=YES,URI="sound.m3u8"`,
			`#EXT-X-STREAM-INF:BANDWIDTH=20,RESOLUTION=160x120,AUDIO="a"`, "picture.m3u8",
		),
	})
	for _, name := range []string{"muxed", "separate"} {
		for _, position := range []time.Duration{0, 15 * time.Second} {
			t.Run(fmt.Sprint(name, "/", position), func(t *testing.T) {
				t.Parallel()
				source := media.FromURL(url+"/"+name+".m3u8", media.EncodeOptions{Tracks: media.TrackVideo, VideoWidth: 640, VideoHeight: 480})
				stream := openAt(t, source, position)
				require.Equal(t, both, stream.Tracks())
				frames, end := readAll(t, stream)
				require.Equal(t, io.EOF, end)
				requireTones(t, frames, position, programmeLength-position)
				pictures := of(media.TrackVideo, frames)
				require.Equal(t, [2]int{160, 120}, size(t, pictures[0]))
				requireCounters(t, pictures, position, programmeLength)
			})
		}
	}
}

// requireCountersNear checks that the frames of the programme from a position to an
// end are there, each within what a muxer delays B-frames by.
func requireCountersNear(t testing.TB, pictures []media.Frame, from, to time.Duration) {
	t.Helper()
	decoded := decodePictures(t, pictures)
	require.InDelta(t, (to-from).Seconds()*25, len(decoded), 8)
	for i, f := range decoded {
		require.InDelta(t, (from+pictures[i].PTS).Seconds()*25, f.Counter, 3.5)
	}
}

func decodePictures(t testing.TB, pictures []media.Frame) []mediatest.Picture {
	t.Helper()
	var coded []mediatest.VideoFrame
	for _, f := range pictures {
		coded = append(coded, mediatest.VideoFrame{
			Timestamp: uint32(f.PTS * 90 / time.Millisecond), Key: f.Key, Size: image.Pt(160, 120), Data: f.Data,
		})
	}
	decoded, err := mediatest.DecodePictures(t.Context(), "ffmpeg", coded)
	require.NoError(t, err)
	return decoded
}

// requireCounters checks that each frame of the programme from a position to an
// end is there, in its place.
func requireCounters(t testing.TB, pictures []media.Frame, from, to time.Duration) {
	t.Helper()
	decoded := decodePictures(t, pictures)
	first := decoded[0].Counter
	// ffmpeg's muxer puts the pictures of B-frames two frames later where they
	// are alone.
	require.InDelta(t, from.Seconds()*25, first, 2.5)
	require.LessOrEqual(t, pictures[0].PTS, 100*time.Millisecond)
	require.NoError(t, mediatest.CheckCounters(decoded, first, int(to.Seconds()*25)-1))
	require.NoError(t, mediatest.CheckCounterTimes(decoded, "25", 5*time.Millisecond))
}

func TestSoundAloneHasTheFewestBytes(t *testing.T) {
	t.Parallel()
	dir := segmented(t, "hls-ts", hlsOf(programme(t)))
	var asked sync.Map
	files := http.FileServer(http.Dir(dir))
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.URL.Path, true)
		if r.URL.Path == "/master.m3u8" {
			fmt.Fprint(w, lines("#EXTM3U", "#EXT-X-STREAM-INF:BANDWIDTH=90,RESOLUTION=1280x720", "large.m3u8",
				"#EXT-X-STREAM-INF:BANDWIDTH=20,RESOLUTION=160x120", "list.m3u8")+
				strings.Repeat(lines("#EXT-X-STREAM-INF:BANDWIDTH=30,RESOLUTION=320x240", "other.m3u8"), 500))
			return
		}
		files.ServeHTTP(w, r)
	})
	requireTones(t, play(t, media.FromURL(url+"/master.m3u8", media.EncodeOptions{})), 0, programmeLength)
	asked.Range(func(name, _ any) bool {
		require.NotContains(t, []string{"/large.m3u8", "/other.m3u8"}, name)
		return true
	})
}

func TestPlaylistWithOddNamesKeysAndRangesPlays(t *testing.T) {
	t.Parallel()
	key := filepath.Join(fixtures.dir, "hls.key")
	require.NoError(t, os.WriteFile(key, []byte("0123456789abcdef"), 0o600))
	info := write(t, "key.info", lines("key.bin", key))
	dir := segmented(t, "hls-aes", hlsOf(programme(t), "-hls_key_info_file", info))
	plain := segmented(t, "hls-ts", hlsOf(programme(t)))
	list, err := os.ReadFile(filepath.Join(plain, "list.m3u8"))
	require.NoError(t, err)
	odd := strings.NewReplacer("list", "seg%20ment.php?id=", ".ts", "&as=.jpg").Replace(string(list))
	data := strings.NewReplacer("key.bin", "data:;base64,MDEyMzQ1Njc4OWFiY2RlZg==")
	encrypted, err := os.ReadFile(filepath.Join(dir, "list.m3u8"))
	require.NoError(t, err)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/odd":
			fmt.Fprint(w, odd)
		case "/seg ment.php":
			// A server that knows neither ranges nor types.
			segment, err := os.ReadFile(filepath.Join(plain, "list"+r.URL.Query().Get("id")+".ts"))
			if err != nil {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Type", "image/jpeg")
			_, _ = w.Write(segment)
		case "/data.m3u8":
			fmt.Fprint(w, data.Replace(string(encrypted)))
		case "/key.bin":
			http.ServeFile(w, r, key)
		default:
			http.FileServer(http.Dir(dir)).ServeHTTP(w, r)
		}
	})
	for _, name := range []string{"odd", "list.m3u8", "data.m3u8"} {
		for _, position := range []time.Duration{0, 15 * time.Second} {
			t.Run(fmt.Sprint(name, "/", position), func(t *testing.T) {
				t.Parallel()
				frames, end := readAll(t, openAt(t, media.FromURL(url+"/"+name, media.EncodeOptions{}), position))
				require.Equal(t, io.EOF, end)
				requireTones(t, frames, position, programmeLength-position)
			})
		}
	}
}
