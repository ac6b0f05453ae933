package fetch

import (
	"bytes"
	"context"
	"errors"
	"io"
)

const (
	// maxKept bounds what is kept of a resource while it is judged: the headers of a
	// container.
	maxKept = 4 << 20
	// readOn is the distance that is read through, which is sooner done than another
	// request.
	readOn = 256 << 10
)

// File is a Resource that is read in this process, from any byte if its server gives out
// ranges. What is lost on the way is requested again, as by [Resource.NewReader]. It is
// for one goroutine.
type File struct {
	reader
	first *connection // nil: it was read before
	kept  bytes.Buffer
	keep  bool // all that was read is kept
}

// Head returns the beginning of a resource that has not been read, as much as comes at
// once.
func (r *Resource) Head(ctx context.Context) ([]byte, error) {
	r.mu.Lock()
	first := r.first
	r.mu.Unlock()
	if first == nil {
		return nil, errors.New("the resource has been read")
	}
	return r.sniff(ctx, first)
}

// NewFile returns a File whose reads end with ctx. The caller must Close it, or
// [File.GiveBack] it.
func (r *Resource) NewFile(ctx context.Context) *File {
	f := &File{reader: *r.newReader(ctx, 0)}
	f.first, f.keep = f.conn, f.conn != nil
	return f
}

// Read reads the next bytes.
func (f *File) Read(p []byte) (int, error) {
	if f.conn == nil && f.r.Size >= 0 && f.at >= f.r.Size {
		return 0, io.EOF
	}
	n, err := f.reader.Read(p)
	if f.keep = f.keep && f.kept.Len()+n <= maxKept; f.keep {
		f.kept.Write(p[:n])
	}
	return n, err
}

// Seek makes a byte the next one, counted from the start. The server is asked for it by
// the next Read.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekStart || offset < 0 {
		return 0, errors.New("a seek from the start only")
	}
	if ahead := offset - f.at; f.conn != nil && ahead >= 0 && ahead <= readOn {
		if _, err := io.CopyN(io.Discard, &f.reader, ahead); err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
	} else {
		_ = f.Close()
	}
	f.Keep(false)
	f.at, f.tries = offset, tries{}
	return offset, nil
}

// Keep ends the keeping of what is read, for [File.GiveBack], if it is false.
func (f *File) Keep(keep bool) {
	if f.keep = f.keep && keep; !f.keep {
		f.kept = bytes.Buffer{}
	}
}

// GiveBack ends the file and makes the resource as if it had not been read. One that its
// server gives out once has to be read from its beginning for that, and not far.
func (f *File) GiveBack() {
	if !f.keep {
		_ = f.Close()
		return
	}
	conn := f.first
	var rest io.Reader = failed{io.EOF}
	if f.conn != nil { // perhaps another, if the first was lost
		conn, rest = f.conn, f.conn.Reader
	}
	conn.Reader, f.conn = io.MultiReader(&f.kept, rest), nil
	f.r.mu.Lock()
	f.r.first = conn
	f.r.mu.Unlock()
}
