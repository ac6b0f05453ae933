package record

import (
	"encoding/binary"
	"io"
	"math/bits"
)

const (
	preSkip  = 3840 // samples: 80 ms, what a decoder needs to converge (RFC 7845 section 4.6)
	rate     = 48000
	vendor   = "gotgcall"
	maxPage  = 48 << 10 // bytes, after which a page is written
	pageTime = rate     // samples, after which a page is written: what a crash loses

	pageFirst, pageLast = 2, 4 // RFC 3533 section 6
)

// oggWriter writes Opus packets to an Ogg file (RFC 3533, RFC 7845). Its methods are
// for one goroutine at a time.
type oggWriter struct {
	w      io.Writer
	crc    *[256]uint32
	serial uint32

	sequence uint32
	end      int64  // in samples, pre-skip included
	paged    int64  // end at the page written last
	lacing   []byte // of the page that is being filled
	body     []byte
	page     []byte // its bytes, kept for the next one
	err      error  // the first
}

// newOggWriter writes the headers of a file, and the silence that its pre-skip takes
// away.
func newOggWriter(w io.Writer, crc *[256]uint32, serial uint32) *oggWriter {
	o := &oggWriter{w: w, crc: crc, serial: serial}
	head := []byte("OpusHead\x01\x02") // version, channels: a packet may have one or two
	head = binary.LittleEndian.AppendUint16(head, preSkip)
	head = binary.LittleEndian.AppendUint32(head, rate)
	head = append(head, 0, 0, 0) // no gain, mapping family 0
	o.add(head)
	o.write(pageFirst)
	tags := binary.LittleEndian.AppendUint32([]byte("OpusTags"), uint32(len(vendor)))
	tags = append(tags, vendor...)
	o.add(binary.LittleEndian.AppendUint32(tags, 0))
	o.write(0)
	o.silence(preSkip, false)
	return o
}

// packet writes a packet of a number of samples.
func (o *oggWriter) packet(data []byte, length int64) {
	if o.full(len(data)) || o.end-o.paged >= pageTime {
		o.write(0)
	}
	o.add(data)
	o.end += length
}

// full reports whether the page has no room for a packet.
func (o *oggWriter) full(size int) bool {
	return len(o.lacing)+size/255+1 > 255 || len(o.lacing) > 0 && len(o.body)+size > maxPage
}

// add puts a packet into the page.
func (o *oggWriter) add(data []byte) {
	for range len(data) / 255 {
		o.lacing = append(o.lacing, 255)
	}
	o.lacing = append(o.lacing, byte(len(data)%255))
	o.body = append(o.body, data...)
}

// silence writes packets of silence for a number of samples, rounded down to 2.5 ms. They
// are stereo if the packets before them are, so that no decoder has to change.
func (o *oggWriter) silence(length int64, stereo bool) {
	var buf [14]byte
	for length >= rate/400 {
		packet, n := silencePacket(buf[:0], length, stereo)
		o.packet(packet, n)
		length -= n
	}
}

// silencePacket returns a packet of silence of at most a number of samples, and how many
// it has. Its frames are CELT's at full band, whose coded silence is FF FE (RFC 6716
// section 3.1, the configurations 28 to 31 for 2.5, 5, 10 and 20 ms).
func silencePacket(buf []byte, length int64, stereo bool) ([]byte, int64) {
	channels := byte(0)
	if stereo {
		channels = 4
	}
	if frames := min(length/960, 6); frames > 1 {
		buf = append(buf, 31<<3|channels|3, byte(frames)) // code 3, equal lengths
		for range frames {
			buf = append(buf, 0xFF, 0xFE)
		}
		return buf, frames * 960
	}
	size := min(bits.Len64(uint64(length/120)), 4) // 1: 2.5 ms … 4: 20 ms
	return append(buf, byte(27+size)<<3|channels, 0xFF, 0xFE), 60 << size
}

// flush writes what the page holds.
func (o *oggWriter) flush() error {
	if len(o.lacing) > 0 {
		o.write(0)
	}
	return o.err
}

// close writes the last page. It does not close the file.
func (o *oggWriter) close() error {
	o.write(pageLast)
	return o.err
}

// write writes the page.
func (o *oggWriter) write(flags byte) {
	p := append(o.page[:0], "OggS\x00"...)
	p = append(p, flags)
	p = binary.LittleEndian.AppendUint64(p, uint64(o.end))
	p = binary.LittleEndian.AppendUint32(p, o.serial)
	p = binary.LittleEndian.AppendUint32(p, o.sequence)
	p = append(p, 0, 0, 0, 0, byte(len(o.lacing)))
	p = append(append(p, o.lacing...), o.body...)
	binary.LittleEndian.PutUint32(p[22:], o.checksum(p))
	if _, err := o.w.Write(p); err != nil && o.err == nil {
		o.err = err
	}
	o.sequence++
	o.page, o.lacing, o.body, o.paged = p, o.lacing[:0], o.body[:0], o.end
}

// checksum returns the CRC of RFC 3533 section 6.
func (o *oggWriter) checksum(p []byte) uint32 {
	crc := uint32(0)
	for _, b := range p {
		crc = crc<<8 ^ o.crc[byte(crc>>24)^b]
	}
	return crc
}

// oggCRC returns the table of the polynomial 0x04C11DB7, high bit first, which hash/crc32
// does not have.
func oggCRC() *[256]uint32 {
	var table [256]uint32
	for i := range table {
		crc := uint32(i) << 24
		for range 8 {
			carry := crc >> 31
			crc = crc<<1 ^ carry*0x04C11DB7
		}
		table[i] = crc
	}
	return &table
}
