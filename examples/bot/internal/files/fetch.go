package files

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Fetch returns the file of a key, and fetches it if it is not there. Whoever wants a
// file that is being fetched waits for it. The caller must Release the file. After an
// error, ctx's end included, nothing is left on the disk.
func (s *Store) Fetch(ctx context.Context, w Want) (*File, error) {
	for {
		e, file, err := s.claim(w)
		switch {
		case err != nil:
			return nil, err
		case file != nil && s.exists(file):
			return file, nil
		case file != nil: // somebody has cleaned up
			s.forget(file)
		case e != nil:
			return s.fetch(ctx, w, e)
		default:
			if err := s.wait(ctx, w.Key); err != nil {
				return nil, err
			}
		}
	}
}

// claim returns the file of a key, or a new entry that the caller has to fetch, or
// neither while another fetches it.
func (s *Store) claim(w Want) (*entry, *File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[w.Key]
	switch {
	case s.closed:
		return nil, nil, ErrClosed
	case e == nil:
		e = &entry{key: w.Key, ready: make(chan struct{})}
		s.entries[w.Key] = e
		return e, nil, nil
	case e.name != "":
		return nil, s.file(e), nil
	}
	return nil, nil, nil
}

// wait waits until the fetch of a key is over.
func (s *Store) wait(ctx context.Context, key string) error {
	s.mu.Lock()
	e := s.entries[key]
	s.mu.Unlock()
	if e == nil {
		return nil
	}
	select {
	case <-e.ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Store) exists(f *File) bool {
	info, err := s.root.Lstat(filepath.Base(f.Path))
	return err == nil && info.Mode().IsRegular() && info.Size() == f.Size
}

// forget drops a file that is gone.
func (s *Store) forget(f *File) {
	f.Release()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(f.entry)
}

// drop takes an entry out of the books. s.mu must be held.
func (s *Store) drop(e *entry) {
	if s.entries[e.key] == e {
		delete(s.entries, e.key)
		s.used -= e.size
	}
}

// fetch fills an entry that the caller has claimed.
func (s *Store) fetch(ctx context.Context, w Want, e *entry) (_ *File, err error) {
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if err != nil {
			s.drop(e)
		}
		close(e.ready)
	}()
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if err := s.reserve(e, min(w.Max, max(w.Size, firstRoom))); err != nil {
		return nil, err
	}
	dir := newName("fetch")
	if err := s.root.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("fetch a file: %w", err)
	}
	defer func() { _ = s.root.RemoveAll(dir) }() // what stays is removed at the next start
	name, size, err := s.fill(ctx, w, e, dir)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used += size - e.size
	e.name, e.size = name, size
	return s.file(e), nil
}

// fill runs Fill in a directory, and moves what it has written out of there.
func (s *Store) fill(ctx context.Context, w Want, e *entry, dir string) (name string, size int64, err error) {
	root, err := os.OpenRoot(filepath.Join(s.cfg.Dir, dir))
	if err != nil {
		return "", 0, fmt.Errorf("fetch a file: %w", err)
	}
	defer root.Close()
	filling, stop := s.watch(ctx, w, e, root)
	filled, err := w.Fill(filling, root)
	stop()
	switch {
	case filling.Err() != nil && !errors.Is(context.Cause(filling), errFilled):
		return "", 0, context.Cause(filling)
	case err != nil:
		return "", 0, err
	}
	info, err := root.Lstat(filled)
	switch {
	case err != nil:
		return "", 0, fmt.Errorf("fetch a file: %w", err)
	case !info.Mode().IsRegular():
		return "", 0, fmt.Errorf("fetch a file: %w: it is no regular file", fs.ErrInvalid)
	case info.Size() == 0:
		return "", 0, ErrEmpty
	case info.Size() > w.Max:
		return "", 0, ErrTooLarge
	}
	name = newName("media")
	if err := s.root.Rename(filepath.Join(dir, filled), name); err != nil {
		return "", 0, fmt.Errorf("fetch a file: %w", err)
	}
	return name, info.Size(), nil
}

// errFilled ends the watch of a directory.
var errFilled = errors.New("filled")

// firstRoom is what a file whose size is unknown has room for at first; more is made for
// it in steps of as much. An hour of music has 60 MB.
const firstRoom = 64 << 20

// watch measures a directory until stop is called, which waits for it. The context ends
// with ErrTooLarge when there is more in it than is wanted, and with ErrFull when there
// is no room for more.
func (s *Store) watch(ctx context.Context, w Want, e *entry, root *os.Root) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() { // ends with ctx, which stop cancels before it waits
		defer close(done)
		ticker := time.NewTicker(watchPeriod)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			size, shown := dirSize(root)
			if size > w.Max {
				cancel(ErrTooLarge)
			} else if err := s.grow(e, size, w.Max); err != nil {
				cancel(err)
			}
			if w.Progress != nil {
				w.Progress(shown)
			}
		}
	}()
	return ctx, func() { cancel(errFilled); <-done }
}

// dirSize returns the bytes of the files in a directory, and of those that have no name
// with a leading dot. What is renamed or removed meanwhile does not matter.
func dirSize(root *os.Root) (size, shown int64) {
	_ = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // it was there a moment ago
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			size += info.Size()
			if !strings.HasPrefix(path, ".") {
				shown += info.Size()
			}
		}
		return nil
	})
	return size, shown
}

// grow makes more room for an entry that is about to need it.
func (s *Store) grow(e *entry, size, most int64) error {
	s.mu.Lock()
	room := e.size
	s.mu.Unlock()
	if room >= most || size+firstRoom/2 < room {
		return nil
	}
	err := s.reserve(e, min(most, size+firstRoom))
	if errors.Is(err, ErrFull) && size <= room {
		return nil // it may end before it needs more
	}
	return err
}

// reserve makes room for an entry of size bytes in all, by removing what was used longest ago.
func (s *Store) reserve(e *entry, size int64) error {
	left, err := s.cfg.free(s.cfg.Dir)
	if err != nil {
		return fmt.Errorf("fetch a file: free space: %w", err)
	}
	victims, err := s.makeRoom(e, size, left)
	for _, name := range victims {
		if e := s.root.Remove(name); e != nil && !os.IsNotExist(e) && err == nil {
			err = fmt.Errorf("fetch a file: %w", e)
		}
	}
	return err
}

// makeRoom books size bytes for an entry and takes files out of the books that are in the
// way; the caller has to remove them.
func (s *Store) makeRoom(e *entry, size, left int64) (victims []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var unused []*entry
	for _, other := range s.entries {
		switch {
		case other == e:
		case other.name == "":
			left -= other.size // booked, and not all of it written
		case other.refs == 0:
			unused = append(unused, other)
		}
	}
	more := size - e.size
	missing := max(s.used+more-s.cfg.Quota, s.cfg.Floor+more-left)
	slices.SortFunc(unused, func(a, b *entry) int { return cmp.Compare(a.lastUse, b.lastUse) })
	n := 0
	for ; missing > 0; n++ {
		if n == len(unused) {
			return nil, ErrFull
		}
		missing -= unused[n].size
	}
	for _, victim := range unused[:n] {
		s.drop(victim)
		victims = append(victims, victim.name)
	}
	s.used += more
	e.size = size
	return victims, nil
}
