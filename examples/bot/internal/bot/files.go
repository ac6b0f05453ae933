package bot

import "sync"

// files are those that sources of a chat are read from. Each is freed once.
type files struct {
	mu     sync.Mutex // guards what follows; not held while a file is freed
	kept   map[*file]bool
	closed bool
}

// file frees what is behind a source.
type file struct{ release func() }

// keep takes what frees a file. When nothing is kept any longer it is freed at once.
func (f *files) keep(release func()) *file {
	if release == nil {
		release = func() {}
	}
	k := &file{release: release}
	f.mu.Lock()
	closed := f.closed
	if !closed {
		if f.kept == nil {
			f.kept = make(map[*file]bool)
		}
		f.kept[k] = true
	}
	f.mu.Unlock()
	if closed {
		release()
	}
	return k
}

// free frees a file, if that has not been done.
func (f *files) free(k *file) {
	f.mu.Lock()
	kept := f.kept[k]
	delete(f.kept, k)
	f.mu.Unlock()
	if kept {
		k.release()
	}
}

// close frees all that are kept, and whatever is yet to be.
func (f *files) close() {
	f.mu.Lock()
	kept := f.kept
	f.kept, f.closed = nil, true
	f.mu.Unlock()
	for k := range kept {
		k.release()
	}
}
