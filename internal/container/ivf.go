package container

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"time"

	"github.com/gotgcall/gotgcall/media"
)

// maxVideoFrame bounds the memory a frame can ask for: a VP8 frame of a hundred
// megabits per second at one frame per second is three times smaller.
const maxVideoFrame = 32 << 20

// ivf reads VP8 in IVF: a 32-byte header, and 12 bytes before each frame.
type ivf struct {
	r io.Reader
	// immutable after newIVF: a tick lasts num/den seconds
	num, den uint64
	interval time.Duration

	header [12]byte
	data   []byte // reused from frame to frame
}

func newIVF(r io.Reader) (*ivf, error) {
	var h [32]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return nil, fmt.Errorf("ivf: header: %w", truncated(err))
	}
	if string(h[:4]) != "DKIF" {
		return nil, errors.New("ivf: bad signature")
	}
	if codec := h[8:12]; string(codec) != "VP80" {
		return nil, fmt.Errorf("ivf: video codec is %q, want VP80 (-c:v libvpx)", codec)
	}
	v := &ivf{
		r:   r,
		den: uint64(binary.LittleEndian.Uint32(h[16:])),
		num: uint64(binary.LittleEndian.Uint32(h[20:])),
	}
	if v.num == 0 || v.den == 0 {
		return nil, errors.New("ivf: no time base")
	}
	// The header may be longer than the part that is defined.
	extra := int64(binary.LittleEndian.Uint16(h[6:])) - int64(len(h))
	if _, err := io.CopyN(io.Discard, r, max(0, extra)); err != nil {
		return nil, fmt.Errorf("ivf: header: %w", truncated(err))
	}
	// Writers put the frame rate in the time base; one of a millisecond or
	// finer is a clock, and says nothing of the rate.
	if tick, ok := v.at(1); ok && tick > time.Millisecond && tick <= 10*time.Second {
		v.interval = tick
	}
	return v, nil
}

func (v *ivf) Tracks() media.Track { return media.TrackVideo }

// Tags returns nothing: IVF has none.
func (v *ivf) Tags() Tags { return Tags{} }

func (v *ivf) Next() (media.Frame, error) {
	for {
		if _, err := io.ReadFull(v.r, v.header[:]); err != nil {
			return media.Frame{}, err // io.EOF between frames is the end
		}
		size := binary.LittleEndian.Uint32(v.header[:])
		if size > maxVideoFrame {
			return media.Frame{}, fmt.Errorf("ivf: a frame of %d bytes", size)
		}
		pts, ok := v.at(binary.LittleEndian.Uint64(v.header[4:]))
		if !ok {
			return media.Frame{}, errors.New("ivf: timestamp out of range")
		}
		var err error
		if v.data, err = readInto(v.r, v.data, int(size)); err != nil {
			return media.Frame{}, fmt.Errorf("ivf: %w", err)
		}
		if size == 0 {
			continue // the encoder dropped this one
		}
		return media.Frame{Track: media.TrackVideo, PTS: pts, Duration: v.interval, Key: vp8Key(v.data), Data: v.data}, nil
	}
}

// at converts ticks, and reports whether the time is in range.
func (v *ivf) at(ticks uint64) (time.Duration, bool) {
	hi, scale := bits.Mul64(v.num, uint64(time.Second))
	if hi != 0 {
		return 0, false
	}
	hi, lo := bits.Mul64(ticks, scale)
	if hi >= v.den {
		return 0, false
	}
	d, _ := bits.Div64(hi, lo, v.den)
	if d > uint64(MaxPTS) {
		return 0, false
	}
	return time.Duration(d), true
}

// MaxPTS keeps sums of times from overflowing: a hundred years.
const MaxPTS = 100 * 365 * 24 * time.Hour

// vp8Key reports a VP8 key frame (RFC 6386 section 9.1).
func vp8Key(frame []byte) bool { return len(frame) > 0 && frame[0]&1 == 0 }

// readInto reads n bytes into buf, which grows as the bytes come: a length is not
// believed before there is data behind it.
func readInto(r io.Reader, buf []byte, n int) ([]byte, error) {
	const step = 64 << 10
	buf = buf[:0]
	for len(buf) < n {
		start, end := len(buf), min(n, max(cap(buf), len(buf)+step))
		if end > cap(buf) {
			grown := make([]byte, start, max(end, min(n, 2*cap(buf))))
			copy(grown, buf)
			buf = grown
		}
		buf = buf[:end]
		if _, err := io.ReadFull(r, buf[start:end]); err != nil {
			return buf[:0], truncated(err)
		}
	}
	return buf, nil
}

// truncated returns io.ErrUnexpectedEOF for io.EOF, and any other error as it is.
func truncated(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
