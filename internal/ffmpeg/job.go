package ffmpeg

import (
	"cmp"
	"context"
	"os"
	"time"

	"github.com/gotgcall/gotgcall/internal/container"
	"github.com/gotgcall/gotgcall/media"
)

// An encoder runs ahead of its reader as far as the pipe between them holds, and a quarter
// of that is read at once.
const (
	// longestAhead bounds the two together, at the bit rate asked for. More only takes the
	// processor from others when a source begins: what outlasts a stall is read ahead by
	// package play.
	longestAhead = time.Second
	// minBuffer is the least that a pipe of Linux holds: a page.
	minBuffer = 4 << 10
	// maxBuffer is a quarter of what Linux lets a user's pipe have.
	maxBuffer = 256 << 10
)

// bufferFor returns the bytes of a pipe for a bit rate, a power of two as Linux has it: an
// encoder is half of longestAhead ahead at least, unless maxBuffer is less.
func bufferFor(kbps int) int {
	bytes := int(longestAhead/time.Second) * kbps * 1000 / 8
	n := maxBuffer
	for n > minBuffer && n+n/readShare > bytes {
		n /= 2
	}
	return n
}

// Job is a process whose outputs are containers, with callbacks about its input. The
// methods of [Encoding], [ShellJob] and [ShellJobAt] return it.
type Job struct {
	path    string // the program; empty: that of the Env
	args    []string
	want    media.Track       // an output with none of these is an error
	apart   bool              // pictures come in a container of their own, on descriptor 3
	content container.Content // what the frames are

	hardware media.VideoEncoder // that the pictures need; empty for none
	input    *os.File           // standard input; nil: nothing

	// seek is the position that an ffmpeg with watchedArgs begins at; zero for
	// any other process.
	seek seekCheck

	// bounds is the part of the media that a command of FromShell plays; nil: all
	// of it. A timeless one changes time, or counts it otherwise.
	bounds   *excerpt
	timeless bool

	// sound is the one that the process makes, and tunable that the job can be made
	// with another.
	sound   media.Sound
	tunable bool

	// liveUnlessFinite reports that an input without a length is live.
	liveUnlessFinite bool

	// start is where in the media a command of FromShell begins by itself.
	start time.Duration

	// interval is the least a video frame lasts: a header may give the rate
	// of the source, before frames were dropped. 0 means nothing.
	interval time.Duration

	// soundBuffer and pictureBuffer are the bytes of a track's pipe. 0 is the system's
	// default for sound, and maxBuffer for pictures.
	soundBuffer, pictureBuffer int

	// Live reports that the input is live. Length is how long the media lasts, if
	// that is known without ffmpeg.
	Live   bool
	Length time.Duration

	// Name is what a server calls the input, for want of a title.
	Name string

	// Redact takes secrets out of a line of standard error. May be nil.
	Redact func(line string) string

	// Lost reports whether a line of standard error says that the input was
	// lost, which ffmpeg takes for its end and exits with status 0. May be nil.
	Lost func(line string) bool

	// InputErr returns why the input was lost, or nil when all of it was
	// handed to the process; it is called at the end of the output. May be nil.
	InputErr func() error

	// Over ends when the rest of the input is lost and the process has nothing
	// more to do. May be nil.
	Over context.Context

	// Resumed returns how often the input was asked for again where its
	// server had hung up. May be nil.
	Resumed func() uint64

	// Release gives back what the input needs. It is called once, when the
	// process is gone. May be nil.
	Release func()
}

// buffers returns how many bytes the pipes of standard output and of pictures that come
// apart hold; 0 is the system's default.
func (j Job) buffers() (stdout, pictures int) {
	pictures = cmp.Or(j.pictureBuffer, maxBuffer)
	if j.want.Has(media.TrackVideo) && !j.apart {
		return pictures, 0
	}
	return j.soundBuffer, pictures
}
