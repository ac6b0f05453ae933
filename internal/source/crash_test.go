package source_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// ffmpegAs is an Env whose ffmpeg is a script.
func ffmpegAs(t testing.TB, body string) media.Env {
	e := env()
	e.FFmpegPath = script(t, body)
	return e
}

// encoded is what ffmpeg would write for a file, in a file.
func encoded(t testing.TB) string {
	return fixture(t, "encoded.mkv", movie("64x48", "25", "1.5", "-c:v", "libvpx", "-c:a", "libopus",
		"-f", "matroska", "-live", "1", "-cluster_time_limit", "10")...)
}

func TestEncoderThatDiesIsACrashAfterItsLastFrame(t *testing.T) {
	t.Parallel()
	data := encoded(t)
	whole := len(play(t, media.FromShell("cat "+data, both)))
	info, err := os.Stat(data)
	require.NoError(t, err)
	for _, test := range []struct {
		name, body string
		frames     int // all of them, or at least this many
		all        bool
		status     int
		signal     string
	}{
		{"exit status with data in the pipe", "cat %s; echo 'x: Out of memory' >&2; exit 3", 0, true, 3, ""},
		{"signal with data in the pipe", "cat %s; kill -KILL $$", 0, true, -1, "killed"},
		{"exit status in a frame", fmt.Sprintf("head -c %d %%s; exit 1", info.Size()-10), 50, false, 1, ""},
		{"signal in a frame", fmt.Sprintf("head -c %d %%s; kill -SEGV $$", info.Size()/2), 20, false, -1, "segmentation fault"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			stream, err := media.FromFile(data, media.EncodeOptions{Tracks: media.TrackVideo}).
				Open(context.Background(), ffmpegAs(t, fmt.Sprintf(test.body, data)))
			require.NoError(t, err)
			defer stream.Close()
			frames, end := readAll(t, stream)
			if test.all {
				require.Len(t, frames, whole)
			}
			require.GreaterOrEqual(t, len(frames), test.frames)
			require.ErrorIs(t, end, models.ErrFFmpegCrashed)
			var failure *models.FFmpegError
			require.ErrorAs(t, end, &failure)
			require.Equal(t, test.status, failure.ExitCode)
			require.Equal(t, test.signal, failure.Signal)
			_, again := stream.ReadFrame()
			require.Equal(t, end, again)
		})
	}
}

func TestKilledFFmpegIsACrash(t *testing.T) {
	t.Parallel()
	// Longer than fits into a pipe, so ffmpeg is not done when it is killed.
	const length = 240 * time.Second
	path := fixture(t, "long.mp3", tone(fmt.Sprint(length.Seconds()), "-b:a", "64k")...)
	opened := filepath.Join(t.TempDir(), "opened")
	// The shell stands in for the kernel that kills a greedy process.
	e := ffmpegAs(t, fmt.Sprintf(`ffmpeg "$@" & until [ -e %s ]; do sleep 0.01; done; kill -KILL $!; wait $!; kill -KILL $$`, opened))
	stream, err := media.FromFile(path, media.EncodeOptions{}).Open(context.Background(), e)
	require.NoError(t, err)
	defer stream.Close()
	require.NoError(t, os.WriteFile(opened, nil, 0o600))
	frames, end := readAll(t, stream)
	require.ErrorIs(t, end, models.ErrFFmpegCrashed)
	require.Less(t, len(frames), int(length/(20*time.Millisecond)))
}

func TestBrokenOutputIsAnError(t *testing.T) {
	t.Parallel()
	data := encoded(t)
	info, err := os.Stat(data)
	require.NoError(t, err)
	for name, body := range map[string]string{
		"truncated, exit 0":  fmt.Sprintf("head -c %d %s", info.Size()/2, data),
		"garbage afterwards": "cat " + data + "; head -c 100000 /dev/zero; sleep 600",
	} {
		stream, err := media.FromFile(data, media.EncodeOptions{}).Open(context.Background(), ffmpegAs(t, body))
		require.NoError(t, err, name)
		frames, end := readAll(t, stream)
		require.NotEmpty(t, frames)
		require.ErrorIs(t, end, models.ErrFFmpegCrashed, name)
		require.NoError(t, stream.Close())
	}
}

func TestOpenReportsAnEncoderThatNeverStartsToPlay(t *testing.T) {
	t.Parallel()
	path := song(t)
	for _, test := range []struct {
		name, body string
		want       error
		words      string
	}{
		{"says why", "echo 'Unknown encoder' >&2; echo 'Conversion failed!' >&2; exit 1", models.ErrFile, "Unknown encoder"},
		{"silent success", "exit 0", models.ErrFile, "nothing"},
		{"garbage", "head -c 9999 /dev/zero", models.ErrFile, "not Ogg"},
		{"garbage for ever", "exec cat /dev/zero", models.ErrFile, "not Ogg"},
		{"signal", "kill -ABRT $$", models.ErrFFmpegCrashed, "abort"},
		{"header only", "head -c 200 " + encoded(t), models.ErrFile, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := media.FromFile(path, media.EncodeOptions{}).Open(context.Background(), ffmpegAs(t, test.body))
			require.ErrorIs(t, err, test.want)
			require.ErrorContains(t, err, test.words)
		})
	}
}

func TestCloseInterruptsAReadThatBlocks(t *testing.T) {
	t.Parallel()
	data := encoded(t)
	body := "trap '' TERM INT; head -c 20000 " + data + "; while :; do sleep 600; done"
	hang := script(t, body)
	for name, source := range map[string]media.Source{
		"one":  media.FromShell(hang, both),
		"two":  media.FromShells(hang, hang),
		"half": media.FromShells(hang, "cat "+data),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stream, err := source.Open(context.Background(), env())
			require.NoError(t, err)
			ended := make(chan error, 1)
			go func() {
				for {
					if _, err := stream.ReadFrame(); err != nil {
						ended <- err
						return
					}
				}
			}()
			begin := time.Now()
			require.NoError(t, stream.Close())
			require.ErrorIs(t, <-ended, models.ErrClosed)
			require.NoError(t, stream.Close())
			require.Less(t, time.Since(begin), time.Minute, "of ten")
			_, err = stream.ReadFrame()
			require.ErrorIs(t, err, models.ErrClosed)
		})
	}
}

func TestCloseInEveryOrder(t *testing.T) {
	t.Parallel()
	line := "ffmpeg -i " + fixture(t, "movie.mp4", movie("64x48", "25", "1.5", "-preset", "ultrafast")...)
	for name, source := range map[string]media.Source{
		"file":   media.FromFile(song(t), media.EncodeOptions{}),
		"shells": media.FromShells(line, line),
	} {
		for _, reads := range []int{0, 1, 10, 1000} {
			t.Run(fmt.Sprintf("%s after %d reads", name, reads), func(t *testing.T) {
				t.Parallel()
				stream, err := source.Open(context.Background(), env())
				require.NoError(t, err)
				for range reads {
					if _, err := stream.ReadFrame(); err != nil {
						require.Equal(t, io.EOF, err)
					}
				}
				done := make(chan error, 4)
				for range cap(done) {
					go func() { done <- stream.Close() }()
				}
				for range cap(done) {
					require.NoError(t, <-done)
				}
			})
		}
	}
}

func TestStreamsLeaveNoFileDescriptors(t *testing.T) {
	path := song(t)
	sources := []media.Source{
		media.FromFile(path, media.EncodeOptions{}),
		media.FromFile("/dev/null", media.EncodeOptions{}),
		media.FromShells("ffmpeg -i "+path, "ffmpeg -i "+path),
	}
	before := openFiles(t)
	for _, s := range sources {
		for range 3 {
			if stream, err := s.Open(context.Background(), env()); err == nil {
				_, err = stream.ReadFrame()
				require.NoError(t, err)
				require.NoError(t, stream.Close())
			}
		}
	}
	require.LessOrEqual(t, openFiles(t), before)
	require.NoError(t, childless())
}

func TestStderrIsLoggedOnRequest(t *testing.T) {
	t.Parallel()
	var log record
	e := ffmpegAs(t, "echo 'hello there' >&2; exit 1")
	e.Logger = newLogger(&log)
	source := media.FromFile(song(t), media.EncodeOptions{})
	_, err := source.Open(context.Background(), e)
	require.Error(t, err)
	require.Empty(t, log.String())
	e.LogStderr = true
	_, err = source.Open(context.Background(), e)
	var failure *models.FFmpegError
	require.ErrorAs(t, err, &failure)
	require.Contains(t, log.String(), "hello there")
	require.Equal(t, 1, strings.Count(log.String(), "\n"))
}

// TestOpenEndsWithItsContext, also where somebody that the program left behind holds
// its output open.
func TestOpenEndsWithItsContext(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip("no setsid here")
	}
	pidFile := filepath.Join(t.TempDir(), "pid")
	stray := script(t, `setsid sh -c 'echo $$ > `+pidFile+`; exec sleep 600' & wait`)
	t.Cleanup(func() {
		pid, err := os.ReadFile(pidFile)
		require.NoError(t, err)
		require.NoError(t, exec.Command("kill", strings.TrimSpace(string(pid))).Run())
	})
	ctx, cancel := context.WithCancel(context.Background())
	opened := make(chan error, 1)
	go func() {
		_, err := media.FromShell(stray, media.TrackAudio).Open(ctx, env())
		opened <- err
	}()
	require.Eventually(t, func() bool {
		data, err := os.ReadFile(pidFile)
		return err == nil && len(data) > 1
	}, time.Minute, 5*time.Millisecond)
	cancel()
	select {
	case err := <-opened:
		require.ErrorIs(t, err, context.Canceled)
	case <-time.After(time.Minute):
		t.Fatal("Open waits for the one that was left behind")
	}
}
