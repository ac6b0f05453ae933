package rtmp

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const flvHeader = "FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00"

func appendTag(b []byte, kind Kind, stamp uint32, body []byte) []byte {
	b = append(b, byte(kind), byte(len(body)>>16), byte(len(body)>>8), byte(len(body)))
	b = append(b, byte(stamp>>16), byte(stamp>>8), byte(stamp), byte(stamp>>24), 0, 0, 0)
	return binary.BigEndian.AppendUint32(append(b, body...), uint32(tagHeaderSize+len(body)))
}

// TestTimesGoOnBeyond31Bits, which is 24 days.
func TestTimesGoOnBeyond31Bits(t *testing.T) {
	t.Parallel()
	stream := []byte(flvHeader)
	stamps := []int64{0, 23, 20, 1<<24 - 1, 1 << 24, 1<<30 + 5, 1<<31 - 2, 1<<31 + 30, 1<<31 + 29, 1<<31 + 1<<29, 1<<31 + 1<<30, 3 << 30, 7 << 29, 1<<32 + 7}
	for _, at := range stamps {
		stream = appendTag(stream, KindAudio, uint32(at)&0x7FFFFFFF, []byte{0xAF, 1, byte(at)})
	}
	r, err := newTagReader(bytes.NewReader(stream))
	require.NoError(t, err)
	for _, at := range stamps {
		tag, err := r.next()
		require.NoError(t, err)
		require.Equal(t, Tag{KindAudio, time.Duration(at) * time.Millisecond, []byte{0xAF, 1, byte(at)}}, tag)
		require.True(t, tag.known())
	}
	_, err = r.next()
	require.Equal(t, io.EOF, err)
}

func FuzzTags(f *testing.F) {
	f.Add([]byte(flvHeader))
	f.Add(appendTag(appendTag([]byte(flvHeader), KindVideo, 0, []byte{0x17, 0, 0, 0, 0, 1}), KindScript, 5, []byte{2}))
	f.Fuzz(func(t *testing.T, stream []byte) {
		r, err := newTagReader(bytes.NewReader(stream))
		if err != nil {
			return
		}
		read := 0
		for {
			tag, err := r.next()
			if err != nil {
				break
			}
			read += tagHeaderSize + len(tag.Body) + tagTrailerSize
			if tag.known() {
				_, _ = tag.header(), tag.key()
			}
		}
		require.LessOrEqual(t, read, len(stream))
	})
}
