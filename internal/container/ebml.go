package container

import "errors"

// children calls f with each element of a master element's body.
func children(data []byte, f func(id uint32, body []byte) error) error {
	for len(data) > 0 {
		_, n := vint(data)
		if n == 0 || n > 4 {
			return errors.New("malformed element")
		}
		id := uint32(0)
		for _, b := range data[:n] {
			id = id<<8 | uint32(b)
		}
		data = data[n:]
		size, n := vint(data)
		if n == 0 || size > uint64(len(data)-n) {
			return errors.New("malformed element")
		}
		if err := f(id, data[n:n+int(size)]); err != nil {
			return err
		}
		data = data[n+int(size):]
	}
	return nil
}

// vint decodes a variable-length integer without its length marker. n is 0 when
// there is none.
func vint(data []byte) (value uint64, n int) {
	if len(data) == 0 {
		return 0, 0
	}
	for n = 1; n <= 8 && data[0]&(0x80>>(n-1)) == 0; n++ {
	}
	if n > 8 || len(data) < n {
		return 0, 0
	}
	value = uint64(data[0]) &^ (0x80 >> (n - 1))
	for _, b := range data[1:n] {
		value = value<<8 | uint64(b)
	}
	return value, n
}

// number decodes an unsigned integer element; only its last 8 bytes count.
func number(data []byte) (value uint64) {
	for _, b := range data {
		value = value<<8 | uint64(b)
	}
	return value
}

// unlace splits the body of a laced block by its flags, 01 Xiph, 11 EBML, 10 equal
// sizes (RFC 9559 section 10.3). Each frame but the last may have its size in front.
func unlace(lacing byte, data []byte) ([][]byte, error) {
	errLacing := errors.New("malformed lacing")
	if len(data) == 0 {
		return nil, errLacing
	}
	count, data := int(data[0])+1, data[1:]
	sizes := make([]int, 0, count)
	for total := 0; len(sizes) < count-1; {
		size, n := 0, 0
		switch {
		case lacing == 2:
			size = len(data) / count
		case lacing == 1:
			size, n = xiphSize(data)
		case len(sizes) == 0:
			var value uint64
			value, n = vint(data)
			size = int(min(value, maxVideoFrame))
		default: // the difference to the size before, as a vint around its middle
			var value uint64
			value, n = vint(data)
			next := int64(sizes[len(sizes)-1]) + int64(value) - (1<<(7*max(n, 1)-1) - 1)
			size = int(max(-1, min(next, maxVideoFrame)))
		}
		data = data[n:]
		if total += size; size < 0 || total > len(data) || lacing != 2 && n == 0 {
			return nil, errLacing
		}
		sizes = append(sizes, size)
	}
	frames := make([][]byte, 0, count)
	for _, size := range sizes {
		if size > len(data) {
			return nil, errLacing
		}
		frames, data = append(frames, data[:size]), data[size:]
	}
	return append(frames, data), nil
}

// xiphSize reads a size that is the sum of bytes, the last of which is below 255. n is 0
// when there is none.
func xiphSize(data []byte) (size, n int) {
	for i, b := range data {
		size += int(b)
		if b < 255 {
			return size, i + 1
		}
	}
	return 0, 0
}
