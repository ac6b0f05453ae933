package h264

import "bytes"

// reader reads the bits of a unit. After its end it reads zeros.
type reader struct {
	data    []byte
	at      int // in bits
	overrun bool
}

func (r *reader) flag() bool { return r.bits(1) == 1 }

// bits reads an unsigned number of up to 32 bits.
func (r *reader) bits(n int) uint32 {
	if r.at+n > 8*len(r.data) {
		r.overrun = true
		r.at = 8 * len(r.data)
		return 0
	}
	var v uint32
	for range n {
		v = v<<1 | uint32(r.data[r.at/8]>>(7-r.at%8)&1)
		r.at++
	}
	return v
}

// golomb reads an unsigned Exp-Golomb code (section 9.1).
func (r *reader) golomb() uint32 {
	zeros := 0
	for !r.flag() {
		if zeros++; r.overrun || zeros > 31 {
			r.overrun = true
			return 0
		}
	}
	return 1<<zeros - 1 + r.bits(zeros)
}

// signed reads a signed Exp-Golomb code (section 9.1.1).
func (r *reader) signed() int32 {
	k := r.golomb()
	if k%2 == 0 {
		return -int32(k / 2)
	}
	return int32(k/2) + 1
}

// unescape takes out the bytes that keep a unit from having a start code in it (section
// 7.4.1.1).
func unescape(b []byte) []byte {
	escape := []byte{0, 0, 3}
	if !bytes.Contains(b, escape) {
		return b
	}
	var out []byte
	for {
		at := bytes.Index(b, escape)
		if at < 0 {
			return append(out, b...)
		}
		out = append(out, b[:at+2]...)
		b = b[at+3:]
	}
}
