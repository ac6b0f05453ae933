package ffmpeg

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

func TestTimesAreReadAsFFmpegReadsThem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"0": 0, "30": 30 * time.Second, "1.5": 1500 * time.Millisecond, "1.": time.Second, "90.000001": 90*time.Second + time.Microsecond,
		"200ms": 200 * time.Millisecond, "1.5ms": 1500 * time.Microsecond, "200000us": 200 * time.Millisecond, "5s": 5 * time.Second,
		"1:30": 90 * time.Second, "01:02:03.250": time.Hour + 2*time.Minute + 3250*time.Millisecond, "100:00:00": 100 * time.Hour,
		"0:5": 5 * time.Second, "3600": time.Hour,
	} {
		got, ok := parseTime(text)
		require.True(t, ok, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{
		"", "-1", "+1", ".5", "1e3", "90:00", "1:75", "1:2:3:4", "1:30ms", "5m", "5 s", "N/A", "now", "1,5", "99999999999999999999", "999999999999",
	} {
		_, ok := parseTime(text)
		require.False(t, ok, text)
	}
}

func TestCommandsAreRewrittenForAPosition(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		line  string
		start time.Duration
		want  string // at 35 s
	}{
		{"-i x", 0, "-ss 34.5 -i x -ss 0.5"},
		{"-i x -", 0, "-ss 34.5 -i x -ss 0.5 -"},
		{"-ss 30 -i x", 30 * time.Second, "-ss 34.5 -i x -ss 0.5"},
		{"-ss 1 -re -ss 0:30 -i x", 30 * time.Second, "-re -ss 34.5 -i x -ss 0.5"},
		{"-ss 00:00:30.000 -i x -b:a 96k pipe:1 -y", 30 * time.Second, "-ss 34.5 -i x -b:a 96k -ss 0.5 pipe:1 -y"},
		{"-i x -ss 30000ms -b:a 96k", 30 * time.Second, "-ss 34.5 -i x -b:a 96k -ss 0.5"},
		{"-ss 10 -i x -ss 20", 30 * time.Second, "-ss 34.5 -i x -ss 0.5"},
		{"-ss 30 -i x -t 10", 30 * time.Second, "-ss 34.5 -i x -ss 0.5 -t 5"},
		{"-ss 30 -i x -to 10", 30 * time.Second, "-ss 34.5 -i x -ss 0.5 -t 5"},
		{"-ss 30 -t 10 -i x", 30 * time.Second, "-ss 34.5 -t 5.5 -i x -ss 0.5"},
		{"-ss 30 -to 40 -i x", 30 * time.Second, "-ss 34.5 -t 5.5 -i x -ss 0.5"},
		{"-ss 30 -to 33 -t 10 -i x", 30 * time.Second, "-ss 34.5 -t 5.5 -i x -ss 0.5"},
		{"-i x -ss 30 -to 40 -", 30 * time.Second, "-ss 34.5 -i x -ss 0.5 -t 5 -"},
		{"-i x -c copy", 0, "-ss 35 -i x -c copy"},
		{"-i x -i y -map 0:V -map 1:a", 0, "-ss 34.5 -i x -ss 34.5 -i y -map 0:V -map 1:a -ss 0.5"},
		{"-ss 30 -i x -ss 30.0 -i y", 30 * time.Second, "-ss 34.5 -i x -ss 34.5 -i y -ss 0.5"},
		{"-v debug -f s16le -ar 44100 -i x", 0, "-f s16le -ar 44100 -ss 34.5 -i x -ss 0.5"},
		{"-i x -af volume=0.5", 0, "-ss 34.5 -i x -af volume=0.5 -ss 0.5"},
		{"-i x -af bass=g=3,highpass", 0, "-ss 34.5 -i x -af bass=g=3,highpass -ss 0.5"},
		{"-i x -vf drawtext=text='radio,subtitles'", 0, "-ss 34.5 -i x -vf drawtext=text='radio,subtitles' -ss 0.5"},
	} {
		t.Run(test.line, func(t *testing.T) {
			t.Parallel()
			args := strings.Fields(test.line)
			start, err := commandStart(args)
			require.NoError(t, err)
			require.Equal(t, test.start, start)
			got, _, err := seekArgs(args, 35*time.Second, sound{})
			require.NoError(t, err)
			require.Equal(t, strings.Fields(test.want), got)
		})
	}
	got, urls, err := seekArgs(strings.Fields("-ss 30 -i x -t 10"), 0, sound{})
	require.NoError(t, err)
	require.Equal(t, strings.Fields("-i x -t 40"), got)
	require.Equal(t, []string{"x"}, urls)
	_, _, err = seekArgs(strings.Fields("-ss 30 -i x -t 10"), 40*time.Second, sound{})
	require.ErrorIs(t, err, io.EOF)
}

func TestCommandIsWatchedUnlessItSaysHow(t *testing.T) {
	t.Parallel()
	source := shell{line: "ffmpeg -ss 3 -i x", want: media.TrackAudio}
	for _, position := range []time.Duration{0, time.Second} {
		cmd, _, err := source.jobAt(position)
		require.NoError(t, err)
		require.Equal(t, watched, strings.Join(cmd.args[:len(strings.Fields(watched))], " "))
		require.Equal(t, seekCheck{position: position, inputs: 1}, cmd.seek)
	}
	cmd, err := shell{line: "ffmpeg -v verbose -i x", want: media.TrackAudio}.job()
	require.NoError(t, err)
	require.Zero(t, cmd.seek)
}

func TestCommandsWithoutAPositionAreNotRewritten(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"", "-f lavfi -i sine", "-f x11grab -i :0", "-f pulse -i default", "-f v4l2 -i /dev/video0", "-i x -f lavfi -i sine",
		"-ss 1 -i x -ss 2 -i y", "-ss 1 -i x -i y", "-sseof -10 -i x", "-stream_loop -1 -i x", "-itsoffset 1 -i x", "-i x -itsoffset 1 -i y",
		"-loop 1 -i x", "-itsscale 2 -i x", "-seek_timestamp 1 -ss 5 -i x", "-copyts -ss 5 -i x", "-ss -5 -i x", "-ss now -i x",
		"-i x -t soon", "-i x -frames:v 10", "-i x -vframes 10", "-i x -fs 1000", "-i x -af atempo=2", "-i x -vf trim=1:2", "-i x -filter:a asetpts=0",
		"-i x -vf subtitles=x.srt", "-i x -vf scale=64:-2,ass=x.ass", "-i x -vf [in]subtitles@a=x.srt[out]", "-i x -vf null[a];[a]ass=x",
		"-i x -vf drawtext=text=%{pts}", "-i x -vf drawtext=timecode=1", `-i x -vf drawtext=text='%\{n}'`, "-i x -af asendcmd=f=x",
		"-i x -filter_complex [0:a]adelay=500", "-filter_complex amovie=y -i x", "-i x -filter_script:a f", "-i x -output_ts_offset 5",
	} {
		_, _, err := seekArgs(strings.Fields(line), 35*time.Second, sound{})
		require.ErrorIs(t, err, models.ErrSeekUnsupported, line)
	}
}
