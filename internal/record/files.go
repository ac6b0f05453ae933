package record

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/gotgcall/gotgcall/media"
)

const (
	// patience is how long the packets of a stream wait for its user to become known.
	patience = time.Second
	// maxFiles is how many files are open at a time. The one that has been idle for
	// longest is finished for another.
	maxFiles = 256
	// forget is after how much silence a stream is forgotten.
	forget = time.Minute
	// maxWaiting bounds the packets of a stream that wait: a second of the shortest.
	maxWaiting = 400
)

// Files is a [media.Writer] that writes a file for each participant.
type Files struct {
	dir      *os.Root
	start    time.Time // position 0 of every file
	crc      *[256]uint32
	index    *index
	speakers map[uint32]*speaker
	files    map[owner]*file
	err      error // the first
}

// owner is whose sound a file has.
type owner struct {
	user         int64
	presentation bool
	ssrc         uint32 // of an unknown user
}

// file is the file of one participant.
type file struct {
	files *Files
	owner owner
	name  string
	disk  *os.File
	out   *oggWriter
	last  time.Duration // when a packet was last received for it
	utterance
}

// open begins a recording in a directory, which it makes if it does not exist.
func open(dir string) (*Files, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	f := &Files{
		dir: root, start: time.Now(), crc: oggCRC(),
		speakers: make(map[uint32]*speaker), files: make(map[owner]*file),
	}
	if f.index, err = newIndex(root, f.start); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return f, nil
}

// Write takes a frame.
func (f *Files) Write(r media.Received) error {
	arrival := r.Arrival.Sub(f.start)
	s := f.speakers[r.SSRC]
	if s == nil {
		s = &speaker{ssrc: r.SSRC, since: arrival}
		f.speakers[r.SSRC] = s
	}
	s.last = arrival
	if s.file == nil && r.UserID != 0 {
		s.file = f.open(owner{user: r.UserID, presentation: r.Presentation}, arrival)
	}
	if s.file != nil && s.file.owner.user == 0 && r.UserID != 0 {
		f.identify(s.file, owner{user: r.UserID, presentation: r.Presentation})
	}
	if len(s.waiting) < maxWaiting {
		s.add(r, arrival)
	}
	f.settle(s, arrival)
	return f.err
}

// Flush writes what has settled, so that a program that is killed loses a second at most.
func (f *Files) Flush(now time.Time) error {
	at := now.Sub(f.start)
	for _, s := range f.speakers {
		f.settle(s, at)
		if at-s.last > forget {
			delete(f.speakers, s.ssrc)
		}
	}
	for _, file := range f.files {
		file.pause(at)
		f.keep(file.out.flush())
	}
	return f.err
}

// settle writes the packets of a stream that have settled at an instant.
func (f *Files) settle(s *speaker, now time.Duration) {
	if s.file == nil {
		if now-s.since < patience {
			return
		}
		s.file = f.open(owner{ssrc: s.ssrc}, now)
	}
	if s.file.out == nil { // finished for another, or not to be opened
		s.file = f.open(s.file.owner, now)
	}
	if s.file.out != nil {
		s.file.last = max(s.file.last, s.last)
		s.write(now)
	}
}

// Close writes what waits, and finishes the files.
func (f *Files) Close() error {
	for _, s := range f.speakers {
		f.settle(s, s.last+max(patience, anchorWindow)+1)
	}
	for _, file := range f.files {
		f.finish(file)
	}
	return errors.Join(f.err, f.index.close(), f.dir.Close())
}

// open returns the file of an owner, a new one if there is none. If it cannot be made it
// has no out.
func (f *Files) open(who owner, now time.Duration) *file {
	if open := f.files[who]; open != nil {
		return open
	}
	if len(f.files) >= maxFiles {
		f.finish(f.idlest())
	}
	file := &file{files: f, owner: who, last: now}
	disk, err := create(f.dir, who.String()+began(f.start), ".ogg")
	if f.keep(err); err != nil {
		return file
	}
	file.name, file.disk = filepath.Base(disk.Name()), disk
	file.out = newOggWriter(file.disk, f.crc, rand.Uint32()) //nolint:gosec // tells logical streams apart, and no secret
	f.files[who] = file
	return file
}

// create makes a file that does not exist. Where one does, made for the same user or for
// another recording that began in the same millisecond, its name gets a number.
func create(dir *os.Root, name, extension string) (*os.File, error) {
	for try := 1; ; try++ {
		full := name + extension
		if try > 1 {
			full = fmt.Sprintf("%s-%d%s", name, try, extension)
		}
		file, err := dir.OpenFile(full, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err == nil || !errors.Is(err, os.ErrExist) || try == maxFiles {
			return file, err
		}
	}
}

// began returns the start of a recording as it is part of the names of its files.
func began(start time.Time) string { return start.UTC().Format("-20060102T150405.000Z") }

// String returns the name of an owner.
func (o owner) String() string {
	switch {
	case o.user == 0:
		return fmt.Sprintf("ssrc-%d", o.ssrc)
	case o.presentation:
		return fmt.Sprintf("%d-presentation", o.user)
	}
	return strconv.FormatInt(o.user, 10)
}

// idlest returns the file that has been idle for longest.
func (f *Files) idlest() *file {
	var idle *file
	for _, file := range f.files {
		if idle == nil || file.last < idle.last {
			idle = file
		}
	}
	return idle
}

// identify makes a file that of a user who has become known. It keeps its name: the index
// says whose it is.
func (f *Files) identify(file *file, who owner) {
	if f.files[who] != nil {
		return // the user's next stream goes there
	}
	file.stop()
	delete(f.files, file.owner)
	file.owner, f.files[who] = who, file
}

// finish closes a file.
func (f *Files) finish(file *file) {
	delete(f.files, file.owner)
	file.stop()
	f.keep(file.out.close())
	f.keep(file.disk.Close())
	file.out = nil
}

// keep keeps the first error.
func (f *Files) keep(err error) {
	if err != nil && f.err == nil {
		f.err = fmt.Errorf("record: %w", err)
	}
}
