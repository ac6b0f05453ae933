package container

import (
	"bufio"
	"bytes"
	"fmt"

	"github.com/gotgcall/gotgcall/media"
)

// Reader takes a container apart. It is for one goroutine at a time.
type Reader interface {
	// Tracks returns the tracks that the header announces.
	Tracks() media.Track
	// Next returns the next frame, whose Data is valid until the next call,
	// and io.EOF only where the container may end.
	Next() (media.Frame, error)
	// Tags returns what the container says of its content, as far as it has been
	// read: all that stands before the first frame, once that is read.
	Tags() Tags
}

// NewReader picks a reader by the first bytes, and reads the header. Of Matroska, a track
// that is not wanted may be of any codec.
func NewReader(r *bufio.Reader, content Content, want media.Track) (Reader, error) {
	magic, err := r.Peek(4)
	switch {
	case len(magic) == 0 && err != nil:
		return nil, err
	case bytes.Equal(magic, []byte("OggS")):
		return newOgg(r)
	case bytes.Equal(magic, []byte("DKIF")):
		return newIVF(r)
	case bytes.Equal(magic, []byte{0x1A, 0x45, 0xDF, 0xA3}):
		return newMatroska(r, content, want)
	}
	return nil, fmt.Errorf("output starts with %q: not Ogg, IVF or Matroska", magic)
}
