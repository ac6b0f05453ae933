package record

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/media"
)

// begin begins a recording.
func begin(t *testing.T, dir string) *Files {
	t.Helper()
	w, err := Opener{}.OpenSink(context.Background(), media.Env{}, media.ToFiles(dir))
	require.NoError(t, err)
	files, ok := w.(*Files)
	require.True(t, ok)
	return files
}

// speak writes a second of packets of a stream, from a position of the recording on.
func speak(t *testing.T, f *Files, at time.Duration, ssrc uint32, user int64) {
	t.Helper()
	for n := range uint32(50) {
		require.NoError(t, f.Write(media.Received{
			SSRC: ssrc, UserID: user, Data: []byte{31 << 3, 1, 2, 3}, RTPTime: n * 960, Duration: frame, Level: 10,
			Arrival: f.start.Add(at + time.Duration(n)*frame),
		}))
	}
}

// Recordings of several calls may share a directory, and begin in the same millisecond.
func TestRecordingsShareADirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 20 {
		f := begin(t, dir)
		speak(t, f, 0, 7, 70)
		require.NoError(t, f.Close())
	}
	for pattern, count := range map[string]int{"70-*.ogg": 20, "index-*.jsonl": 20, "*": 40} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		require.NoError(t, err)
		require.Len(t, names, count)
	}
}

// A stream whose user becomes known later keeps its file, which the user's next streams
// share; a stream that is never known has a file of its SSRC.
func TestUsersWhoBecomeKnown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := begin(t, dir)
	for second, s := range []struct {
		ssrc uint32
		user int64
	}{{1, 0}, {1, 0}, {1, 10}, {2, 10}, {3, 0}, {3, 0}} {
		speak(t, f, time.Duration(second)*time.Second, s.ssrc, s.user)
	}
	require.NoError(t, f.Close())
	names, err := filepath.Glob(filepath.Join(dir, "*.ogg"))
	require.NoError(t, err)
	require.Len(t, names, 2)
	require.Contains(t, filepath.Base(names[0]), "ssrc-1-")
	require.Contains(t, filepath.Base(names[1]), "ssrc-3-")
}

// Where more speak than there may be files, theirs are finished and begun again.
func TestManySpeakersShareTheDescriptors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := begin(t, dir)
	const speakers = maxFiles + 10
	for round := range 2 {
		for user := range int64(speakers) {
			speak(t, f, time.Duration(round)*time.Minute, uint32(user)+1, user+1)
			require.LessOrEqual(t, len(f.files), maxFiles)
		}
	}
	require.NoError(t, f.Close())
	names, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Greater(t, len(names), speakers+1)
}
