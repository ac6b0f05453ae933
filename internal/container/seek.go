package container

import (
	"bufio"
	"errors"
	"io"
	"time"
)

const (
	inputBuffer = 64 << 10
	// walk is the distance below which anchors are read one after another.
	walk = inputBuffer
	// guesses is how many places are guessed by the time looked for. Then distances are
	// halved, which ends whatever the times are.
	guesses = 4
	// reach is the most that is read on the search for one place or frame: a file is read
	// on the goroutine that paces all calls.
	reach = 2 * maxCluster
)

var errReach = errors.New("no sound for 32 MB")

// input is a file that is read from any place of it.
type input struct {
	*bufio.Reader
	file io.ReadSeeker // nil: it is read from its beginning to its end
	at   int64         // of what comes next from the file
	most int64         // where reading fails
}

func newInput(r io.Reader) *input {
	in := &input{most: reach}
	in.file, _ = r.(io.ReadSeeker)
	in.Reader = bufio.NewReaderSize(counted{r, in}, inputBuffer)
	return in
}

// counted counts what is read of an input's file.
type counted struct {
	io.Reader
	in *input
}

func (c counted) Read(p []byte) (int, error) {
	if c.in.at > c.in.most {
		return 0, errReach
	}
	n, err := c.Reader.Read(p)
	c.in.at += int64(n)
	return n, err
}

// offset returns the place of the next byte.
func (in *input) offset() int64 { return in.at - int64(in.Buffered()) }

// allow lets as much be read from here on as a search may.
func (in *input) allow() { in.most = in.offset() + reach }

// seek makes a byte the next one, from which a search begins.
func (in *input) seek(to int64) error {
	defer in.allow()
	if skip := to - in.offset(); skip >= 0 && skip <= int64(in.Buffered()) {
		_, err := in.Discard(int(skip))
		return err
	}
	if _, err := in.file.Seek(to, io.SeekStart); err != nil {
		return err
	}
	in.Reset(counted{in.file, in})
	in.at = to
	return nil
}

// anchor is a place where reading can begin.
type anchor struct {
	offset int64
	next   int64         // where the search for another goes on
	at     time.Duration // of what comes next
}

// bisect returns the last anchor at or before a time, between one that is and the end of a
// range, which is at a time as well. find returns the first anchor between two places,
// or false.
func bisect(best, end anchor, at time.Duration, find func(from, limit int64) (anchor, bool, error)) (anchor, error) {
	hi := end.offset
	for n := 0; hi-best.next > walk; n++ {
		middle := best.next + (hi-best.next)/2
		if n < guesses && end.at > best.at && at < end.at {
			share := float64(at-best.at) / float64(end.at-best.at)
			middle = best.next + int64(share*float64(hi-best.next)) - walk/2
			middle = max(best.next, min(middle, hi-1))
		}
		a, ok, err := find(middle, hi)
		switch {
		case err != nil:
			return best, err
		case ok && a.at <= at:
			best = a
		default:
			if hi = middle; ok {
				end = a
			}
		}
	}
	for {
		a, ok, err := find(best.next, hi)
		if err != nil || !ok || a.at > at {
			return best, err
		}
		best = a
	}
}
