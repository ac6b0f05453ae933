package rtmp

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// Kind is the type of a tag in FLV, which is that of its message in RTMP.
type Kind byte

// The kinds of tags (Adobe's FLV specification, section E.4.1).
const (
	KindAudio  Kind = 8
	KindVideo  Kind = 9
	KindScript Kind = 18
)

// Tag is a tag of an FLV stream. Its body is the body of an RTMP message, too.
type Tag struct {
	Kind Kind
	At   time.Duration // since the stream began
	Body []byte
}

const (
	codecH264 = 7
	codecAAC  = 10
)

// known reports whether it is script data, H.264 or AAC with something in it.
func (t Tag) known() bool {
	switch t.Kind {
	case KindScript:
		return len(t.Body) > 0
	case KindVideo:
		return len(t.Body) > 5 && t.Body[0]&0x8F == codecH264
	case KindAudio:
		return len(t.Body) > 2 && t.Body[0]>>4 == codecAAC
	}
	return false
}

// header reports whether a known tag says how to decode those after it.
func (t Tag) header() bool { return t.Kind == KindScript || t.Body[1] == 0 }

// key reports whether a known tag is a picture that can be decoded without others.
func (t Tag) key() bool { return t.Kind == KindVideo && t.Body[0]>>4 == 1 && !t.header() }

const (
	fileHeaderSize = 9
	tagHeaderSize  = 11
	tagTrailerSize = 4 // the size of the tag before
)

// tagReader reads an FLV stream of any length: its timestamps, of which ffmpeg
// writes 31 bits, are continued beyond that.
type tagReader struct {
	r    *bufio.Reader
	last uint32
	at   int64 // ms
	head [tagHeaderSize]byte
}

// newTagReader reads the file header.
func newTagReader(r io.Reader) (*tagReader, error) {
	t := &tagReader{r: bufio.NewReaderSize(r, 64<<10)}
	var head [fileHeaderSize + tagTrailerSize]byte
	if _, err := io.ReadFull(t.r, head[:]); err != nil {
		return nil, err
	}
	if string(head[:3]) != "FLV" || binary.BigEndian.Uint32(head[5:]) != fileHeaderSize {
		return nil, errors.New("no FLV stream")
	}
	return t, nil
}

// next returns the next tag. The end of the stream is io.EOF.
func (t *tagReader) next() (Tag, error) {
	if _, err := io.ReadFull(t.r, t.head[:]); err != nil {
		return Tag{}, err
	}
	size := int(t.head[1])<<16 | int(t.head[2])<<8 | int(t.head[3])
	stamp := uint32(t.head[7])<<24 | uint32(t.head[4])<<16 | uint32(t.head[5])<<8 | uint32(t.head[6])
	t.at += int64(int32((stamp-t.last)<<1) >> 1)
	t.last = stamp
	tag := Tag{Kind: Kind(t.head[0]), At: time.Duration(t.at) * time.Millisecond, Body: make([]byte, size)}
	_, err := io.ReadFull(t.r, tag.Body)
	if err == nil {
		_, err = t.r.Discard(tagTrailerSize)
	}
	if err != nil {
		return Tag{}, fmt.Errorf("a tag is cut off: %w", err)
	}
	return tag, nil
}
