package container

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gotgcall/gotgcall/media"
)

// The elements of RFC 9559 that carry a stream; all others are skipped.
const (
	idSegment        = 0x18538067
	idInfo           = 0x1549A966
	idTimestampScale = 0x2AD7B1
	idTracks         = 0x1654AE6B
	idTrackEntry     = 0xAE
	idTrackNumber    = 0xD7
	idCodecID        = 0x86
	idCodecPrivate   = 0x63A2
	idDefaultDur     = 0x23E383
	idEncodings      = 0x6D80
	idCluster        = 0x1F43B675
	idTimestamp      = 0xE7
	idBlockGroup     = 0xA0
	idBlock          = 0xA1
	idSimpleBlock    = 0xA3
	idCRC            = 0xBF
	idVoid           = 0xEC
)

const (
	maxHeader   = 4 << 20 // the Tracks and Info elements, which are read whole
	unknownSize = -1
)

// matroska reads Opus and VP8 or H.264, or raw frames, in Matroska or WebM as it is
// written: clusters of any size, known or not.
type matroska struct {
	r       *bufio.Reader
	content Content
	left    int64 // bytes left of the cluster's known size, or unknownSize
	scale   time.Duration
	head    [8]byte

	audio, video mkvTrack
	sounds       int // tracks of sound, of any codec
	cluster      time.Duration
	tags         Tags
	data         []byte   // reused from block to block
	laced        [][]byte // what is left of a block of several frames of sound
}

// newMatroska reads the header. A track that is not wanted may be of any codec.
func newMatroska(r *bufio.Reader, content Content, want media.Track) (*matroska, error) {
	m := &matroska{r: r, content: content, left: unknownSize, scale: time.Millisecond}
	for {
		id, size, err := m.element()
		if err != nil {
			return nil, fmt.Errorf("matroska: header: %w", truncated(err))
		}
		switch id {
		case idSegment:
		case idInfo, idTracks:
			if err := m.header(id, size); err != nil {
				return nil, fmt.Errorf("matroska: header: %w", err)
			}
			if id == idTracks {
				return m, m.refusal(want)
			}
		case idCluster:
			return nil, errors.New("matroska: no tracks before the first cluster")
		default:
			if err := m.skip(size); err != nil {
				return nil, fmt.Errorf("matroska: header: %w", err)
			}
		}
	}
}

func (m *matroska) Tracks() (t media.Track) {
	if m.audio.number != 0 {
		t |= media.TrackAudio
	}
	if m.video.number != 0 {
		t |= media.TrackVideo
	}
	return t
}

// refusal returns why a wanted track cannot be played.
func (m *matroska) refusal(want media.Track) error {
	switch {
	case want.Has(media.TrackAudio) && m.audio.refused != nil:
		return fmt.Errorf("matroska: %w", m.audio.refused)
	case want.Has(media.TrackVideo) && m.video.refused != nil:
		return fmt.Errorf("matroska: %w", m.video.refused)
	}
	return nil
}

func (m *matroska) Next() (media.Frame, error) {
	for {
		if len(m.laced) > 0 {
			f, err := m.sound(m.laced[0], m.audio.due)
			if m.laced = m.laced[1:]; err != nil {
				return media.Frame{}, fmt.Errorf("matroska: %w", err)
			}
			return f, nil
		}
		id, size, err := m.element()
		if errors.Is(err, io.EOF) && m.left <= 0 {
			return media.Frame{}, io.EOF
		}
		if err != nil {
			return media.Frame{}, fmt.Errorf("matroska: %w", truncated(err))
		}
		switch id {
		case idCluster:
			m.left = size
		case idSegment, idBlockGroup:
			// Their children are read as if they were not there.
		case idTags:
			err = m.readTags(size)
		case idTimestamp:
			err = m.timestamp(size)
		case idSimpleBlock, idBlock:
			var f media.Frame
			if f, err = m.block(size); err == nil && f.Track != 0 {
				return f, nil
			}
		default:
			err = m.skip(size)
		}
		if err != nil {
			return media.Frame{}, fmt.Errorf("matroska: %w", err)
		}
	}
}

// timestamp reads the cluster's.
func (m *matroska) timestamp(size int64) error {
	data, err := m.read(size, 8)
	if err != nil {
		return err
	}
	ticks := number(data)
	if ticks > uint64(MaxPTS/m.scale) {
		return errors.New("timestamp out of range")
	}
	m.cluster = time.Duration(ticks) * m.scale
	return nil
}

// block reads a block. The frame has no track when the block is not played.
func (m *matroska) block(size int64) (media.Frame, error) {
	data, err := m.read(size, maxVideoFrame)
	if err != nil {
		return media.Frame{}, err
	}
	track, n := vint(data)
	if n == 0 || len(data) < n+3 {
		return media.Frame{}, errors.New("malformed block")
	}
	pts := m.cluster + time.Duration(int16(binary.BigEndian.Uint16(data[n:])))*m.scale
	lacing, payload := data[n+2]>>1&3, data[n+3:]
	switch {
	case len(payload) == 0 || track == 0 || track != m.audio.number && track != m.video.number:
		return media.Frame{}, nil
	case track == m.video.number && lacing != 0:
		return media.Frame{}, errors.New("a laced picture")
	case track == m.video.number:
		return m.picture(payload, pts)
	}
	if lacing != 0 {
		frames, err := unlace(lacing, payload)
		if err != nil {
			return media.Frame{}, err
		}
		payload, m.laced = frames[0], frames[1:]
	}
	return m.sound(payload, pts)
}

// picture returns a frame that is shown from a time of the container on.
func (m *matroska) picture(payload []byte, pts time.Duration) (media.Frame, error) {
	f := media.Frame{Track: media.TrackVideo, PTS: m.video.snap(pts), Duration: m.video.interval, Data: payload}
	var err error
	switch m.content {
	case Raw:
		f.Key = true
	case H264:
		f.Codec = media.CodecH264
		f.Data, f.Key, err = m.video.avc.byteStream(payload)
	default:
		f.Key = vp8Key(payload)
	}
	return f, err
}

// sound returns a frame that begins at a time of the container.
func (m *matroska) sound(payload []byte, pts time.Duration) (media.Frame, error) {
	d, err := m.content.duration(payload)
	if err != nil {
		return media.Frame{}, err
	}
	return media.Frame{Track: media.TrackAudio, PTS: m.audio.advance(pts, d), Duration: d, Data: payload}, nil
}

// header reads the Info or Tracks element.
func (m *matroska) header(id uint32, size int64) error {
	data, err := m.read(size, maxHeader)
	if err != nil {
		return err
	}
	var length []byte
	err = children(data, func(child uint32, body []byte) error {
		switch {
		case id == idInfo && child == idTitle:
			m.tags.set("TITLE", body)
		case id == idInfo && child == idDuration:
			length = body
		case id == idInfo && child == idTimestampScale:
			m.scale = time.Duration(number(body))
			if m.scale <= 0 || m.scale > time.Second {
				return errors.New("timestamp scale out of range")
			}
		case id == idTracks && child == idTrackEntry:
			return m.track(body)
		}
		return nil
	})
	if length != nil {
		m.tags.duration(length, m.scale) // the scale may come behind it
	}
	return err
}

// element reads an element's id and size.
func (m *matroska) element() (id uint32, size int64, err error) {
	rawID, _, err := m.vint(4)
	if err != nil {
		return 0, 0, err
	}
	id = uint32(rawID)
	value, n, err := m.vint(8)
	if err != nil {
		return 0, 0, truncated(err)
	}
	value &^= 1 << (7 * n) // the length marker
	if value == 1<<(7*n)-1 {
		if id != idSegment && id != idCluster {
			return 0, 0, fmt.Errorf("element %#x has no size", id)
		}
		return id, unknownSize, nil
	}
	return id, int64(value), nil
}

// vint reads a variable-length integer of at most limit bytes with its length
// marker (RFC 8794 section 4).
func (m *matroska) vint(limit int) (value uint64, n int, err error) {
	if _, err := io.ReadFull(m.r, m.head[:1]); err != nil {
		return 0, 0, err
	}
	for n = 1; n <= limit && m.head[0]&(0x80>>(n-1)) == 0; n++ {
	}
	if n > limit {
		return 0, 0, errors.New("malformed element")
	}
	if _, err := io.ReadFull(m.r, m.head[1:n]); err != nil {
		return 0, 0, truncated(err)
	}
	m.consume(int64(n))
	for _, b := range m.head[:n] {
		value = value<<8 | uint64(b)
	}
	return value, n, nil
}

// consume counts what is left of the cluster.
func (m *matroska) consume(n int64) {
	if m.left >= 0 {
		m.left = max(0, m.left-n)
	}
}

// read reads a whole element's body into the reused buffer.
func (m *matroska) read(size int64, limit int) ([]byte, error) {
	if size < 0 || size > int64(limit) {
		return nil, fmt.Errorf("an element of %d bytes, want at most %d", size, limit)
	}
	m.consume(size)
	var err error
	m.data, err = readInto(m.r, m.data, int(size))
	return m.data, err
}

func (m *matroska) skip(size int64) error {
	m.consume(size)
	const step = 1 << 20 // Discard takes an int
	for ; size > 0; size -= step {
		if _, err := m.r.Discard(int(min(size, step))); err != nil {
			return truncated(err)
		}
	}
	return nil
}
