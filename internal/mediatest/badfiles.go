package mediatest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
)

// WriteEmpty writes a file of no bytes.
func WriteEmpty(path string) error { return os.WriteFile(path, nil, 0o600) }

// WriteText writes a file that is no media, whatever its extension says.
func WriteText(path string) error {
	return os.WriteFile(path, []byte(strings.Repeat("This is not a song.\n", 200)), 0o600)
}

// TruncateMP4 copies an MP4 without its index: a download that broke off. src
// must have the moov box last, as MakeMovie writes it.
func TruncateMP4(src, dst string) error {
	data, err := os.ReadFile(src)
	if err != nil {
		return err
	}
	mediaSeen := false
	for offset := 0; offset+16 <= len(data); {
		size := uint64(binary.BigEndian.Uint32(data[offset:]))
		if size == 1 {
			size = binary.BigEndian.Uint64(data[offset+8:])
		}
		switch name := string(data[offset+4 : offset+8]); {
		case name == "moov" && mediaSeen:
			return os.WriteFile(dst, data[:offset], 0o600)
		case name == "mdat":
			mediaSeen = true
		}
		if size < 8 || size > uint64(len(data)-offset) {
			return fmt.Errorf("%s: box of %d bytes at %d", src, size, offset)
		}
		offset += int(size)
	}
	return errors.New(src + ": no moov box after the media")
}
