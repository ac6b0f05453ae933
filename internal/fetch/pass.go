package fetch

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// ErrGone is the error of an ffmpeg that no longer reads.
var ErrGone = errors.New("ffmpeg went away")

// Pass sends length bytes of a resource from offset to ffmpeg, as they arrive; a length of 0
// is all of the rest. header is called once, before the first byte. A broken connection is
// replaced, and bytes that arrive again are skipped.
func (c *Client) Pass(w http.ResponseWriter, q *http.Request, u *url.URL, offset, length int64, header func(*Resource)) error {
	ctx := q.Context()
	at, fruitless := int64(0), 0
	for begun := false; ; {
		var r *Resource
		err := c.Retry(ctx, func(try context.Context) (err error) {
			r, err = c.OpenPart(try, u.String(), offset+at, max(length-at, 0))
			return err
		})
		if err != nil {
			return err
		}
		if r.Kind != Finite {
			r.Close()
			return errors.New("it is a playlist or a live stream")
		}
		if !begun {
			begun = true
			header(r)
		}
		n, err := r.copyTo(ctx, w)
		r.Close()
		at += n
		if fruitless++; n > 0 {
			fruitless = 0
		}
		if err == nil || errors.Is(err, ErrGone) || ctx.Err() != nil || fruitless == 3 {
			return err
		}
	}
}

// copyTo copies a resource from its beginning, and returns how many bytes of it.
func (r *Resource) copyTo(ctx context.Context, w http.ResponseWriter) (int64, error) {
	b := r.newReader(ctx, 0)
	defer b.Close()
	flush := http.NewResponseController(w)
	buffer := make([]byte, 32<<10)
	for total := int64(0); ; {
		n, err := b.Read(buffer)
		if n > 0 {
			if _, err := w.Write(buffer[:n]); err != nil {
				return total, ErrGone
			}
			if err := flush.Flush(); err != nil {
				return total, ErrGone
			}
			total += int64(n)
		}
		switch {
		case errors.Is(err, io.EOF):
			return total, nil
		case err != nil:
			return total, err
		}
	}
}

// RangeOf parses a Range header as ffmpeg writes it. length is 0 for all of the rest. A
// range of everything counts as none.
func RangeOf(header string) (offset, length int64, ok bool) {
	offset, ok = rangeStart(header)
	if !ok {
		return 0, 0, false
	}
	_, last, _ := strings.Cut(header, "-")
	if end, err := strconv.ParseInt(last, 10, 64); err == nil && end >= offset && end < maxLength {
		return offset, end - offset + 1, true
	}
	return offset, 0, offset > 0
}
