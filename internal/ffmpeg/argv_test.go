package ffmpeg

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

const (
	watched  = "-nostdin -hide_banner -nostats -loglevel level+info"
	music    = "-application audio -vbr on -frame_duration 20 -fec 0 -packet_loss 5"
	opusArgs = "-c:a libopus " + music
	voice    = "-c:a libopus -application voip -vbr on -frame_duration 20 -fec 1 -packet_loss 10"
	realtime = "-deadline realtime -cpu-used 8 -lag-in-frames 0 -auto-alt-ref 0 -error-resilient 1 -threads 1"
	gop      = "-g 60 -force_key_frames expr:gte(t,n_forced*2)"
	vp8      = " -c:v libvpx -pix_fmt yuv420p -b:v 800k -maxrate 800k -bufsize 800k " + realtime + " " + gop
	apart    = " -map 1:s -c:s copy -max_interleave_delta 1 -output_ts_offset 1 -avoid_negative_ts disabled -f matroska " + live
	bounded  = "-max_pixels 35389440 "
	live     = "-live 1 -cluster_time_limit 10 -flush_packets 1"
)

func TestEncoderArguments(t *testing.T) {
	t.Parallel()
	const file = bounded + "-protocol_whitelist file -format_whitelist " + formats
	for _, test := range []struct {
		name     string
		position time.Duration
		input    []string
		opts     media.EncodeOptions
		want     string
		together bool
	}{
		{
			"file", 0, fileInput("-i", 0),
			media.EncodeOptions{},
			watched + " " + file + " -i file:-i -map 0:a:0? " + opusArgs + " -b:a 128k -ar 48000 -ac 2 -f matroska " + live + " pipe:1",
			false,
		},
		{
			"file at a position, mono", 90*time.Second + 500*time.Millisecond, fileInput("x", 90*time.Second+500*time.Millisecond),
			media.EncodeOptions{AudioBitrateKbps: 24, AudioChannels: 1},
			watched + " " + file + " -ss 90 -i file:x -ss 0.5 -map 0:a:0? " + opusArgs + " -b:a 24k -ar 48000 -ac 1 -f matroska " + live + " pipe:1",
			false,
		},
		{
			"voice", 0, fileInput("x", 0),
			media.EncodeOptions{Voice: true},
			watched + " " + file + " -i file:x -map 0:a:0? " + voice + " -b:a 48k -ar 48000 -ac 1 -f matroska " + live + " pipe:1",
			false,
		},
		{
			"voice in stereo", 0, fileInput("x", 0),
			media.EncodeOptions{Voice: true, AudioChannels: 2},
			watched + " " + file + " -i file:x -map 0:a:0? " + voice + " -b:a 64k -ar 48000 -ac 2 -f matroska " + live + " pipe:1",
			false,
		},
		{
			"video", 2 * time.Second, fileInput("x", 2*time.Second),
			media.EncodeOptions{Tracks: media.TrackVideo, VideoWidth: 640, VideoHeight: 360},
			watched + " " + file + " -ss 1.5 -i file:x -f srt -i data:,x -ss 0.5 -map 0:a:0? " + opusArgs + " -b:a 128k -ar 48000 -ac 2" + apart +
				" pipe:1 -ss 0.5 -map 0:V:0? -filter:v " + limitRate(30) + "," + fitInside(640, 360) + " -enc_time_base:v 1:1000" + vp8 + apart + " pipe:3",
			false,
		},
		{
			"video in the same output", 0, fileInput("x", 0),
			media.EncodeOptions{Tracks: media.TrackVideo, VideoWidth: 640, VideoHeight: 360},
			watched + " " + file + " -i file:x -map 0:V:0? -map 0:a:0? -filter:v " + limitRate(30) + "," + fitInside(640, 360) + " -enc_time_base:v 1:1000" +
				vp8 + " " + opusArgs + " -b:a 128k -ar 48000 -ac 2 -f matroska " + live + " pipe:1",
			true,
		},
		{
			"fetched", time.Second, fetchedInput("http://127.0.0.1:1/x", time.Second),
			media.EncodeOptions{},
			watched + " " + bounded + "-protocol_whitelist http,tcp -format_whitelist " + formats +
				" -http_proxy none -ss 0.5 -i http://127.0.0.1:1/x -ss 0.5 -map 0:a:0? " +
				opusArgs + " -b:a 128k -ar 48000 -ac 2 -f matroska " + live + " pipe:1",
			false,
		},
		{
			"list", 0, listInput("http://127.0.0.1:1/x", 0),
			media.EncodeOptions{},
			watched + " " + bounded + "-protocol_whitelist http,tcp,crypto -format_whitelist " + listFormats +
				" -http_proxy none -i http://127.0.0.1:1/x -map 0:a:0? " +
				opusArgs + " -b:a 128k -ar 48000 -ac 2 -f matroska " + live + " pipe:1",
			false,
		},
		{
			"rtmp", 0, connectedInput("rtmp", "rtmp://host/app/key", media.TrackAudio),
			media.EncodeOptions{},
			watched + " " + bounded + "-protocol_whitelist rtmp,tcp -format_whitelist " + formats +
				" -rw_timeout 30000000 -analyzeduration 1000000 -i rtmp://host/app/key -map 0:a:0? " + opusArgs + " -b:a 128k -ar 48000 -ac 2 -f matroska " + live + " pipe:1",
			false,
		},
		{
			"rtsp", 0, connectedInput("rtsp", "rtsp://host/x", media.TrackAudio),
			media.EncodeOptions{},
			watched + " " + bounded + "-protocol_whitelist rtsp,rtp,tcp -format_whitelist " + formats + ",rtsp,sdp,rtp" +
				" -rtsp_transport tcp -i rtsp://host/x -map 0:a:0? " + opusArgs + " -b:a 128k -ar 48000 -ac 2 -f matroska " + live + " pipe:1",
			false,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			// Every blank in want is one between arguments; the input's own
			// name has none.
			opts, err := test.opts.Resolve()
			require.NoError(t, err)
			outs := Encoding{Options: opts}.outputs()
			if test.together {
				outs = outputs(videoArgs(opts, sound{}), audioArgs(opts, sound{}), false)
			}
			got := assemble(watchedArgs(), test.input, preroll(test.position), outs)
			require.Equal(t, strings.Split(test.want, " "), got)
		})
	}
}

func TestProtocolListsHaveNoLocalFiles(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"http", "https", "rtmp", "rtmps", "rtsp", "rtsps", "srt"} {
		p := protocols(scheme)
		for _, name := range strings.Split(p.allowed, ",") {
			require.NotContains(t, []string{"file", "pipe", "fd", "concat", "subfile", "unix", "cache", "async", "data", ""}, name)
		}
		for _, name := range strings.Split(listFormats+p.formats, ",") {
			require.NotContains(t, []string{"concat", "image2", "lavfi", "imf", "tty", ""}, name)
		}
	}
}

func TestShellArgumentsAreCompleted(t *testing.T) {
	t.Parallel()
	const (
		q     = watched + " "
		audio = "-sn -dn -vn -map 0:a:0? -c:a libopus " + music + " -b:a 128k -ar 48000 -ac 2"
		vp8   = "-c:v libvpx -b:v 800k -pix_fmt yuv420p " + realtime
		ogg   = " -f ogg -page_duration 20000"
	)
	for _, test := range []struct {
		name, line string
		want       media.Track
		args       string
	}{
		{"bare", "-i x", media.TrackAudio, q + "-i x " + audio + ogg + " pipe:1"},
		{"dash", "-i x -", media.TrackAudio, q + "-i x " + audio + ogg + " -"},
		{"pipe with globals behind", "-i x pipe: -y -nostats", media.TrackAudio, q + "-i x " + audio + ogg + " pipe: -y -nostats"},
		{"own log level", "-loglevel debug -i x", media.TrackAudio, "-nostdin -hide_banner -loglevel debug -i x " + audio + ogg + " pipe:1"},
		{"own codec and rate", "-i x -c:a libopus -b:a 96k", media.TrackAudio, q + "-i x -c:a libopus -b:a 96k -sn -dn -vn -map 0:a:0? " + music + " -ar 48000 -ac 2" + ogg + " pipe:1"},
		{"old names", "-i x -acodec libopus -ab 96k -ac 1", media.TrackAudio, q + "-i x -acodec libopus -ab 96k -ac 1 -sn -dn -vn -map 0:a:0? " + music + " -ar 48000" + ogg + " pipe:1"},
		{"concat input", "-f concat -safe 0 -i l.txt", media.TrackAudio, q + "-f concat -safe 0 -i l.txt " + audio + ogg + " pipe:1"},
		{"raw input", "-f s16le -ar 44100 -ac 1 -i x", media.TrackAudio, q + "-f s16le -ar 44100 -ac 1 -i x " + audio + ogg + " pipe:1"},
		{"input codec", "-c:a pcm_s16le -i x", media.TrackAudio, q + "-c:a pcm_s16le -i x " + audio + ogg + " pipe:1"},
		{"seek on the input", "-ss 10 -re -i x", media.TrackAudio, q + "-ss 10 -re -i x " + audio + ogg + " pipe:1"},
		{"unknown options take values", "-frobnicate -5 -i x -foo bar", media.TrackAudio, q + "-frobnicate -5 -i x -foo bar " + audio + ogg + " pipe:1"},
		{"voice", "-i x -application voip -fec 1", media.TrackAudio, q + "-i x -application voip -fec 1 -sn -dn -vn -map 0:a:0? -c:a libopus -b:a 128k -ar 48000 -ac 2" + ogg + " pipe:1"},
		{"own frame duration", "-i x -frame_duration 60", media.TrackAudio, q + "-i x -frame_duration 60 -sn -dn -vn -map 0:a:0? -c:a libopus -application audio -vbr on -fec 0 -packet_loss 5 -b:a 128k -ar 48000 -ac 2" + ogg + " pipe:1"},
		{"copy", "-i x -c copy", media.TrackAudio, q + "-i x -c copy -sn -dn -vn -map 0:a:0?" + ogg + " pipe:1"},
		{"copy by number", "-i x -c:0 copy", media.TrackAudio, q + "-i x -c:0 copy -sn -dn -vn -map 0:a:0?" + ogg + " pipe:1"},
		{"number of nothing", "-i x -c:1 copy", media.TrackAudio, q + "-i x -c:1 copy " + audio + ogg + " pipe:1"},
		{"numbers of both", "-i x -b:0 1M -c:1 copy", media.TrackAudio | media.TrackVideo, q + "-i x -b:0 1M -c:1 copy -sn -dn -map 0:V:0? -map 0:a:0? -c:v libvpx -pix_fmt yuv420p " + realtime + " " + gop + " -f matroska " + live + " pipe:1"},
		{"numbers by own maps", "-i x -map 0:a -map -0:s -map 0:v -c:0 libopus -codec:1 copy", media.TrackAudio | media.TrackVideo, q + "-i x -map 0:a -map -0:s -map 0:v -c:0 libopus -codec:1 copy -sn -dn " + music + " -b:a 128k -ar 48000 -ac 2 -f matroska " + live + " pipe:1"},
		{"number in a filter's output", "-i x -filter_complex amix -c:0 copy", media.TrackAudio | media.TrackVideo, q + "-i x -filter_complex amix -c:0 copy -sn -dn -f matroska " + live + " pipe:1"},
		{"capital V", "-i x -c:V vp8_vaapi", media.TrackVideo, q + "-i x -c:V vp8_vaapi -sn -dn -an -map 0:V:0? -b:v 800k " + gop + " -f ivf pipe:1"},
		{"own map", "-i x -map 0:a:1", media.TrackAudio, q + "-i x -map 0:a:1 -sn -dn -vn -c:a libopus " + music + " -b:a 128k -ar 48000 -ac 2" + ogg + " pipe:1"},
		{"two inputs", "-i x -i y", media.TrackAudio, q + "-i x -i y -sn -dn -vn -c:a libopus " + music + " -b:a 128k -ar 48000 -ac 2" + ogg + " pipe:1"},
		{"filter before the inputs", "-filter_complex amix -i x -i y", media.TrackAudio, q + "-filter_complex amix -i x -i y -sn -dn -vn -c:a libopus " + music + " -b:a 128k -ar 48000 -ac 2" + ogg + " pipe:1"},
		{"own page duration", "-i x -f opus -page_duration 5", media.TrackAudio, q + "-i x -f opus -page_duration 5 " + audio + " pipe:1"},
		{"matroska", "-i x -f webm", media.TrackAudio, q + "-i x -f webm " + audio + " " + live + " pipe:1"},
		{"vn given", "-i x -vn", media.TrackAudio, q + "-i x -vn -sn -dn -map 0:a:0? -c:a libopus " + music + " -b:a 128k -ar 48000 -ac 2" + ogg + " pipe:1"},
		{"screen", "-f x11grab -framerate 25 -video_size 64x48 -i :0", media.TrackVideo, q + "-f x11grab -framerate 25 -video_size 64x48 -i :0 -sn -dn -an -map 0:V:0? " + vp8 + " " + gop + " -f ivf pipe:1"},
		{"camera", "-f v4l2 -i /dev/video0 -r 25 -g 50", media.TrackVideo, q + "-f v4l2 -i /dev/video0 -r 25 -g 50 -sn -dn -an -map 0:V:0? " + vp8 + " -force_key_frames expr:gte(t,n_forced*2) -f ivf pipe:1"},
		{"hardware", "-i x -c:v vp8_vaapi", media.TrackVideo, q + "-i x -c:v vp8_vaapi -sn -dn -an -map 0:V:0? -b:v 800k " + gop + " -f ivf pipe:1"},
		{"both", "-i x", media.TrackAudio | media.TrackVideo, q + "-i x -sn -dn -map 0:V:0? -map 0:a:0? " + vp8 + " " + gop + " " + opusArgs + " -b:a 128k -ar 48000 -ac 2 -f matroska " + live + " pipe:1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := completeArgs(watchedArgs(), strings.Fields(test.line), test.want)
			require.NoError(t, err)
			require.Equal(t, strings.Fields(test.args), got)
		})
	}
}

func TestShellCommandsForBothTracksHaveTwoOutputs(t *testing.T) {
	t.Parallel()
	const opus = opusArgs + " -b:a 128k -ar 48000 -ac 2"
	const libvpx = "-c:v libvpx -b:v 800k -pix_fmt yuv420p " + realtime + " " + gop
	for line, want := range map[string]string{
		"-i x": watched + " -i x -f srt -i data:,x -map 0:a:0? " + opus + apart + " pipe:1 -map 0:V:0? " + libvpx + apart + " pipe:3",
		"-re -i x -t 5 -b:a 96k -vf hflip": watched + " -re -i x -f srt -i data:,x -t 5 -b:a 96k -vf hflip -map 0:a:0? " + opusArgs + " -ar 48000 -ac 2" + apart +
			" pipe:1 -t 5 -b:a 96k -vf hflip -map 0:V:0? " + libvpx + apart + " pipe:3",
		"-v debug -i x -c copy": "-nostdin -hide_banner -v debug -i x -f srt -i data:,x -c copy -map 0:a:0?" + apart +
			" pipe:1 -c copy -map 0:V:0?" + apart + " pipe:3",
	} {
		cmd, err := shell{line: "ffmpeg " + line, want: media.TrackAudio | media.TrackVideo}.job()
		require.NoError(t, err)
		require.True(t, cmd.apart)
		require.Equal(t, strings.Fields(want), cmd.args)
	}
	for _, line := range []string{
		"-i x -", "-i x -f webm", "-i x -map 0", "-i x -i y", "-i x -vn", "-i x -shortest", "-i x -filter_complex hflip", "-i x -fs 9",
	} {
		cmd, err := shell{line: "ffmpeg " + line, want: media.TrackAudio | media.TrackVideo}.job()
		require.NoError(t, err)
		require.False(t, cmd.apart, line)
	}
	for _, want := range []media.Track{media.TrackAudio, media.TrackVideo} {
		cmd, err := shell{line: "ffmpeg -i x", want: want}.job()
		require.NoError(t, err)
		require.False(t, cmd.apart)
	}
}

func TestShellArgumentsThatCannotPlayAreRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		line  string
		want  media.Track
		words string
	}{
		{"-i x out.ogg", media.TrackAudio, "out.ogg"},
		{"-i x pipe:2", media.TrackAudio, "pipe:2"},
		{"-i x tcp://h:1", media.TrackAudio, "tcp://h:1"},
		{"-i x - -", media.TrackAudio, "2 outputs"},
		{"-i x a.ogg -map 0 b.ogg", media.TrackAudio, "2 outputs"},
		{"-i x -f s16le -ac 2 -", media.TrackAudio, "-f ogg"},
		{"-i x -f wav -", media.TrackAudio, "-f ogg"},
		{"-i x -f rawvideo -pix_fmt yuv420p -", media.TrackVideo, "-f ivf"},
		{"-i x -f ogg", media.TrackVideo, "-f ivf"},
		{"-i x -f ivf", media.TrackAudio, "-f ogg"},
		{"-i x -f mp3", media.TrackAudio, "-f ogg"},
		{"-i x -f ogg", media.TrackAudio | media.TrackVideo, "-f matroska"},
		{"-i x -c:a pcm_s16le", media.TrackAudio, "libopus"},
		{"-i x -acodec aac", media.TrackAudio, "libopus"},
		{"-i x -codec:a:0 libvorbis", media.TrackAudio, "libopus"},
		{"-i x -c:v libx264", media.TrackVideo, "libvpx"},
		{"-i x -c:v libvpx-vp9", media.TrackVideo, "libvpx"},
		{"-i x -b:a", media.TrackAudio, "-b:a"},
		{"-i", media.TrackAudio, "-i"},
		{"-i x -- -", media.TrackAudio, "--"},
	} {
		_, err := completeArgs(watchedArgs(), strings.Fields(test.line), test.want)
		require.ErrorIs(t, err, models.ErrInvalidParams, test.line)
		require.ErrorContains(t, err, test.words, test.line)
	}
}

func TestBooleansAreSpeltAsAllVersionsOfFFmpegRead(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"-autorotate 0 -i x":              "-noautorotate -i x",
		"-autorotate 1 -i x":              "-i x",
		"-autorotate -i x":                "-i x",
		"-noautorotate -i x -autoscale 0": "-noautorotate -i x -noautoscale",
		"-i x -autoscale:v:0 0 -":         "-i x -noautoscale:v:0 -",
		"-autorotate -noautoscale -i x":   "-noautoscale -i x",
		"-metadata -autorotate -i x -y":   "-metadata -autorotate -i x -y",
		"-i x -autoscale":                 "-i x",
		"-i x -foo":                       "-i x -foo",
	} {
		require.Equal(t, strings.Fields(want), settle(strings.Fields(line)), line)
	}
}

func TestShellProgram(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		line, path string
		completed  bool
	}{
		{"ffmpeg -i x", "", true}, // that of the Env,
		{"/opt/ffmpeg -i x", "/opt/ffmpeg", true},
		{`C:\bin\ffmpeg.exe -i x`, `C:\bin\ffmpeg.exe`, true},
		{`"C:\\Program Files\\FFmpeg.EXE" -i x`, `C:\Program Files\FFmpeg.EXE`, true},
		{"yt-player -i x", "yt-player", false},
		{"/opt/my-ffmpeg -i x", "/opt/my-ffmpeg", false},
	} {
		cmd, err := shell{line: test.line, want: media.TrackAudio}.job()
		require.NoError(t, err)
		require.Equal(t, test.path, cmd.path)
		require.Equal(t, test.completed, len(cmd.args) > 2, test.line)
	}
}

var wordTable = []struct {
	line string
	want []string // nil: refused
}{
	{"", []string{}},
	{" \t\n", []string{}},
	{"a b\tc\nd", []string{"a", "b", "c", "d"}},
	{`a "b c" d`, []string{"a", "b c", "d"}},
	{`""`, []string{""}},
	{`a"b c"d`, []string{"ab cd"}},
	{`\"`, []string{`"`}},
	{`\\`, []string{`\`}},
	{`a\b\ c`, []string{`a\b\`, "c"}},
	{`"a\"b\\c\n"`, []string{`a"b\c\n`}},
	{`'a b'`, []string{"'a", "b'"}},
	{"$(id) `id` ; rm *", []string{"$(id)", "`id`", ";", "rm", "*"}},
	{`"🎵 x"`, []string{"🎵 x"}},
	{`"a`, nil},
	{`a\`, []string{`a\`}},
	{`"a\"`, nil},
	{"a\x00b", nil},
}

func TestSplitWords(t *testing.T) {
	t.Parallel()
	for _, test := range wordTable {
		got, err := splitWords(test.line)
		if test.want == nil {
			require.ErrorIs(t, err, models.ErrInvalidParams, test.line)
			continue
		}
		require.NoError(t, err)
		require.ElementsMatch(t, test.want, got, test.line)
	}
}

func FuzzShell(f *testing.F) {
	for _, test := range wordTable {
		f.Add(test.line)
	}
	f.Add("-- -")
	f.Add("ffmpeg -f concat -i x -b:a 96k -y -")
	f.Fuzz(func(t *testing.T, line string) {
		words, err := splitWords(line)
		if err != nil {
			return
		}
		for _, want := range []media.Track{media.TrackAudio, media.TrackVideo, media.TrackAudio | media.TrackVideo} {
			args, err := completeArgs(watchedArgs(), words, want)
			if err != nil {
				continue
			}
			out, err := parseArgs(args)
			require.NoError(t, err)
			require.Len(t, out.urls, 1, "exactly one output")
		}
	})
}
