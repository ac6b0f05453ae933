package container

import (
	"bytes"
	"encoding/binary"
	"io"
	"time"
)

// OggLength returns how long the Opus of a file is that r reads: by the granule position
// of its last page (RFC 7845 section 4.3). It returns 0 if the file is no Ogg, is chained,
// or ends with something else.
func OggLength(r Reader, file io.ReaderAt, size int64) time.Duration {
	o, ok := r.(*ogg)
	if !ok {
		return 0
	}
	tail := make([]byte, min(size, oggSearch))
	if _, err := file.ReadAt(tail, size-int64(len(tail))); err != nil {
		return 0
	}
	const none = 1<<64 - 1 // no packet ends on the page
	for at := len(tail); ; {
		if at = bytes.LastIndex(tail[:at], []byte("OggS\x00")); at < 0 {
			return 0
		}
		page := tail[at:]
		if len(page) < len(o.header) || binary.LittleEndian.Uint64(page[6:]) == none {
			continue
		}
		granule := binary.LittleEndian.Uint64(page[6:])
		if binary.LittleEndian.Uint32(page[14:]) != o.serial || granule > uint64(MaxPTS/time.Second)*opusRate {
			return 0
		}
		return max(0, samples(granule)-o.first.PreSkip)
	}
}
