package push

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// only hides all methods of a reader but Read.
type only struct{ io.Reader }

func readToEnd(t *testing.T, src media.Source) (length time.Duration, end error) {
	t.Helper()
	stream, err := src.Open(t.Context(), media.Env{FFmpegPath: "ffmpeg", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return 0, err
	}
	defer func() { require.NoError(t, stream.Close()) }()
	for {
		f, err := stream.ReadFrame()
		if err != nil {
			return length, err
		}
		length = f.PTS + f.Duration
	}
}

// What a reader gives is played to its end: again where it can begin again.
func TestReaderIsPlayed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.mp3")
	require.NoError(t, mediatest.MakeTones(t.Context(), "ffmpeg", path, mediatest.AudioSpec{Seconds: 3}))
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	again := NewReader(bytes.NewReader(file), media.EncodeOptions{})
	once := NewReader(only{bytes.NewReader(file)}, media.EncodeOptions{})
	for range 2 {
		length, err := readToEnd(t, again)
		require.ErrorIs(t, err, io.EOF)
		require.InDelta(t, 3, length.Seconds(), 0.1)
	}
	length, err := readToEnd(t, once)
	require.ErrorIs(t, err, io.EOF)
	require.InDelta(t, 3, length.Seconds(), 0.1)
	_, err = readToEnd(t, once)
	require.ErrorIs(t, err, models.ErrFile)

	reset := errors.New("reset")
	cut := io.MultiReader(bytes.NewReader(file[:len(file)/2]), iotest.ErrReader(reset))
	length, err = readToEnd(t, NewReader(cut, media.EncodeOptions{}))
	require.ErrorIs(t, err, reset)
	require.ErrorIs(t, err, models.ErrFile)
	require.InDelta(t, 1.5, length.Seconds(), 0.2)

	_, err = readToEnd(t, NewReader(nil, media.EncodeOptions{}))
	require.ErrorIs(t, err, models.ErrInvalidParams)
	for _, bad := range []io.Reader{bytes.NewReader(nil), bytes.NewReader(bytes.Repeat([]byte("no media "), 10_000)), iotest.ErrReader(reset)} {
		_, err = readToEnd(t, NewReader(bad, media.EncodeOptions{}))
		require.ErrorIs(t, err, models.ErrFile)
	}
}

// A file that is closed while it is read can be played again.
func TestReaderIsClosedWhileItIsRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.wav")
	require.NoError(t, mediatest.MakeTones(t.Context(), "ffmpeg", path, mediatest.AudioSpec{Seconds: 60}))
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	src := NewReader(file, media.EncodeOptions{})
	for range 3 {
		stream := open(t, src)
		read(t, stream)
		require.NoError(t, stream.Close())
	}
}

// A reader that gives nothing does not keep its stream from being closed.
func TestReaderThatHangs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.ogg")
	require.NoError(t, mediatest.MakeTones(t.Context(), "ffmpeg", path, mediatest.AudioSpec{Seconds: 3}))
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	r, w := io.Pipe()
	src := NewReader(r, media.EncodeOptions{})
	written := make(chan error, 1)
	go func() { _, err := w.Write(file[:len(file)-10]); written <- err }()
	stream := open(t, src)
	_, err = src.Open(t.Context(), media.Env{})
	require.ErrorIs(t, err, models.ErrInvalidParams)
	read(t, stream)
	require.NoError(t, <-written)
	require.NoError(t, stream.Close())
	_, err = w.Write([]byte{1})
	require.ErrorIs(t, err, io.ErrClosedPipe)
}
