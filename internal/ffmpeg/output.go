package ffmpeg

import (
	"bufio"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/gotgcall/gotgcall/internal/container"
	"github.com/gotgcall/gotgcall/media"
)

// A read takes a share of the pipe, as it makes room for the encoder to run further ahead,
// and not much: the pipe is the buffer.
const (
	readShare = 4
	maxRead   = 16 << 10
)

// output is one container that a process writes. All but file and tags belongs to its
// reader.
type output struct {
	file     *os.File // its Close interrupts the reader
	content  container.Content
	want     media.Track
	interval time.Duration // the least a video frame lasts
	read     int           // how many bytes are read at once

	tags atomic.Pointer[container.Tags] // those before the first frame; for any goroutine

	reader   container.Reader // nil until the header is there
	first    media.Frame      // read ahead by readFirst
	hasFirst bool
	origin   time.Duration // the first frame's time in the container
	err      error         // why there is no further frame
}

// newOutput returns the output in a pipe of some bytes; 0 is a default.
func newOutput(file *os.File, job Job, pipe int) *output {
	o := &output{file: file, content: job.content, want: job.want, interval: job.interval, read: maxRead}
	if pipe > 0 {
		o.read = min(maxRead, pipe/readShare)
	}
	return o
}

// Header reads the header, and returns the tracks that are wanted and there.
func (o *output) Header() (media.Track, error) {
	o.reader, o.err = container.NewReader(bufio.NewReaderSize(o.file, o.read), o.content, o.want)
	if o.err != nil {
		return 0, io.EOF
	}
	return o.reader.Tracks() & o.want, nil
}

// readFirst reads the first frame, which Next returns again.
func (o *output) readFirst() error {
	f, err := o.Next()
	o.first, o.hasFirst, o.origin = f, err == nil, f.PTS
	return err
}

// Next returns the next frame of a wanted track. Its only error is io.EOF; the reason
// is in err.
func (o *output) Next() (media.Frame, error) {
	if o.hasFirst {
		o.hasFirst = false
		return o.first, nil
	}
	for o.err == nil {
		var f media.Frame
		f, o.err = o.reader.Next()
		if o.err != nil || !o.want.Has(f.Track) {
			continue
		}
		if f.Track == media.TrackVideo && f.Duration != 0 {
			f.Duration = max(f.Duration, o.interval)
		}
		if o.tags.Load() == nil {
			tags := o.reader.Tags()
			o.tags.Store(&tags)
		}
		return f, nil
	}
	return media.Frame{}, io.EOF
}
