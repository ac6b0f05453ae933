package container

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/gotgcall/gotgcall/media"
)

// The numbers of the tracks that are written: video, audio.
const (
	writtenVideo = 1
	writtenAudio = 2
)

// tick is the unit of the stream's timestamps. Each block has a cluster of its
// own, as a time inside a cluster has 16 bits only.
const tick = time.Microsecond

// AppendRawHeader appends all that comes before the first block of a Matroska stream of
// raw frames (RFC 9559).
func AppendRawHeader(b []byte, f media.Format) []byte {
	return append(appendHead(b), makeElement(0x1654AE6B, // Tracks
		makeElement(0xAE,
			makeNumber(0xD7, writtenVideo), makeNumber(0x73C5, writtenVideo), makeNumber(0x83, 1), makeNumber(0x9C, 0), // number, UID, type, no lacing
			makeText(0x86, "V_UNCOMPRESSED"), makeNumber(0x23E383, uint64(time.Second)/uint64(f.FPS)), // codec, DefaultDuration
			makeElement(0xE0, makeNumber(0xB0, uint64(f.Width)), makeNumber(0xBA, uint64(f.Height)), makeText(0x2EB524, "I420")),
		),
		pcmTrack(SampleRate, Channels),
	)...)
}

// AppendPCMHeader appends all that comes before the first block of a Matroska stream of
// interleaved 16-bit samples.
func AppendPCMHeader(b []byte, rate, channels int) []byte {
	return append(appendHead(b), makeElement(0x1654AE6B, pcmTrack(rate, channels))...)
}

// appendHead appends what comes before the tracks.
func appendHead(b []byte) []byte {
	b = append(b, makeElement(0x1A45DFA3, // EBML
		makeNumber(0x4286, 1), makeNumber(0x42F7, 1), // versions: of EBML, to read it
		makeNumber(0x42F2, 4), makeNumber(0x42F3, 8), // longest id and size
		makeText(0x4282, "matroska"), makeNumber(0x4287, 4), makeNumber(0x4285, 2), // type and versions
	)...)
	b = append(b, 0x18, 0x53, 0x80, 0x67, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF) // Segment without an end
	return append(b, makeElement(0x1549A966, makeNumber(0x2AD7B1, uint64(tick)))...)      // Info: TimestampScale
}

func pcmTrack(rate, channels int) []byte {
	return makeElement(0xAE,
		makeNumber(0xD7, writtenAudio), makeNumber(0x73C5, writtenAudio), makeNumber(0x83, 2), makeNumber(0x9C, 0),
		makeText(0x86, "A_PCM/INT/LIT"),
		makeElement(0xE1,
			makeElement(0xB5, binary.BigEndian.AppendUint64(nil, math.Float64bits(float64(rate)))),
			makeNumber(0x9F, uint64(channels)), makeNumber(0x6264, 16), // channels, bits
		),
	)
}

func makeNumber(id uint32, v uint64) []byte {
	return makeElement(id, binary.BigEndian.AppendUint64(nil, v))
}

func makeText(id uint32, s string) []byte { return makeElement(id, []byte(s)) }

// AppendRawBlock appends all of a cluster with one block but the block's data, which
// is size bytes long and comes next: samples for media.TrackAudio, or a picture.
func AppendRawBlock(b []byte, track media.Track, at time.Duration, size int) []byte {
	number := byte(writtenVideo)
	if track == media.TrackAudio {
		number = writtenAudio
	}
	const timestamp, blockHead, trackHead = 1 + 1 + 8, 1 + 8, 4
	b = append(b, 0x1F, 0x43, 0xB6, 0x75) // Cluster
	b = appendSize(b, timestamp+blockHead+trackHead+size)
	b = append(b, 0xE7, 0x88) // Timestamp, of eight bytes
	b = binary.BigEndian.AppendUint64(b, uint64(at/tick))
	b = append(b, 0xA3) // SimpleBlock
	b = appendSize(b, trackHead+size)
	return append(b, 0x80|number, 0, 0, 0x80) // at the cluster's time, a key frame
}

// makeElement returns an element with a body of parts.
func makeElement(id uint32, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	b := bytes.TrimLeft(binary.BigEndian.AppendUint32(nil, id), "\x00")
	return append(appendSize(b, len(body)), body...)
}

// appendSize appends a size of eight bytes (RFC 8794 section 6).
func appendSize(b []byte, n int) []byte {
	return binary.BigEndian.AppendUint64(b, 1<<56|uint64(n))
}
