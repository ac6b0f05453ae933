package files

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"
)

// The errors by which a caller decides.
var (
	// ErrFull: the quota, or the disk, is taken by files in use.
	ErrFull = errors.New("no room for another file")
	// ErrTooLarge: a file became larger than it was said to be.
	ErrTooLarge = errors.New("the file is too large")
	// ErrEmpty: a file has no bytes.
	ErrEmpty = errors.New("the file is empty")
	// ErrClosed: the store is closed.
	ErrClosed = errors.New("the store is closed")
)

// Config says where files are kept, and how many. A zero field has the default.
type Config struct {
	// Dir is the store's own directory. It is made, for this user alone, and what an
	// earlier store left in it is removed. Two stores cannot share it.
	Dir string
	// Quota bounds the bytes of all files; 2 GiB. What was used longest ago is removed
	// to make room, unless it is in use.
	Quota int64
	// Floor is what stays free on the disk, in bytes; 512 MiB.
	Floor int64
	// AtOnce is how many files are fetched at a time; more wait. 3.
	AtOnce int

	free func(dir string) (int64, error) // bytes free on the disk; replaced by tests
}

const (
	defaultQuota  = 2 << 30
	defaultFloor  = 512 << 20
	defaultAtOnce = 3

	// watchPeriod is how often the size of what is fetched is measured.
	watchPeriod = 250 * time.Millisecond
)

// Store keeps files. All methods may be called from any goroutine.
type Store struct {
	// immutable after Open
	cfg    Config
	root   *os.Root
	places chan struct{} // one element per fetch

	mu      sync.Mutex // guards the rest
	entries map[string]*entry
	used    int64 // bytes of all entries, those being fetched at their largest
	uses    int64 // counts releases, to know what was used last
	closed  bool
}

// entry is a file, or one to come.
type entry struct {
	key   string
	ready chan struct{} // closed when it is fetched, or has failed

	// guarded by Store.mu
	name    string // in the directory; empty before it is there
	size    int64
	refs    int
	lastUse int64
}

// Open makes the directory and empties it of what an earlier store left. The caller must
// Close the store.
func Open(cfg Config) (*Store, error) {
	if cfg.Quota <= 0 {
		cfg.Quota = defaultQuota
	}
	if cfg.Floor <= 0 {
		cfg.Floor = defaultFloor
	}
	if cfg.AtOnce <= 0 {
		cfg.AtOnce = defaultAtOnce
	}
	if cfg.free == nil {
		cfg.free = free
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	cfg.Dir = dir
	s := &Store{cfg: cfg, places: make(chan struct{}, cfg.AtOnce), entries: make(map[string]*entry)}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

func (s *Store) open() (err error) {
	if err := os.MkdirAll(s.cfg.Dir, 0o700); err != nil {
		return err
	}
	if s.root, err = os.OpenRoot(s.cfg.Dir); err != nil {
		return err
	}
	if err = s.root.Chmod(".", 0o700); err == nil {
		err = s.wipe()
	}
	if err != nil {
		s.root.Close()
	}
	return err
}

// own matches the names that a store gives. Nothing else is ever removed: a directory
// named by mistake keeps what is in it.
var own = regexp.MustCompile(`^(fetch|media)-[A-Z2-7]{26}$`)

// wipe removes what a store left.
func (s *Store) wipe() error {
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if own.MatchString(e.Name()) {
			if err := s.root.RemoveAll(e.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close removes all files. Fetches fail from then on; those under way must have returned.
func (s *Store) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	return errors.Join(s.wipe(), s.root.Close())
}

// File is a file in use.
type File struct {
	store   *Store
	entry   *entry
	release sync.Once

	// Path is the file's absolute name.
	Path string
	// Size is its length in bytes.
	Size int64
}

// Release allows the file to be removed. It is idempotent.
func (f *File) Release() {
	f.release.Do(func() {
		f.store.mu.Lock()
		defer f.store.mu.Unlock()
		f.entry.refs--
		f.store.uses++
		f.entry.lastUse = f.store.uses
	})
}

// file returns a handle of an entry that is there. s.mu must be held.
func (s *Store) file(e *entry) *File {
	e.refs++
	return &File{store: s, entry: e, Path: filepath.Join(s.cfg.Dir, e.name), Size: e.size}
}

// newName returns a name that no file has.
func newName(kind string) string { return kind + "-" + rand.Text() }

// Want describes a file to fetch.
type Want struct {
	// Key is the same for the same file.
	Key string
	// Size is how large it is expected to become; 0 where unknown. There is room for so
	// much before Fill is called, and for more as it is written.
	Size int64
	// Max is how large the file, and all that Fill writes, may become.
	Max int64
	// Progress, when not nil, is called with the bytes written so far. What has a name
	// with a leading dot is not counted.
	Progress func(done int64)
	// Fill writes the file into an empty directory and returns its name there. It must
	// return soon after ctx is done.
	Fill func(ctx context.Context, dir *os.Root) (name string, err error)
}
