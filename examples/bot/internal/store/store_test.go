package store_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	bbolterrors "go.etcd.io/bbolt/errors"
	"go.uber.org/goleak"

	"github.com/gotgcall/gotgcall/examples/bot/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(path, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func get[T any](t *testing.T, s *store.Store, chat int64, name string) (v T, ok bool) {
	t.Helper()
	ok, err := s.Get(chat, name, &v)
	require.NoError(t, err)
	return v, ok
}

func TestValuesSurviveAClose(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bot.db")
	s := open(t, path)
	s.Put(-100, "queue", []string{"a", "b"})
	s.Put(-100, "gone", 1)
	s.Put(-100, "gone", nil)
	s.Put(7, "queue", []string{})
	v, ok := get[[]string](t, s, -100, "queue")
	require.True(t, ok, "a value is there before it is in the file")
	require.Equal(t, []string{"a", "b"}, v)
	require.NoError(t, s.Close())

	again := open(t, path)
	v, _ = get[[]string](t, again, -100, "queue")
	require.Equal(t, []string{"a", "b"}, v)
	_, ok = get[int](t, again, -100, "gone")
	require.False(t, ok)
	ids, err := again.Chats()
	require.NoError(t, err)
	require.ElementsMatch(t, []int64{-100, 7}, ids)
}

func TestAChangeIsInTheFileWithinASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "bot.db")
		s := open(t, path)
		s.Put(1, "n", 1)
		<-time.After(900 * time.Millisecond)
		s.Put(1, "n", 2)
		<-time.After(101 * time.Millisecond)
		synctest.Wait()

		copied := filepath.Join(t.TempDir(), "copy.db") // as a process that was killed leaves it
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(copied, data, 0o600))
		v, ok := get[int](t, open(t, copied), 1, "n")
		require.True(t, ok)
		require.Equal(t, 2, v)
	})
}

func TestMoveAndForget(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "bot.db"))
	s.Put(-5, "queue", "q")
	s.Put(-1005, "settings", "s")
	require.NoError(t, s.Move(-5, -1005))
	require.NoError(t, s.Move(-99, -1005), "a chat that is not there")

	_, ok := get[string](t, s, -5, "queue")
	require.False(t, ok)
	v, _ := get[string](t, s, -1005, "queue")
	require.Equal(t, "q", v)
	v, _ = get[string](t, s, -1005, "settings")
	require.Equal(t, "s", v)

	require.NoError(t, s.Forget(-1005))
	require.NoError(t, s.Forget(-1005))
	ids, err := s.Chats()
	require.NoError(t, err)
	require.Empty(t, ids)
}

func TestDamagedValueIsAnError(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "bot.db"))
	s.Put(1, "n", "text")
	var n int
	_, err := s.Get(1, "n", &n)
	require.ErrorContains(t, err, "read n of chat 1")
}

func TestASecondProcessIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bot.db")
	open(t, path)
	_, err := store.Open(path, slog.New(slog.DiscardHandler))
	require.ErrorIs(t, err, store.ErrLocked)
}

func TestTheFileIsPrivate(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes of files")
	}
	path := filepath.Join(t.TempDir(), "bot.db")
	open(t, path)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestAFileThatIsNoStoreIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bot.db")
	require.NoError(t, os.WriteFile(path, make([]byte, 8192), 0o600))
	_, err := store.Open(path, slog.New(slog.DiscardHandler))
	require.ErrorIs(t, err, bbolterrors.ErrInvalid)
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "bot.db"))
	var all sync.WaitGroup
	for chat := range int64(8) {
		all.Go(func() {
			for n := range 20 {
				s.Put(chat, "n", n)
				v, ok := get[int](t, s, chat, "n")
				if !ok || v != n {
					t.Errorf("chat %d: got %d, want %d", chat, v, n)
				}
				if n%5 == 0 {
					_ = s.Flush()
				}
			}
		})
	}
	all.Wait()
}
