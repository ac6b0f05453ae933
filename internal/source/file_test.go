package source_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/source"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

const both = media.TrackAudio | media.TrackVideo

var video = media.EncodeOptions{Tracks: media.TrackVideo, VideoFPS: 60}

func song(t testing.TB) string { return fixture(t, "song.mp3", tone("1.5", "-b:a", "64k")...) }

func TestFileAudioIsCompleteAndContiguous(t *testing.T) {
	t.Parallel()
	cover := picture("64x64", "1", "1", "-frames:v", "1")
	art := fixture(t, "cover.png", cover...)
	for _, test := range []struct {
		name string
		args []string
	}{
		{"song.mp3", tone("1.5", "-b:a", "64k")},
		{"cover.mp3", tone("1.5", "-i", art, "-map", "0:a", "-map", "1:v", "-c:v", "copy", "-disposition:v:0", "attached_pic", "-id3v2_version", "3")},
		{"song.wav", tone("1.5")},
		{"song.flac", tone("1.5")},
		{"song.m4a", tone("1.5")},
		{"song.ogg", tone("1.5", "-c:a", "libopus")},
		{"song.webm", tone("1.5", "-c:a", "libopus")},
		{"mono22k.wav", tone("1.5", "-ac", "1", "-ar", "22050")},
		{"movie.mp4", movie("64x48", "25", "1.5", "-preset", "ultrafast")},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			stream := open(t, media.FromFile(fixture(t, test.name, test.args...), media.EncodeOptions{}))
			require.Equal(t, media.TrackAudio, stream.Tracks())
			frames, end := readAll(t, stream)
			require.Equal(t, io.EOF, end)
			requireContiguous(t, frames, 1500*time.Millisecond)
			_, end = stream.ReadFrame()
			require.Equal(t, io.EOF, end, "the end stays the end")
		})
	}
}

func TestFileVideoKeepsEveryFrameAndItsTime(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rate     string
		interval time.Duration
		bound    int
		want     int
	}{
		{"24", time.Second / 24, 30, 48},
		{"25", time.Second / 25, 30, 50},
		{"30000/1001", 1001 * time.Second / 30000, 30, 60},
		{"30", time.Second / 30, 30, 60},
		{"60", time.Second / 60, 60, 120},
		{"60", time.Second / 30, 30, 60},
		{"5", time.Second / 5, 30, 10},
	} {
		for _, ext := range []string{"mp4", "mkv"} {
			t.Run(fmt.Sprintf("%s fps in %s, bound %d", test.rate, ext, test.bound), func(t *testing.T) {
				t.Parallel()
				name := "rate" + strings.ReplaceAll(test.rate, "/", "_") + "." + ext
				path := fixture(t, name, movie("64x48", test.rate, "2", "-preset", "ultrafast")...)
				frames := play(t, media.FromFile(path, media.EncodeOptions{Tracks: media.TrackVideo, VideoFPS: test.bound}))
				requireContiguous(t, of(media.TrackAudio, frames), 2*time.Second)
				got := of(media.TrackVideo, frames)
				require.Len(t, got, test.want)
				require.True(t, got[0].Key)
				require.Less(t, got[0].PTS, 50*time.Millisecond)
				for i, f := range got {
					due := got[0].PTS + time.Duration(i)*test.interval
					require.InDelta(t, due.Seconds(), f.PTS.Seconds(), 0.0021, "frame %d", i)
					require.InDelta(t, test.interval.Seconds(), f.Duration.Seconds(), 0.0001)
				}
			})
		}
	}
}

func TestVariableRateKeepsItsTimes(t *testing.T) {
	t.Parallel()
	path := fixture(t, "vfr.mkv", picture("64x48", "1000", "1",
		"-vf", "select='eq(n,0)+eq(n,37)+eq(n,110)+eq(n,300)+eq(n,345)+eq(n,900)'", "-preset", "ultrafast")...)
	frames := play(t, media.FromFile(path, media.EncodeOptions{Tracks: media.TrackVideo}))
	var got []int64
	for _, f := range frames {
		got = append(got, f.PTS.Round(time.Millisecond).Milliseconds())
	}
	require.Equal(t, []int64{0, 37, 110, 300, 345, 900}, got)
}

func TestKeyFramesComeEveryTwoSeconds(t *testing.T) {
	t.Parallel()
	for _, rate := range []string{"5", "30"} {
		t.Run(rate, func(t *testing.T) {
			t.Parallel()
			path := fixture(t, "gop"+rate+".mp4", picture("32x32", rate, "7", "-preset", "ultrafast")...)
			last := time.Duration(0)
			for _, f := range play(t, media.FromFile(path, video)) {
				if f.Key {
					last = f.PTS
				}
				require.LessOrEqual(t, f.PTS-last, 2100*time.Millisecond)
			}
			require.Greater(t, last, 5*time.Second)
		})
	}
}

func TestPictureIsFittedInside(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, source, sar string
		bound, want       [2]int
	}{
		{"as it is", "160x90", "1", [2]int{}, [2]int{160, 90}},
		{"odd", "161x91", "1", [2]int{}, [2]int{160, 90}},
		{"small", "2x2", "1", [2]int{}, [2]int{2, 2}},
		{"one pixel", "1x1", "1", [2]int{}, [2]int{2, 2}},
		{"halved", "320x180", "1", [2]int{160, 90}, [2]int{160, 90}},
		{"portrait", "180x320", "1", [2]int{160, 90}, [2]int{50, 90}},
		{"wide", "320x40", "1", [2]int{160, 90}, [2]int{160, 20}},
		{"odd bound", "320x180", "1", [2]int{161, 91}, [2]int{160, 90}},
		{"never enlarged", "160x90", "1", [2]int{1920, 1080}, [2]int{160, 90}},
		{"anamorphic", "180x144", "64/45", [2]int{}, [2]int{256, 144}},
		{"anamorphic bounded", "180x144", "64/45", [2]int{128, 128}, [2]int{128, 72}},
		{"tall pixels", "160x90", "1/2", [2]int{}, [2]int{80, 90}},
		{"line", "640x2", "1", [2]int{64, 64}, [2]int{64, 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := fixture(t, "size"+strings.ReplaceAll(test.source+"_"+test.sar, "/", "_")+".mkv",
				picture(test.source, "10", "0.2", "-vf", "setsar="+test.sar, "-pix_fmt", "rgb24", "-c:v", "ffv1")...)
			frames := play(t, media.FromFile(path, media.EncodeOptions{
				Tracks: media.TrackVideo, VideoWidth: test.bound[0], VideoHeight: test.bound[1],
			}))
			require.Len(t, frames, 2)
			require.Equal(t, test.want, size(t, frames[0]))
		})
	}
}

func TestStreamTellsTheTracksItHas(t *testing.T) {
	t.Parallel()
	silent := fixture(t, "silent.mp4", picture("32x32", "10", "0.5", "-preset", "ultrafast")...)
	cover := fixture(t, "cover.png", picture("64x64", "1", "1", "-frames:v", "1")...)
	withArt := fixture(t, "cover.mp3", tone("1.5", "-i", cover, "-map", "0:a", "-map", "1:v", "-c:v", "copy", "-disposition:v:0", "attached_pic", "-id3v2_version", "3")...)
	for _, test := range []struct {
		name, path string
		asked      media.Track
		want       media.Track
	}{
		{"video of a song", song(t), media.TrackVideo, media.TrackAudio},
		{"cover art is no video", withArt, both, media.TrackAudio},
		{"silent movie", silent, both, media.TrackVideo},
		{"movie", fixture(t, "movie.mp4", movie("64x48", "25", "1.5", "-preset", "ultrafast")...), media.TrackVideo, both},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			source := media.FromFile(test.path, media.EncodeOptions{Tracks: test.asked})
			require.Equal(t, test.asked|media.TrackAudio, source.Tracks())
			stream := open(t, source)
			require.Equal(t, test.want, stream.Tracks())
			frames, end := readAll(t, stream)
			require.Equal(t, io.EOF, end)
			for _, track := range []media.Track{media.TrackAudio, media.TrackVideo} {
				require.Equal(t, test.want.Has(track), len(of(track, frames)) > 0)
			}
		})
	}
}

func TestSeekStartsAtThePosition(t *testing.T) {
	t.Parallel()
	path := fixture(t, "seek.mp4", movie("64x48", "25", "3", "-preset", "ultrafast")...)
	source, ok := media.FromFile(path, media.EncodeOptions{Tracks: media.TrackVideo}).(media.SeekableSource)
	require.True(t, ok)
	stream, err := source.OpenAt(context.Background(), env(), 2200*time.Millisecond)
	require.NoError(t, err)
	defer stream.Close()
	frames, end := readAll(t, stream)
	require.Equal(t, io.EOF, end)
	audio, pictures := of(media.TrackAudio, frames), of(media.TrackVideo, frames)
	requireContiguous(t, audio, 800*time.Millisecond)
	require.Len(t, pictures, 20)
	require.Less(t, pictures[0].PTS, 50*time.Millisecond)

	for _, position := range []time.Duration{4 * time.Second, time.Hour} {
		_, err = source.OpenAt(context.Background(), env(), position)
		require.ErrorIs(t, err, models.ErrFile, "nothing to play from there")
		require.ErrorIs(t, err, io.EOF)
	}
	_, err = source.OpenAt(context.Background(), env(), -1)
	require.ErrorIs(t, err, models.ErrInvalidParams)
}

func TestFileErrorsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	movie := fixture(t, "movie.mp4", movie("64x48", "25", "1.5", "-preset", "ultrafast")...)
	data, err := os.ReadFile(movie)
	require.NoError(t, err)
	subtitles := write(t, "x.srt", lines("1", "00:00:00,000 --> 00:00:01,000", "Hello"))
	for _, test := range []struct {
		name, path string
		diagnosed  bool // by ffmpeg
		words      string
	}{
		{"missing", filepath.Join(t.TempDir(), "nothing.mp3"), false, "no such file"},
		{"directory", t.TempDir(), false, "directory"},
		{"empty", write(t, "x.mp3", ""), false, "empty"},
		{"text", write(t, "x.txt", strings.Repeat("Lorem ipsum dolor sit amet.\n", 99)), true, "is not allowed"},
		{"text as mp4", write(t, "x.mp4", "Lorem ipsum"), true, "Invalid data"},
		{"truncated movie", write(t, "x.mp4", string(data[:bytes.LastIndex(data, []byte("moov"))-4])), true, "moov atom not found"},
		{"no tracks", subtitles, true, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := openError(t, media.FromFile(test.path, media.EncodeOptions{}))
			require.ErrorIs(t, err, models.ErrFile)
			require.ErrorContains(t, err, test.words)
			var failure *models.FFmpegError
			require.Equal(t, test.diagnosed, errors.As(err, &failure))
		})
	}
	err = openError(t, media.FromFile("/nonexistent", media.EncodeOptions{}))
	require.ErrorIs(t, err, fs.ErrNotExist)
	silent := fixture(t, "silent.mp4", picture("32x32", "10", "0.5", "-preset", "ultrafast")...)
	require.ErrorIs(t, openError(t, media.FromFile(silent, media.EncodeOptions{})), models.ErrFile)
}

func TestMissingFFmpegIsASpawnError(t *testing.T) {
	t.Parallel()
	path := song(t)
	for _, s := range []media.Source{
		media.FromFile(path, media.EncodeOptions{}),
		media.FromURL("rtmp://127.0.0.1:1/x", media.EncodeOptions{}),
		media.FromShell("ffmpeg -i "+path, media.TrackAudio),
		media.FromShell("/nonexistent/program", media.TrackAudio),
		media.FromShells("ffmpeg -i "+path, "ffmpeg -i "+path),
	} {
		_, err := s.Open(context.Background(), media.Env{Opener: source.Opener{}, FFmpegPath: "/nonexistent/ffmpeg"})
		require.ErrorIs(t, err, models.ErrFFmpegSpawn)
	}
}

func TestAbsurdOptionsAreRefused(t *testing.T) {
	t.Parallel()
	for _, o := range []media.EncodeOptions{
		{VideoBitrateKbps: -1},
		{VideoWidth: -2},
		{VideoHeight: 1},
		{VideoFPS: -30},
		{VideoFPS: 100000},
		{VideoWidth: 1 << 20},
		{AudioBitrateKbps: 5},
		{AudioBitrateKbps: 100000},
		{PacketMs: 10},
		{PacketMs: -20},
		{PacketMs: 120},
		{PacketMs: 40, AudioBitrateKbps: 158},
		{PacketMs: 60, AudioBitrateKbps: 128},
		{PacketMs: 60, AudioBitrateKbps: 97, Voice: true},
		{AudioChannels: 3},
		{AudioChannels: -1},
		{Tracks: 4},
		{VideoBitrateKbps: 1 << 30},
	} {
		require.ErrorIs(t, openError(t, media.FromFile(song(t), o)), models.ErrInvalidParams, "%+v", o)
		require.ErrorIs(t, openError(t, media.FromURL("http://127.0.0.1:1/", o)), models.ErrInvalidParams, "%+v", o)
	}
}

func TestAnyNameIsAName(t *testing.T) {
	data, err := os.ReadFile(song(t))
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	require.NoError(t, os.MkdirAll("http:/x", 0o700))
	require.NoError(t, os.MkdirAll("file:", 0o700))
	for _, name := range []string{
		"concat:a|b", "-i", "-y", "http://x/y", "file:song", "file:/song", "new\nline.mp3", `"quoted".mp3`, "it's",
		"100%.mp3", "%d.mp3", "a%03d.mp3", "🎵.mp3", "a b", `back\slash`, "pipe:0", "pipe:", "-", "data:,x", "subfile,,start,0,end,9,,:song",
		"[glob]*?.mp3", "$(id)", "a.m3u8", "cache:song", "NUL", "crypto:x", ".mp3", "a,b;c", "lavfi", "x.ffconcat",
	} {
		require.NoError(t, os.WriteFile(name, data, 0o600))
		stream, err := media.FromFile(name, media.EncodeOptions{}).Open(t.Context(), env())
		require.NoError(t, err, "%q", name)
		require.NoError(t, stream.Close())
	}
	require.ErrorIs(t, openError(t, media.FromFile("", media.EncodeOptions{})), models.ErrInvalidParams)
	require.ErrorIs(t, openError(t, media.FromFile("a\x00b", media.EncodeOptions{})), models.ErrInvalidParams)
	// These name nothing here, whatever they would be to ffmpeg.
	for _, name := range []string{"concat:🎵.mp3|a b", "subfile,,start,0,end,0,,:a b", "file:a b", "async:a b", "%02d.mp3", "http://127.0.0.1/"} {
		require.ErrorIs(t, openError(t, media.FromFile(name, media.EncodeOptions{})), fs.ErrNotExist, "%q", name)
	}
}

func TestFileThatNamesOtherFilesIsRefused(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(fixture(t, "plain.ts", tone("1")...))
	require.NoError(t, err)
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret.ts")
	require.NoError(t, os.WriteFile(secret, data, 0o600))
	png, err := os.ReadFile(fixture(t, "cover.png", picture("64x64", "1", "1", "-frames:v", "1")...))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "pic1.png"), png, 0o600))
	for name, content := range map[string]string{
		"abs.m3u8":     lines("#EXTM3U", "#EXT-X-TARGETDURATION:1", "#EXTINF:1,", secret, "#EXT-X-ENDLIST"),
		"rel.m3u8":     lines("#EXTM3U", "#EXT-X-TARGETDURATION:1", "#EXTINF:1,", "secret.ts", "#EXT-X-ENDLIST"),
		"as.mp3":       lines("#EXTM3U", "#EXT-X-TARGETDURATION:1", "#EXTINF:1,", "file:"+secret, "#EXT-X-ENDLIST"),
		"x.ffconcat":   lines("ffconcat version 1.0", "file secret.ts"),
		"concat.mp4":   lines("ffconcat version 1.0", "file secret.ts"),
		"x.sdp":        lines("v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=x", "c=IN IP4 127.0.0.1", "t=0 0", "m=audio 5004 RTP/AVP 0"),
		"x.mpd":        lines(`<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S"><Period><AdaptationSet contentType="audio"><Representation id="0" mimeType="audio/mp4"><BaseURL>secret.ts</BaseURL></Representation></AdaptationSet></Period></MPD>`),
		"pic%d.png":    string(png),
		"remote.m3u8":  lines("#EXTM3U", "#EXT-X-TARGETDURATION:1", "#EXTINF:1,", "http://127.0.0.1:1/x.ts", "#EXT-X-ENDLIST"),
		"redirect.txt": "RTSPtext rtsp://127.0.0.1:1/x",
	} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := openError(t, media.FromFile(path, media.EncodeOptions{Tracks: media.TrackVideo}))
			require.ErrorIs(t, err, models.ErrFile)
			require.NotContains(t, err.Error(), "127.0.0.1")
		})
	}
}
