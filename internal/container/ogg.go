package container

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gotgcall/gotgcall/media"
)

const (
	oggContinued = 1 // header type flags of RFC 3533 section 6
	oggFirst     = 2
)

const (
	// oggSearch bounds the search for the next page after damage: two pages of
	// the largest size (RFC 3533 section 6).
	oggSearch = 2 * (27 + 255 + 255*255)
	// maxDamaged is how many packets in a row may be malformed: a second of the
	// usual ones.
	maxDamaged = 50
)

// ogg reads Opus in Ogg (RFC 3533, RFC 7845). Time is the sum of the packets'
// own durations, whatever the pages look like. Of several logical streams the
// first Opus one plays, and a chained stream plays on. After damage it goes on
// with the next page or packet.
type ogg struct {
	r *bufio.Reader

	// the page that is being read
	header   [27]byte
	lacing   [255]byte
	segments []byte // what is left of the page's lacing values

	serial  uint32
	found   bool     // serial is an Opus stream's
	heads   bool     // the last page was a first page: a link of the chain begins
	chosen  bool     // the link's Opus stream is found
	tags    bool     // the next packet is the comment header
	first   OpusHead // of the first link
	comment Tags     // of the first link
	damaged int      // malformed packets in a row
	partial bool     // packet holds the beginning of one
	skip    bool     // the page continues a packet whose beginning is lost
	packet  []byte
	pts     time.Duration
}

func newOgg(r *bufio.Reader) (*ogg, error) {
	o := &ogg{r: r, packet: make([]byte, 0, 4<<10)}
	// The streams' first pages come before anything else, so a page that is
	// no stream's first one ends the search.
	for !o.found {
		if err := o.page(); err != nil {
			return nil, fmt.Errorf("ogg: no Opus stream: %w", truncated(err))
		}
		if !o.found && o.header[5]&oggFirst == 0 {
			return nil, errors.New("ogg: no Opus stream (-c:a libopus)")
		}
	}
	return o, nil
}

func (o *ogg) Tracks() media.Track { return media.TrackAudio }

func (o *ogg) Tags() Tags { return o.comment }

func (o *ogg) Next() (media.Frame, error) {
	for {
		packet, err := o.nextPacket()
		if errors.Is(err, io.EOF) && o.damaged > 0 {
			err = fmt.Errorf("ogg: the last packets: %w", errOpusPacket)
		}
		if err != nil {
			return media.Frame{}, err
		}
		if o.tags {
			o.tags = false
			o.comment = o.comment.Or(opusTags(packet))
			continue
		}
		if len(packet) == 0 {
			continue
		}
		d, err := opusDuration(packet)
		if err != nil {
			if o.damaged++; o.damaged > maxDamaged {
				return media.Frame{}, fmt.Errorf("ogg: %w", err)
			}
			continue
		}
		o.damaged = 0
		f := media.Frame{Track: media.TrackAudio, PTS: o.pts, Duration: d, Data: packet}
		o.pts += d
		return f, nil
	}
}

// nextPacket returns the next whole packet after the identification header.
func (o *ogg) nextPacket() ([]byte, error) {
	if !o.partial {
		o.packet = o.packet[:0]
	}
	for {
		for len(o.segments) > 0 {
			n := int(o.segments[0])
			o.segments = o.segments[1:]
			if err := o.readSegment(n); err != nil {
				return nil, err
			}
			o.partial = n == 255
			if o.partial {
				continue
			}
			if o.skip {
				o.skip, o.packet = false, o.packet[:0]
				continue
			}
			return o.packet, nil
		}
		if err := o.page(); err != nil {
			if errors.Is(err, io.EOF) && o.partial {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// readSegment appends n bytes of the page to the packet. Comment headers may be of any
// size (cover art): of those only the beginning is kept.
func (o *ogg) readSegment(n int) error {
	start := len(o.packet)
	if start+n > maxOpusPacket {
		if !o.tags && !o.skip {
			return fmt.Errorf("ogg: a packet of more than %d bytes", maxOpusPacket)
		}
		if _, err := o.r.Discard(n); err != nil {
			return fmt.Errorf("ogg: %w", truncated(err))
		}
		return nil
	}
	o.packet = append(o.packet[:start], make([]byte, n)...)
	if _, err := io.ReadFull(o.r, o.packet[start:]); err != nil {
		return fmt.Errorf("ogg: %w", truncated(err))
	}
	return nil
}

// page reads page headers up to the next page of the Opus stream with something
// in it, or the next first page of any stream.
func (o *ogg) page() error {
	for {
		if err := o.pageHeader(); err != nil {
			return err
		}
		serial := binary.LittleEndian.Uint32(o.header[14:])
		if o.header[5]&oggFirst != 0 {
			return o.firstPage(serial)
		}
		o.heads = false
		if !o.found || serial != o.serial {
			if err := o.discardPage(); err != nil || !o.found {
				return err
			}
			continue
		}
		continued := o.header[5]&oggContinued != 0
		if o.partial && !continued {
			// The rest of the packet is lost.
			o.partial, o.packet = false, o.packet[:0]
		}
		o.skip = o.skip && continued || continued && !o.partial
		return nil
	}
}

func (o *ogg) pageHeader() error {
	if err := o.capture(); err != nil {
		return err // io.EOF between pages is the end
	}
	if _, err := io.ReadFull(o.r, o.header[:]); err != nil {
		return truncated(err)
	}
	o.segments = o.lacing[:o.header[26]]
	if _, err := io.ReadFull(o.r, o.segments); err != nil {
		return fmt.Errorf("ogg: %w", truncated(err))
	}
	return nil
}

// capture skips to the next page: no bytes, except after damage. The
// packet that was under way is lost with it.
func (o *ogg) capture() error {
	for skipped := 0; ; skipped++ {
		start, err := o.r.Peek(5)
		switch {
		case string(start) == "OggS\x00":
			return nil
		case err != nil && skipped == 0 && len(start) == 0:
			return err
		case err != nil || skipped == oggSearch:
			return errors.New("ogg: lost synchronisation")
		}
		o.partial, o.packet = false, o.packet[:0]
		_, _ = o.r.Discard(1) // it has been seen
	}
}

// firstPage reads the page that begins a logical stream, and takes the stream
// when it is the first Opus one of its link.
func (o *ogg) firstPage(serial uint32) error {
	size := 0
	for _, n := range o.segments {
		size += int(n)
	}
	o.segments = nil
	var err error
	if o.packet, err = readInto(o.r, o.packet, size); err != nil {
		return fmt.Errorf("ogg: %w", err)
	}
	packet := o.packet
	o.packet, o.partial, o.skip = o.packet[:0], false, false
	if !o.heads {
		o.heads, o.chosen = true, false
	}
	if o.chosen || !bytes.HasPrefix(packet, []byte("OpusHead")) {
		return nil
	}
	o.chosen = true
	head, err := parseOpusHead(packet)
	if err != nil {
		return fmt.Errorf("ogg: %w", err)
	}
	if !o.found {
		o.first = head
	}
	o.serial, o.found, o.tags = serial, true, true
	return nil
}

func (o *ogg) discardPage() error {
	size := int64(0)
	for _, n := range o.segments {
		size += int64(n)
	}
	o.segments = nil
	if _, err := io.CopyN(io.Discard, o.r, size); err != nil {
		return fmt.Errorf("ogg: %w", truncated(err))
	}
	return nil
}
