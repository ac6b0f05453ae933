package container

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gotgcall/gotgcall/media"
)

// maxCluster bounds the search for the next cluster: several times what writers put into
// one.
const maxCluster = 16 << 20

var errChoice = errors.New("not one stream of Opus")

// OpusFile reads the sound of Ogg or Matroska files whose only sound is Opus, from any
// position. It keeps no index: each position is found by bisection, in constant memory.
// It is for one goroutine at a time.
type OpusFile struct {
	in     *input
	reader Reader
	size   int64 // in bytes, if the file can be read from any place

	ogg   *ogg // nil: it is Matroska
	links []oggLink
	link  *oggLink // the one that a position was found in

	mkv   *matroska
	begin int64 // where the clusters begin, or something before them

	target time.Duration // the position looked for, in the times of the reader
}

// NewOpusFile reads the headers. A file that is an io.Seeker can be read from any
// position, and its length is known; size is that in bytes.
func NewOpusFile(r io.Reader, size int64) (*OpusFile, error) {
	f := &OpusFile{in: newInput(r), size: size}
	reader, err := NewReader(f.in.Reader, Encoded, media.TrackAudio)
	if err != nil {
		return nil, err
	}
	f.reader = reader
	switch reader := reader.(type) {
	case *ogg:
		f.ogg = reader
		if f.in.file == nil {
			return f, nil
		}
		return f, f.readLinks()
	case *matroska:
		f.mkv, f.begin = reader, f.in.offset()
		if reader.Tracks().Has(media.TrackAudio) && reader.sounds == 1 {
			return f, nil
		}
	}
	return nil, errChoice
}

// Heads returns the headers, one per link of a chain as far as they are known.
func (f *OpusFile) Heads() (heads []OpusHead) {
	switch {
	case f.mkv != nil:
		return []OpusHead{f.mkv.audio.head}
	case f.links == nil:
		return []OpusHead{f.ogg.first}
	}
	for _, l := range f.links {
		heads = append(heads, l.head)
	}
	return heads
}

// Tags returns what the file says of itself, once its first frame has been read, and its
// length.
func (f *OpusFile) Tags() Tags {
	tags := f.reader.Tags()
	if n := len(f.links); n > 0 {
		tags.Duration = f.links[n-1].base + f.links[n-1].length()
	}
	return tags
}

// Seek goes to a place at or before a position, from which [OpusFile.Next] reads.
func (f *OpusFile) Seek(position time.Duration) error {
	if f.ogg != nil {
		return f.seekOgg(position)
	}
	m := f.mkv
	f.target = 0
	best, err := anchor{offset: f.begin, next: f.begin}, error(nil)
	if position > 0 {
		f.target = position + m.audio.head.PreSkip
		// A packet may be in the cluster before that of its end.
		const longest = 120 * time.Millisecond
		best, err = bisect(best, anchor{offset: f.size, at: m.tags.Duration}, f.target-longest, f.cluster)
	}
	if err == nil {
		err = f.in.seek(best.offset)
	}
	m.left, m.laced, m.cluster, m.audio.started, m.video.started = unknownSize, nil, 0, false, false
	return err
}

// cluster returns the first cluster between two places.
func (f *OpusFile) cluster(from, limit int64) (anchor, bool, error) {
	magic := []byte{0x1F, 0x43, 0xB6, 0x75}
	if err := f.in.seek(from); err != nil {
		return anchor{}, false, err
	}
	for f.in.offset() < min(limit, from+maxCluster) {
		chunk, err := f.in.Peek(4 << 10)
		at := bytes.Index(chunk, magic)
		if at < 0 {
			if err != nil {
				return anchor{}, false, ended(err)
			}
			_, _ = f.in.Discard(len(chunk) - len(magic) + 1)
			continue
		}
		_, _ = f.in.Discard(at)
		a := anchor{offset: f.in.offset()}
		if a.offset >= limit {
			return a, false, nil
		}
		head, _ := f.in.Peek(64)
		if ticks, ok := clusterTime(head); ok && ticks <= uint64(MaxPTS/f.mkv.scale) {
			a.next, a.at = a.offset+4, time.Duration(ticks)*f.mkv.scale
			return a, true, nil
		}
		_, _ = f.in.Discard(len(magic))
	}
	return anchor{}, false, nil
}

// clusterTime returns the timestamp of a cluster by its first bytes, in ticks: it is the
// first element in it, but for checksums and padding (RFC 9559 section 5.1.3.1).
func clusterTime(head []byte) (ticks uint64, ok bool) {
	head = head[4:]
	_, n := vint(head)
	if n == 0 {
		return 0, false
	}
	for head = head[n:]; len(head) > 0; {
		id := head[0]
		size, n := vint(head[1:])
		if n == 0 || size > uint64(len(head)-1-n) {
			return 0, false
		}
		body := head[1+n:]
		switch id {
		case idTimestamp:
			return number(body[:size]), size <= 8
		case idCRC, idVoid:
		default:
			return 0, false
		}
		head = body[size:]
	}
	return 0, false
}

// Target returns the position sought last in the times of the frames of
// [OpusFile.Next]: a frame that ends at or before it is not asked for.
func (f *OpusFile) Target() time.Duration { return f.target }

// Position returns where in the media a frame begins that was read first after
// [OpusFile.Seek]: what a decoder leaves out at the beginning does not count.
func (f *OpusFile) Position(pts time.Duration) time.Duration {
	if f.link != nil {
		return f.link.base + max(0, pts-f.link.head.PreSkip)
	}
	if f.mkv != nil {
		return max(0, pts-f.mkv.audio.head.PreSkip)
	}
	return pts
}

// Next returns the next frame of sound.
func (f *OpusFile) Next() (media.Frame, error) {
	f.in.allow()
	for {
		frame, err := f.reader.Next()
		if err != nil {
			return frame, fmt.Errorf("read Opus: %w", err)
		}
		if frame.Track == media.TrackAudio {
			return frame, nil
		}
	}
}
