package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/pion/opus"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// maxSamples is 120 ms at 48 kHz, the longest packet (RFC 6716 section 3.2.5).
const maxSamples = rate * 120 / 1000

// Decoded is a [media.Writer] that decodes each stream.
type Decoded struct {
	sink    media.Decoded
	streams map[uint32]*decoder
	samples []int16
	bytes   []byte
}

// decoder is the decoder of one stream.
type decoder struct {
	opus  opus.Decoder
	end   uint32 // RTP time at which the packet before ends
	begun bool
	last  time.Time // when a packet came
}

// openDecoded returns a writer that decodes to the format of a sink.
func openDecoded(sink media.Decoded) (*Decoded, error) {
	if err := sink.Format.Check(); err != nil {
		return nil, err
	}
	if _, err := opus.NewDecoderWithOutput(sink.Format.Rate, sink.Format.Channels); err != nil {
		return nil, fmt.Errorf("%w: decode to %d Hz: %w", models.ErrInvalidParams, sink.Format.Rate, err)
	}
	return &Decoded{sink: sink, streams: make(map[uint32]*decoder), samples: make([]int16, 2*maxSamples)}, nil
}

// Write decodes a packet. One that is malformed is left out.
func (d *Decoded) Write(r media.Received) error {
	s := d.streams[r.SSRC]
	if s == nil {
		s = &decoder{}
		if err := s.reset(d.sink.Format); err != nil {
			return err
		}
		d.streams[r.SSRC] = s
	}
	s.last = r.Arrival
	n, err := s.decode(r.Data, d.samples)
	if err != nil {
		return s.reset(d.sink.Format)
	}
	out := media.Samples{SSRC: r.SSRC, UserID: r.UserID, Presentation: r.Presentation, Level: r.Level, Skipped: r.Skipped}
	if gap := int32(r.RTPTime - s.end); s.begun && gap > 0 {
		out.Missing = min(samples(int64(gap)), jump)
	}
	s.begun, s.end = true, r.RTPTime+uint32(samplesIn(r.Duration))
	out.Data = d.littleEndian(d.samples[:n*d.sink.Format.Channels])
	d.sink.Function(out)
	return nil
}

// reset makes the decoder a new one.
func (s *decoder) reset(f media.PCMFormat) error {
	next, err := opus.NewDecoderWithOutput(f.Rate, f.Channels)
	s.opus = next
	return err
}

// decode returns how many samples of each channel a packet has. What the decoder makes of
// a hostile packet, a panic even, is an error.
func (s *decoder) decode(packet []byte, to []int16) (n int, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the decoder panicked")
		}
	}()
	return s.opus.DecodeToInt16(packet, to)
}

// littleEndian returns samples as bytes, which are valid until the next call.
func (d *Decoded) littleEndian(samples []int16) []byte {
	d.bytes = d.bytes[:0]
	for _, v := range samples {
		d.bytes = binary.LittleEndian.AppendUint16(d.bytes, uint16(v))
	}
	return d.bytes
}

// Flush forgets the streams that have been silent for long.
func (d *Decoded) Flush(now time.Time) error {
	for ssrc, s := range d.streams {
		if now.Sub(s.last) > forget {
			delete(d.streams, ssrc)
		}
	}
	return nil
}

// Detached says that a program's function is called.
func (d *Decoded) Detached() {}

// Close does nothing.
func (d *Decoded) Close() error { return nil }
