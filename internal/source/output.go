package source

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/gotgcall/gotgcall/media"
)

// readBuffer holds a few frames: the pipe behind it is the real buffer.
const readBuffer = 16 << 10

// demuxer takes a container apart.
type demuxer interface {
	// tracks reports the tracks that the header announces.
	tracks() media.Track
	// next returns the next frame, whose Data is valid until the next call,
	// and io.EOF only where the container may end.
	next() (media.Frame, error)
}

// output is one container that a process writes. Its methods but newOutput's file
// are its reader's.
type output struct {
	file     *os.File // its Close interrupts the reader
	holds    payload
	want     media.Track
	interval time.Duration // the least a video frame lasts

	demuxer  demuxer     // nil until the header is there
	first    media.Frame // read ahead by readFirst
	hasFirst bool
	origin   time.Duration // the first frame's time in the container
	err      error         // why there is no further frame
}

func newOutput(file *os.File, cmd command) *output {
	return &output{file: file, holds: cmd.holds, want: cmd.want, interval: cmd.interval}
}

// header reads the header. It returns those of the wanted tracks that are there.
func (o *output) header() (media.Track, error) {
	o.demuxer, o.err = newDemuxer(bufio.NewReaderSize(o.file, readBuffer), o.holds, o.want)
	if o.err != nil {
		return 0, io.EOF
	}
	return o.demuxer.tracks() & o.want, nil
}

// readFirst reads the first frame, which next returns again.
func (o *output) readFirst() error {
	f, err := o.next()
	o.first, o.hasFirst, o.origin = f, err == nil, f.PTS
	return err
}

// next returns the next frame of a wanted track. Its only error is io.EOF; err says
// why.
func (o *output) next() (media.Frame, error) {
	if o.hasFirst {
		o.hasFirst = false
		return o.first, nil
	}
	for o.err == nil {
		var f media.Frame
		f, o.err = o.demuxer.next()
		if o.err != nil || !o.want.Has(f.Track) {
			continue
		}
		if f.Track == media.TrackVideo && f.Duration != 0 {
			f.Duration = max(f.Duration, o.interval)
		}
		return f, nil
	}
	return media.Frame{}, io.EOF
}

// newDemuxer picks a demuxer by the first bytes and reads the header.
func newDemuxer(r *bufio.Reader, holds payload, want media.Track) (demuxer, error) {
	magic, err := r.Peek(4)
	switch {
	case len(magic) == 0 && err != nil:
		return nil, err
	case bytes.Equal(magic, []byte("OggS")):
		return newOgg(r)
	case bytes.Equal(magic, []byte("DKIF")):
		return newIVF(r)
	case bytes.Equal(magic, []byte{0x1A, 0x45, 0xDF, 0xA3}):
		return newMatroska(r, holds, want)
	}
	return nil, fmt.Errorf("output starts with %q: not Ogg, IVF or Matroska", magic)
}
