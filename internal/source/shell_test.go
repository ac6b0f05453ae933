package source_test

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

func TestShellAudioPlays(t *testing.T) {
	t.Parallel()
	mp3 := song(t)
	cover := fixture(t, "cover.png", picture("64x64", "1", "1", "-frames:v", "1")...)
	withArt := fixture(t, "cover.mp3", tone("1.5", "-i", cover, "-map", "0:a", "-map", "1:v", "-c:v", "copy", "-disposition:v:0", "attached_pic", "-id3v2_version", "3")...)
	list := write(t, "list.txt", fmt.Sprintf("file '%s'\nfile '%s'\n", fixture(t, "half.wav", tone("0.75")...), fixture(t, "half.wav", tone("0.75")...)))
	pcm := fixture(t, "song.pcm", tone("1.5", "-f", "s16le", "-ac", "1")...)
	for name, line := range map[string]string{
		"bare":             "ffmpeg -i " + mp3,
		"booleans":         "ffmpeg -autorotate 0 -i " + mp3 + " -autoscale 1",
		"by number":        "ffmpeg -i " + mp3 + " -c:0 libopus -b:0 64k",
		"cover art":        "ffmpeg -i " + withArt,
		"dash":             "ffmpeg -y -i " + mp3 + " -",
		"pipe":             "ffmpeg -hide_banner -i " + mp3 + " -c:a libopus -b:a 96k -f ogg pipe:1",
		"trailing flags":   "ffmpeg -i " + mp3 + " -f opus pipe: -y -nostats",
		"concat":           "ffmpeg -f concat -safe 0 -i " + list,
		"lavfi":            "ffmpeg -f lavfi -i sine=duration=1.5",
		"raw input":        "ffmpeg -f s16le -ar 48000 -ac 1 -i " + pcm,
		"quoted":           `ffmpeg -i "` + mp3 + `" -af "volume=0.5, atempo=1.0"`,
		"60 ms packets":    "ffmpeg -i " + mp3 + " -frame_duration 60",
		"2.5 ms packets":   "ffmpeg -i " + mp3 + " -frame_duration 2.5",
		"one second pages": "ffmpeg -i " + mp3 + " -page_duration 1000000",
		"matroska":         "ffmpeg -i " + mp3 + " -f matroska -",
		"webm":             "ffmpeg -i " + mp3 + " -f webm -",
		"mapped":           "ffmpeg -i " + withArt + " -map 0",
		"filter":           "ffmpeg -i " + mp3 + " -filter_complex [0:a]volume=0.5[a] -map [a]",
		"another program":  "cat " + fixture(t, "song.ogg", tone("1.5", "-c:a", "libopus")...),
		"absolute path":    mustFind(t, "ffmpeg") + " -i " + mp3,
		"chained":          "cat " + fixture(t, "half.ogg", tone("0.75", "-c:a", "libopus")...) + " " + fixture(t, "half.ogg", tone("0.75", "-c:a", "libopus")...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stream := open(t, media.FromShell(line, media.TrackAudio))
			require.Equal(t, media.TrackAudio, stream.Tracks())
			frames, end := readAll(t, stream)
			require.Equal(t, io.EOF, end)
			due := time.Duration(0)
			for _, f := range frames {
				require.InDelta(t, due.Seconds(), f.PTS.Seconds(), 0.0001)
				due += f.Duration
			}
			require.InDelta(t, 1.5, due.Seconds(), 0.09)
		})
	}
}

func mustFind(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	require.NoError(t, err)
	return path
}

func TestShellVideoKeepsItsTimes(t *testing.T) {
	t.Parallel()
	for _, rate := range []string{"10", "25", "30"} {
		for _, ext := range []string{"mp4", "mkv"} {
			t.Run(rate+ext, func(t *testing.T) {
				t.Parallel()
				path := fixture(t, "shell"+rate+"."+ext, movie("64x48", rate, "2", "-preset", "ultrafast")...)
				frames := play(t, media.FromShell("ffmpeg -i "+path, media.TrackVideo))
				fps, err := strconv.Atoi(rate)
				require.NoError(t, err)
				require.Len(t, frames, 2*fps)
				for i, f := range frames {
					require.InDelta(t, float64(i)/float64(fps), f.PTS.Seconds(), 0.002)
					require.InDelta(t, 1/float64(fps), f.Duration.Seconds(), 0.0001)
				}
			})
		}
	}
}

func TestShellTakesBothTracksFromOneCommand(t *testing.T) {
	t.Parallel()
	path := fixture(t, "movie.mp4", movie("64x48", "25", "1.5", "-preset", "ultrafast")...)
	stream := open(t, media.FromShell("ffmpeg -i "+path, both))
	require.Equal(t, both, stream.Tracks())
	frames, end := readAll(t, stream)
	require.Equal(t, io.EOF, end)
	requireContiguous(t, of(media.TrackAudio, frames), 1500*time.Millisecond)
	require.InDelta(t, 38, len(of(media.TrackVideo, frames)), 1)
}

// TestShellsAreMergedByTime: a frame comes after a later one of the other track only
// where that has waited for it as long as it may, as it does on a busy machine.
func TestShellsAreMergedByTime(t *testing.T) {
	t.Parallel()
	path := fixture(t, "movie.mp4", movie("64x48", "25", "1.5", "-preset", "ultrafast")...)
	opening := time.Now()
	stream := open(t, media.FromShells("ffmpeg -i "+path, "ffmpeg -i "+path))
	opened := time.Since(opening) // it waits for a late track, too
	require.Equal(t, both, stream.Tracks())
	const sound, pictures = 0, 1
	var frames []media.Frame
	var ends [2]time.Duration
	waits := [2]time.Duration{opened, opened} // the longest since the track's last frame
	patience := [2]time.Duration{500 * time.Millisecond, 10 * time.Millisecond}
	var late [2]bool // the other was made to wait: what comes until it has caught up may be out of order
	for {
		begin := time.Now()
		f, err := stream.ReadFrame()
		waited := time.Since(begin)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		track, other := sound, pictures
		if f.Track == media.TrackVideo {
			track, other = pictures, sound
		}
		for i := range waits {
			waits[i] = max(waits[i], waited)
			late[i] = late[i] || waits[i] >= patience[i]
		}
		if f.PTS < ends[other] {
			require.True(t, late[track], "%v comes after %v", f.PTS, ends[other])
		} else {
			late[track] = false
		}
		require.GreaterOrEqual(t, f.PTS, ends[track])
		ends[track], waits[track] = f.PTS, 0
		frames = append(frames, f)
	}
	requireContiguous(t, of(media.TrackAudio, frames), 1500*time.Millisecond)
	require.InDelta(t, 38, len(of(media.TrackVideo, frames)), 1)
}

func TestShellsLegThatEndsLeavesTheOtherPlaying(t *testing.T) {
	t.Parallel()
	path := fixture(t, "movie.mp4", movie("64x48", "25", "1.5", "-preset", "ultrafast")...)
	frames := play(t, media.FromShells("ffmpeg -t 0.5 -i "+path, "ffmpeg -i "+path))
	require.InDelta(t, 38, len(of(media.TrackVideo, frames)), 1)
	frames = play(t, media.FromShells("ffmpeg -i "+path, "ffmpeg -t 0.5 -i "+path))
	requireContiguous(t, of(media.TrackAudio, frames), 1500*time.Millisecond)
}

func TestShellsLegThatCrashesEndsTheStream(t *testing.T) {
	t.Parallel()
	path := fixture(t, "movie.mp4", movie("64x48", "25", "1.5", "-preset", "ultrafast")...)
	ivf := fixture(t, "one.ivf", picture("64x48", "25", "0.2", "-c:v", "libvpx")...)
	frames, end := readAll(t, open(t, media.FromShells("ffmpeg -i "+path, script(t, "cat "+ivf+"; exit 4"))))
	require.NotEmpty(t, frames)
	require.ErrorIs(t, end, models.ErrFFmpegCrashed)
}

func TestShellsLegThatStallsDoesNotStarveTheOther(t *testing.T) {
	t.Parallel()
	path := fixture(t, "movie.mp4", movie("64x48", "25", "1.5", "-preset", "ultrafast")...)
	ivf := fixture(t, "one.ivf", picture("64x48", "25", "0.2", "-c:v", "libvpx")...)
	stream := open(t, media.FromShells("ffmpeg -i "+path, script(t, "cat "+ivf+"; sleep 600")))
	begin := time.Now()
	for range 70 {
		_, err := stream.ReadFrame()
		require.NoError(t, err)
	}
	require.Less(t, time.Since(begin), time.Minute, "of ten")
}

func TestEmptyCommandSkipsItsTrack(t *testing.T) {
	t.Parallel()
	path := fixture(t, "movie.mp4", movie("64x48", "25", "1.5", "-preset", "ultrafast")...)
	require.Equal(t, media.TrackAudio, media.FromShells("ffmpeg -i "+path, " ").Tracks())
	require.Equal(t, media.TrackVideo, media.FromShells("", "ffmpeg -i "+path).Tracks())
	requireContiguous(t, play(t, media.FromShells("ffmpeg -i "+path, "")), 1500*time.Millisecond)
	require.ErrorIs(t, openError(t, media.FromShells("", "")), models.ErrInvalidParams)
}

func TestShellErrors(t *testing.T) {
	t.Parallel()
	mp3 := song(t)
	for _, test := range []struct {
		name, line string
		want       media.Track
		err        error
	}{
		{"empty", "", media.TrackAudio, models.ErrInvalidParams},
		{"no tracks", "ffmpeg -i " + mp3, 0, models.ErrInvalidParams},
		{"no video in it", "ffmpeg -i " + mp3, media.TrackVideo, models.ErrFile},
		{"missing input", "ffmpeg -i /nonexistent.mp3", media.TrackAudio, models.ErrFile},
		{"wrong container", "cat " + mp3, media.TrackAudio, models.ErrFile},
		{"video for audio", "cat " + fixture(t, "one.ivf", picture("64x48", "25", "0.2", "-c:v", "libvpx")...), media.TrackAudio, models.ErrFile},
		{"vorbis", "cat " + fixture(t, "vorbis.ogg", tone("0.2", "-c:a", "libvorbis")...), media.TrackAudio, models.ErrFile},
		{"vp9", "cat " + fixture(t, "vp9.ivf", picture("64x48", "25", "0.2", "-c:v", "libvpx-vp9")...), media.TrackVideo, models.ErrFile},
		{"surround", "cat " + fixture(t, "surround.ogg", tone("0.2", "-ac", "6", "-c:a", "libopus")...), media.TrackAudio, models.ErrFile},
		{"no output", "true", media.TrackAudio, models.ErrFile},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			require.ErrorIs(t, openError(t, media.FromShell(test.line, test.want)), test.err)
		})
	}
	require.ErrorIs(t, openError(t, media.FromShells("ffmpeg -i "+mp3, "ffmpeg -i "+mp3)), models.ErrFile)
}
