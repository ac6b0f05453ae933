package files

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, cfg Config) *Store {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = filepath.Join(t.TempDir(), "media")
	}
	if cfg.free == nil {
		cfg.free = func(string) (int64, error) { return math.MaxInt64 / 2, nil }
	}
	s, err := Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// writes returns a Fill of size bytes.
func writes(size int) func(context.Context, *os.Root) (string, error) {
	return func(_ context.Context, dir *os.Root) (string, error) {
		return "x", dir.WriteFile("x", make([]byte, size), 0o600)
	}
}

func fetch(t *testing.T, s *Store, key string, size int) *File {
	t.Helper()
	f, err := s.Fetch(t.Context(), Want{Key: key, Max: int64(size), Fill: writes(size)})
	require.NoError(t, err)
	return f
}

// left returns the names in the store's directory.
func left(t *testing.T, s *Store) []string {
	t.Helper()
	entries, err := os.ReadDir(s.cfg.Dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestFilesAreKeptUnderOurNamesForThisUserAlone(t *testing.T) {
	t.Parallel()
	s := open(t, Config{})
	f := fetch(t, s, "../../etc/passwd", 10)
	defer f.Release()
	require.Equal(t, s.cfg.Dir, filepath.Dir(f.Path))
	require.Regexp(t, own, filepath.Base(f.Path))
	require.Equal(t, int64(10), f.Size)
	for _, path := range []string{s.cfg.Dir, f.Path} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, path)
	}
}

func TestOpenRemovesWhatAStoreLeftAndNothingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{newName("media"), newName("fetch"), "song.mp3", "media-x"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600))
	}
	require.NoError(t, os.MkdirAll(filepath.Join(dir, newName("fetch"), "sub"), 0o700))
	s := open(t, Config{Dir: dir})
	require.Equal(t, []string{"media-x", "song.mp3"}, left(t, s))
}

func TestAFileIsFetchedOnce(t *testing.T) {
	t.Parallel()
	s := open(t, Config{})
	var fills atomic.Int32
	gate := make(chan struct{})
	want := Want{Key: "k", Max: 3, Fill: func(ctx context.Context, dir *os.Root) (string, error) {
		fills.Add(1)
		<-gate
		return writes(3)(ctx, dir)
	}}
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			f, err := s.Fetch(t.Context(), want)
			if err == nil {
				f.Release()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	close(gate)
	all.Wait()
	require.EqualValues(t, 1, fills.Load())
}

func TestAWaiterFetchesWhatAnotherGaveUp(t *testing.T) {
	t.Parallel()
	s := open(t, Config{})
	began := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() {
		_, err := s.Fetch(ctx, Want{Key: "k", Max: 3, Fill: func(ctx context.Context, dir *os.Root) (string, error) {
			_, err := writes(2)(ctx, dir)
			close(began)
			<-ctx.Done()
			return "x", err
		}})
		first <- err
	}()
	<-began
	second := make(chan *File)
	go func() {
		f, err := s.Fetch(t.Context(), Want{Key: "k", Max: 3, Fill: writes(3)})
		if err != nil {
			t.Error(err)
		}
		second <- f
	}()
	cancel()
	require.ErrorIs(t, <-first, context.Canceled)
	f := <-second
	require.Equal(t, int64(3), f.Size)
	f.Release()
}

func TestAFailureLeavesNothing(t *testing.T) {
	t.Parallel()
	wrong := errors.New("wrong")
	for name, c := range map[string]struct {
		fill func(ctx context.Context, dir *os.Root) (string, error)
		want error
	}{
		"error": {func(_ context.Context, dir *os.Root) (string, error) {
			return "", errors.Join(dir.WriteFile("half", []byte("x"), 0o600), wrong)
		}, wrong},
		"empty":     {writes(0), ErrEmpty},
		"too large": {writes(11), ErrTooLarge},
		"growing": {func(ctx context.Context, dir *os.Root) (string, error) {
			_, err := writes(100)(ctx, dir)
			<-ctx.Done()
			return "x", err
		}, ErrTooLarge},
		"missing": {func(context.Context, *os.Root) (string, error) { return "x", nil }, fs.ErrNotExist},
		"outside": {func(_ context.Context, dir *os.Root) (string, error) {
			return "../x", os.WriteFile(filepath.Join(dir.Name(), "..", "x"), []byte("x"), 0o600)
		}, nil},
		"symlink": {func(_ context.Context, dir *os.Root) (string, error) {
			return "x", dir.Symlink("/etc/hostname", "x")
		}, fs.ErrInvalid},
		"directory": {func(_ context.Context, dir *os.Root) (string, error) {
			return "x", dir.Mkdir("x", 0o700)
		}, fs.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, Config{})
			_, err := s.Fetch(t.Context(), Want{Key: "k", Max: 10, Fill: c.fill})
			require.Error(t, err)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
			}
			for _, name := range left(t, s) {
				require.Equal(t, "x", name, "but for what the test wrote")
			}
			s.mu.Lock()
			require.Zero(t, s.used)
			s.mu.Unlock()
			fetch(t, s, "k", 5).Release()
		})
	}
}

func TestQuotaRemovesWhatWasUsedLongestAgoButNothingInUse(t *testing.T) {
	t.Parallel()
	s := open(t, Config{Quota: 30})
	a, b, c := fetch(t, s, "a", 10), fetch(t, s, "b", 10), fetch(t, s, "c", 10)
	_, err := s.Fetch(t.Context(), Want{Key: "d", Max: 10, Fill: writes(10)})
	require.ErrorIs(t, err, ErrFull)
	for _, f := range []*File{b, a} {
		f.Release()
		f.Release() // twice is once
	}
	d := fetch(t, s, "d", 10)
	require.NoFileExists(t, b.Path)
	require.FileExists(t, a.Path)
	require.FileExists(t, c.Path)

	_, err = s.Fetch(t.Context(), Want{Key: "e", Max: 25, Fill: writes(25)})
	require.ErrorIs(t, err, ErrFull)
	require.FileExists(t, a.Path, "in vain, nothing is removed")
	c.Release()
	d.Release()
	fetch(t, s, "e", 25).Release()
	require.Len(t, left(t, s), 1)
}

func TestTheDiskKeepsItsFloor(t *testing.T) {
	t.Parallel()
	var onDisk atomic.Int64
	onDisk.Store(100)
	s := open(t, Config{Quota: 1000, Floor: 50, free: func(string) (int64, error) { return onDisk.Load(), nil }})
	a := fetch(t, s, "a", 40)
	onDisk.Store(60)
	_, err := s.Fetch(t.Context(), Want{Key: "b", Max: 20, Fill: writes(20)})
	require.ErrorIs(t, err, ErrFull)
	a.Release()
	fetch(t, s, "b", 20).Release()
	require.NoFileExists(t, a.Path)
}

// Room is made for a file of unknown size while it is written: first what was not used,
// then it is refused.
func TestRoomGrowsWithTheFile(t *testing.T) {
	t.Parallel()
	s := open(t, Config{Quota: 4 * firstRoom})
	kept, old := fetch(t, s, "kept", firstRoom), fetch(t, s, "old", firstRoom)
	old.Release()
	sparse := func(size int64) func(context.Context, *os.Root) (string, error) {
		return func(ctx context.Context, dir *os.Root) (string, error) {
			f, err := dir.Create("x")
			if err != nil {
				return "", err
			}
			defer f.Close()
			for n := int64(0); n <= size; n += firstRoom / 2 {
				if err := f.Truncate(n); err != nil {
					return "", err
				}
				select {
				case <-ctx.Done():
					return "", ctx.Err()
				case <-time.After(2 * watchPeriod):
				}
			}
			return "x", nil
		}
	}
	f, err := s.Fetch(t.Context(), Want{Key: "grows", Max: 1 << 40, Fill: sparse(2.5 * firstRoom)})
	require.NoError(t, err)
	require.NoFileExists(t, old.Path)
	require.FileExists(t, kept.Path)
	f.Release()
	_, err = s.Fetch(t.Context(), Want{Key: "grows more", Max: 1 << 40, Fill: sparse(4 * firstRoom)})
	require.ErrorIs(t, err, ErrFull)
	require.FileExists(t, kept.Path)
	kept.Release()
	require.Equal(t, kept.Size, s.used)
}

func TestThreeAreFetchedAtATime(t *testing.T) {
	t.Parallel()
	s := open(t, Config{})
	began, gate := make(chan struct{}, 10), make(chan struct{})
	var now, most atomic.Int32
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			f, err := s.Fetch(t.Context(), Want{Key: string(rune('a' + i)), Max: 1, Fill: func(ctx context.Context, dir *os.Root) (string, error) {
				if n := now.Add(1); n > most.Load() {
					most.Store(n)
				}
				began <- struct{}{}
				<-gate
				now.Add(-1)
				return writes(1)(ctx, dir)
			}})
			if err != nil {
				t.Error(err)
				return
			}
			f.Release()
		})
	}
	for range 3 {
		<-began
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Fetch(ctx, Want{Key: "z", Max: 1, Fill: writes(1)})
	require.ErrorIs(t, err, context.Canceled)
	close(gate)
	all.Wait()
	require.EqualValues(t, 3, most.Load())
}

func TestAFileThatSomebodyRemovedIsFetchedAgain(t *testing.T) {
	t.Parallel()
	s := open(t, Config{})
	f := fetch(t, s, "a", 4)
	f.Release()
	require.NoError(t, os.Remove(f.Path))
	again := fetch(t, s, "a", 4)
	defer again.Release()
	require.FileExists(t, again.Path)
	require.Equal(t, int64(4), s.used)
}

func TestProgressIsReported(t *testing.T) {
	t.Parallel()
	s := open(t, Config{})
	seen := make(chan int64, 100)
	f, err := s.Fetch(t.Context(), Want{
		Key: "a", Max: 10,
		Progress: func(done int64) {
			select {
			case seen <- done:
			default:
			}
		},
		Fill: func(ctx context.Context, dir *os.Root) (string, error) {
			name, err := writes(7)(ctx, dir)
			for <-seen < 7 {
			}
			return name, err
		},
	})
	require.NoError(t, err)
	f.Release()
}

func TestCloseRemovesTheFiles(t *testing.T) {
	t.Parallel()
	s := open(t, Config{})
	fetch(t, s, "a", 4).Release()
	require.NoError(t, s.Close())
	require.Empty(t, left(t, s))
	_, err := s.Fetch(t.Context(), Want{Key: "a", Max: 1, Fill: writes(1)})
	require.ErrorIs(t, err, ErrClosed)
}
