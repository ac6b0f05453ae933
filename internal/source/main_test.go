package source_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gotgcall/gotgcall/internal/source"
	"github.com/gotgcall/gotgcall/media"
)

// fixtures are made by ffmpeg, once for the whole run.
var fixtures struct {
	dir  string
	made sync.Map // name -> func() error
}

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "media")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		fixtures.dir = dir
		code := m.Run()
		if code == 0 {
			if err := errors.Join(goleak.Find(), childless()); err != nil {
				os.Stderr.WriteString(err.Error() + "\n")
				return 1
			}
		}
		return code
	}())
}

// childless reports an error when this process has children left.
func childless() error {
	children, err := os.ReadFile("/proc/self/task/" + strconv.Itoa(os.Getpid()) + "/children")
	if err == nil && len(bytes.TrimSpace(children)) > 0 {
		return errors.New("child processes left: " + string(children))
	}
	return nil
}

// fixture returns the file of a name, made by ffmpeg from the given arguments.
func fixture(t testing.TB, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(fixtures.dir, name)
	once, _ := fixtures.made.LoadOrStore(name, sync.OnceValue(func() error {
		args := append([]string{"-nostdin", "-loglevel", "error", "-y"}, args...)
		out, err := exec.Command("ffmpeg", append(args, path)...).CombinedOutput()
		if err != nil {
			return errors.New(string(out) + err.Error())
		}
		return nil
	}))
	require.NoError(t, once.(func() error)())
	return path
}

// tone is the argument list of a sine of some seconds.
func tone(seconds string, more ...string) []string {
	return append([]string{"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=" + seconds}, more...)
}

// picture is the argument list of a test picture without sound.
func picture(size, rate, seconds string, more ...string) []string {
	return append([]string{"-f", "lavfi", "-i", "testsrc=size=" + size + ":rate=" + rate + ":duration=" + seconds}, more...)
}

// movie is the argument list of a test picture with a tone.
func movie(size, rate, seconds string, more ...string) []string {
	return append(append(picture(size, rate, seconds), tone(seconds)...), more...)
}

func env() media.Env {
	return media.Env{FFmpegPath: "ffmpeg", Logger: slog.New(slog.DiscardHandler), Opener: source.Opener{}}
}

// open opens a source and closes it with the test.
func open(t testing.TB, s media.Source) media.Stream {
	t.Helper()
	stream, err := s.Open(context.Background(), env())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stream.Close()) })
	return stream
}

// start returns where in the media a stream began by itself.
func start(t testing.TB, s media.Stream) time.Duration {
	t.Helper()
	begun, ok := s.(interface{ Start() time.Duration })
	require.True(t, ok)
	return begun.Start()
}

// openError opens a source that must not open.
func openError(t testing.TB, s media.Source) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	stream, err := s.Open(ctx, env())
	if err == nil {
		stream.Close()
		t.Fatal("opened")
	}
	require.Nil(t, stream)
	require.NotErrorIs(t, err, context.DeadlineExceeded)
	return err
}

// readAll reads a stream to its end and copies the frames.
func readAll(t testing.TB, s media.Stream) (frames []media.Frame, end error) {
	t.Helper()
	for {
		f, err := s.ReadFrame()
		if err != nil {
			return frames, err
		}
		f.Data = bytes.Clone(f.Data)
		frames = append(frames, f)
	}
}

// play reads a source to its natural end.
func play(t testing.TB, s media.Source) []media.Frame {
	t.Helper()
	frames, end := readAll(t, open(t, s))
	require.Equal(t, io.EOF, end)
	return frames
}

// of returns the frames of one track.
func of(track media.Track, frames []media.Frame) (found []media.Frame) {
	for _, f := range frames {
		if f.Track == track {
			found = append(found, f)
		}
	}
	return found
}

// size reads the picture's size from a key frame (RFC 6386 section 9.1).
func size(t testing.TB, f media.Frame) [2]int {
	t.Helper()
	require.True(t, f.Key)
	require.Equal(t, []byte{0x9D, 0x01, 0x2A}, f.Data[3:6])
	return [2]int{(int(f.Data[7])<<8 | int(f.Data[6])) & 0x3FFF, (int(f.Data[9])<<8 | int(f.Data[8])) & 0x3FFF}
}

// requireContiguous checks audio without a gap, from zero, that lasts as long as
// it should within two frames.
func requireContiguous(t testing.TB, frames []media.Frame, length time.Duration) {
	t.Helper()
	require.NotEmpty(t, frames)
	due := time.Duration(0)
	for i, f := range frames {
		require.Equal(t, media.TrackAudio, f.Track)
		require.Equal(t, due, f.PTS, "frame %d", i)
		require.False(t, f.Key)
		due += f.Duration
	}
	require.InDelta(t, length.Seconds(), due.Seconds(), 0.041)
}

// script writes an executable shell script. A process of its own writes it: a file that
// this one had open for writing could not be run while a test that forked just then
// holds the descriptor.
func script(t testing.TB, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	cmd := exec.Command("sh", "-c", `cat > "$1" && chmod 700 "$1"`, "sh", path)
	cmd.Stdin = strings.NewReader("#!/bin/sh\n" + body + "\n")
	require.NoError(t, cmd.Run())
	return path
}

// write makes a file in a directory of the test's own.
func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func openFiles(t testing.TB) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here")
	}
	return len(fds)
}

// lines joins what a table spells one to a line.
func lines(l ...string) string { return strings.Join(l, "\n") + "\n" }

// startFFmpeg runs a far end, and returns what ends it.
func startFFmpeg(t testing.TB, args ...string) (stop func()) {
	t.Helper()
	cmd := exec.Command("ffmpeg", append([]string{"-nostdin", "-loglevel", "error"}, args...)...)
	require.NoError(t, cmd.Start())
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

func newLogger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
