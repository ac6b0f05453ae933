package source_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/webtest"
	"github.com/gotgcall/gotgcall/media"
)

// infoOf returns what a stream says of its source.
func infoOf(t testing.TB, s media.Stream) media.SourceInfo {
	t.Helper()
	described, ok := s.(interface{ SourceInfo() media.SourceInfo })
	require.True(t, ok, "%T", s)
	return described.SourceInfo()
}

// tagged adds tags to the arguments that make a file.
func tagged(args []string, tags ...string) []string {
	for _, tag := range tags {
		args = append(args, "-metadata", tag)
	}
	return args
}

// TestSourceInfoIsKnownWhenOpenReturns: for each container, with sound alone and with
// pictures, from the start and from the middle.
func TestSourceInfoIsKnownWhenOpenReturns(t *testing.T) {
	t.Parallel()
	tags := []string{"title=Песня 🎵", "artist=The Tagged", "album=Tags", "lyrics=" + strings.Repeat("la ", 1000)}
	for name, args := range map[string][]string{
		"info.mp3":  tone("20"),
		"info.ogg":  tone("20", "-c:a", "libvorbis"),
		"info.opus": tone("20", "-c:a", "libopus"),
		"info.flac": tone("20"),
		"info.m4a":  tone("20"),
		"info.mka":  tone("20", "-c:a", "libopus"),
		"info.mp4":  movie("160x90", "10", "20"),
		"info.webm": movie("160x90", "10", "20", "-c:v", "libvpx", "-c:a", "libopus"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := fixture(t, name, tagged(args, tags...)...)
			for _, tracks := range []media.Track{media.TrackAudio, media.TrackVideo} {
				src := media.FromFile(path, media.EncodeOptions{Tracks: tracks})
				for _, position := range []time.Duration{0, 15 * time.Second} {
					stream, err := src.(media.SeekableSource).OpenAt(t.Context(), env(), position)
					require.NoError(t, err)
					info := infoOf(t, stream)
					require.NoError(t, stream.Close())
					require.InDelta(t, 20, info.Duration.Seconds(), 0.1)
					info.Duration = 0
					require.Equal(t, media.SourceInfo{Title: "Песня 🎵", Artist: "The Tagged", Album: "Tags"}, info)
					require.Equal(t, info.Title, infoOf(t, stream).Title, "after Close")
				}
			}
		})
	}
}

// TestNameOfATrackIsNotTheTitle: a film's sound is called "Surround", the film is not.
func TestNameOfATrackIsNotTheTitle(t *testing.T) {
	t.Parallel()
	path := fixture(t, "named-track.mkv", movie("160x90", "10", "1", "-c:v", "libvpx", "-metadata:s:a:0", "title=Surround")...)
	require.Empty(t, infoOf(t, open(t, media.FromFile(path, media.EncodeOptions{}))).Title)
}

func TestSourceInfoOfRawFrames(t *testing.T) {
	t.Parallel()
	path := fixture(t, "raw-info.mp4", tagged(movie("160x90", "10", "3"), "title=Raw")...)
	e := env()
	e.Format = media.Format{Width: 64, Height: 36, FPS: 10}
	for _, tracks := range []media.Track{media.TrackAudio, media.TrackVideo} {
		stream, err := media.FromFile(path, media.EncodeOptions{Tracks: tracks}).Open(t.Context(), e)
		require.NoError(t, err)
		info := infoOf(t, stream)
		require.NoError(t, stream.Close())
		require.InDelta(t, 3, info.Duration.Seconds(), 0.1)
		require.Equal(t, "Raw", info.Title)
	}
}

// TestHostileTags: no tag is taken for ffmpeg's words or breaks a line.
func TestHostileTags(t *testing.T) {
	t.Parallel()
	const claim = "[info]   Duration: 00:11:11.11, start: 0.000000, bitrate: 64 kb/s"
	for name, test := range map[string]struct {
		tags    []string
		title   string
		unknown bool
	}{
		"emoji": {tags: []string{"title=" + strings.Repeat("😀", 4096)}, title: strings.Repeat("😀", 256)},
		"length": {
			tags:  []string{"title=  Duration: 00:11:11.11, start: 0.0", "artist=\n" + claim + "\n" + claim},
			title: "Duration: 00:11:11.11, start: 0.0",
		},
		"lines":    {tags: []string{"title=\r\na\x00\n\n\tb\x1b[31m\u202Ec\u2066"}, title: "a b [31mc"},
		"no UTF-8": {tags: []string{"title=a\xffb\xc3"}, title: "ab"},
		// The name of a tag is shown as it is. Then there are two lengths.
		"name":       {tags: []string{"title=x", "x\n" + claim + "\ny=z"}, title: "x", unknown: true},
		"seek":       {tags: []string{"title=x", "x\n[warning] a: could not seek to position 1.000\ny=z"}, title: "x"},
		"long names": {tags: []string{strings.Repeat("title", 1000) + "=z", "title=x"}, title: "x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := tone("2")
			for i := range test.tags {
				test.tags[i] = strings.ReplaceAll(test.tags[i], "\x00", "") // no argument has one
			}
			path := fixture(t, "hostile "+name+".flac", tagged(args, test.tags...)...)
			info := infoOf(t, open(t, media.FromFile(path, media.EncodeOptions{})))
			require.Equal(t, test.title, info.Title)
			if test.unknown {
				require.Zero(t, info.Duration)
				return
			}
			require.InDelta(t, 2, info.Duration.Seconds(), 0.05)
		})
	}
}

func TestSourceInfoOfCommands(t *testing.T) {
	t.Parallel()
	path := fixture(t, "command-info.mp3", tagged(tone("20"), "title=Tone", "artist=A")...)
	film := fixture(t, "command-info.mkv", movie("160x90", "10", "20", "-c:v", "libvpx", "-c:a", "libopus")...)
	plain := fixture(t, "command-info.opus", tagged(tone("20", "-c:a", "libopus"), "title=Tone", "artist=A")...)
	for name, test := range map[string]struct {
		line  string
		want  media.Track
		ends  float64 // 0: it is not known
		title string
	}{
		"plain":         {"ffmpeg -i " + path, media.TrackAudio, 20, "Tone"},
		"from":          {"ffmpeg -ss 5 -i " + path, media.TrackAudio, 20, "Tone"},
		"excerpt":       {"ffmpeg -ss 5 -i " + path + " -t 3", media.TrackAudio, 8, "Tone"},
		"past the end":  {"ffmpeg -ss 5 -i " + path + " -t 300", media.TrackAudio, 20, "Tone"},
		"input's end":   {"ffmpeg -t 7 -i " + path, media.TrackAudio, 7, "Tone"},
		"copied":        {"ffmpeg -i " + plain + " -c copy", media.TrackAudio, 20, "Tone"},
		"time is moved": {"ffmpeg -i " + path + " -af atempo=2", media.TrackAudio, 0, "Tone"},
		"own log":       {"ffmpeg -v warning -i " + path, media.TrackAudio, 0, "Tone"},
		"device":        {"ffmpeg -f lavfi -i sine", media.TrackAudio, 0, ""},
		"both":          {"ffmpeg -i " + film, media.TrackAudio | media.TrackVideo, 20, ""},
		"cat of Ogg":    {"cat " + plain, media.TrackAudio, 0, "Tone"},
		"cat of film":   {"cat " + film, media.TrackAudio | media.TrackVideo, 20, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			info := infoOf(t, open(t, media.FromShell(test.line, test.want)))
			require.InDelta(t, test.ends, info.Duration.Seconds(), 0.1)
			require.Equal(t, test.title, info.Title)
			require.False(t, info.Live)
		})
	}
	both := media.FromShells("ffmpeg -i "+path, "ffmpeg -i "+film+" -t 5")
	require.InDelta(t, 20, infoOf(t, open(t, both)).Duration.Seconds(), 0.1)
	both = media.FromShells("ffmpeg -i "+path, "ffmpeg -v error -i "+film)
	require.Zero(t, infoOf(t, open(t, both)).Duration)
}

// TestSeekOfACommandKeepsItsEnd: the duration counts as positions do.
func TestSeekOfACommandKeepsItsEnd(t *testing.T) {
	t.Parallel()
	path := fixture(t, "command-info.mp3", tagged(tone("20"), "title=Tone", "artist=A")...)
	src := media.FromShell("ffmpeg -v warning -ss 5 -i "+path+" -t 10", media.TrackAudio).(media.SeekableSource)
	stream, err := src.OpenAt(t.Context(), env(), 12*time.Second)
	require.NoError(t, err)
	defer stream.Close()
	require.InDelta(t, 15, infoOf(t, stream).Duration.Seconds(), 0.05)
}

func TestSourceInfoOfURLs(t *testing.T) {
	t.Parallel()
	path := fixture(t, "url-info.mp3", tagged(tone("20"), "title=Tone")...)
	song, err := os.ReadFile(path)
	require.NoError(t, err)
	film := programme(t)
	answers := func(answer func(q *http.Request) webtest.Answer) func(*testing.T) string {
		return func(t *testing.T) string {
			return webtest.Start(t, func(_ int, q *http.Request) webtest.Answer { return answer(q) }).URL
		}
	}
	whole := programmeLength.Seconds()
	for name, test := range map[string]struct {
		url   func(t *testing.T) string
		ends  float64 // 0: it is not known
		title string
		live  bool
	}{
		"ranges":    {url: answers(func(q *http.Request) webtest.Answer { return webtest.Part(q, song) }), ends: 20, title: "Tone"},
		"no ranges": {url: answers(func(*http.Request) webtest.Answer { return webtest.Answer{Body: song} }), ends: 20, title: "Tone"},
		"no length": {url: answers(func(*http.Request) webtest.Answer {
			return webtest.Answer{Body: song[len(song)/2:], Framing: webtest.Chunked}
		})},
		"radio": {url: answers(func(*http.Request) webtest.Answer {
			return radio("ICY 200 OK", song[len(song)/2:])
		}), title: "test", live: true},
		"hls":                 {url: func(t *testing.T) string { return folder(t, segmented(t, "hls-ts", hlsOf(film))) + "/list.m3u8" }, ends: whole},
		"hls, discontinuous":  {url: func(t *testing.T) string { return broken(t, "ts") }, ends: whole},
		"dash":                {url: func(t *testing.T) string { return folder(t, segmented(t, "dash", dashOf(film))) + "/list.mpd" }, ends: whole},
		"dash, three periods": {url: func(t *testing.T) string { return inPeriods(t) }, ends: whole},
		"live hls":            {url: func(t *testing.T) string { return liveList(t, &liveServer{}).(media.URL).Address }, live: true},
		"srt": {url: func(t *testing.T) string {
			address := freeUDP(t)
			t.Cleanup(startFFmpeg(t, "-re", "-stream_loop", "-1", "-i", fixture(t, "plain.ts", tone("1")...), "-c", "copy", "-f", "mpegts",
				"srt://"+address+"?mode=listener"))
			return "srt://" + address
		}, live: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := media.FromURL(test.url(t), media.EncodeOptions{})
			info := infoOf(t, open(t, src))
			require.InDelta(t, test.ends, info.Duration.Seconds(), 0.1)
			require.Equal(t, test.title, info.Title)
			require.Equal(t, test.live, info.Live)
		})
	}
}

// TestLengthOfABitRateIsAnEstimate: MP3 without a header says nothing of its length.
func TestLengthOfABitRateIsAnEstimate(t *testing.T) {
	t.Parallel()
	path := fixture(t, "bare.mp3", tone("20", "-b:a", "64k", "-write_xing", "0", "-id3v2_version", "0")...)
	info := infoOf(t, open(t, media.FromFile(path, media.EncodeOptions{})))
	require.True(t, info.Estimated)
	require.InDelta(t, 20, info.Duration.Seconds(), 1)
}
