package h264

import "errors"

// Sequence has the values of a sequence parameter set (section 7.3.2.1.1).
type Sequence struct {
	// Profile, Constraints and Level are profile_idc, the byte of constraint_set flags,
	// and level_idc.
	Profile, Constraints, Level byte
	// Width and Height are those of the pictures that are shown.
	Width, Height int
	// OrderType is pic_order_cnt_type. With 2 pictures are shown as they are coded.
	OrderType uint32
	// Reordered is how many pictures may come before one that is shown before them, or
	// -1 if that is not given.
	Reordered int
	// Progressive reports that there are no fields.
	Progressive bool
	// Common reports that colours are sampled as 4:2:0 in 8 bits.
	Common bool
	// Square reports that pixels are, or that nothing is said of their shape.
	Square bool
}

// maxSide is more pixels than any level has in a row (table A-1).
const maxSide = 16384

var errSPS = errors.New("malformed sequence parameters of H.264")

// ParseSPS reads a unit of type SPS.
func ParseSPS(unit []byte) (Sequence, error) {
	if Type(unit) != SPS || len(unit) < 4 {
		return Sequence{}, errSPS
	}
	s := Sequence{Profile: unit[1], Constraints: unit[2], Level: unit[3], Reordered: -1, Common: true, Square: true}
	r := reader{data: unescape(unit[4:])}
	r.golomb() // seq_parameter_set_id
	chroma := uint32(1)
	if hasChroma(s.Profile) {
		if chroma = r.golomb(); chroma == 3 {
			r.flag() // separate_colour_plane
		}
		luma, colour := r.golomb(), r.golomb() // bits more than 8
		s.Common = chroma == 1 && luma+colour == 0
		r.flag() // qpprime_y_zero_transform_bypass
		if r.flag() {
			r.scalingLists(chroma)
		}
	}
	r.golomb() // bits of frame_num
	switch s.OrderType = r.golomb(); s.OrderType {
	case 0:
		r.golomb() // bits of pic_order_cnt_lsb
	case 1:
		r.flag()
		r.golomb()
		r.golomb()
		for range min(r.golomb(), 255) {
			r.golomb()
		}
	}
	r.golomb() // max_num_ref_frames
	r.flag()   // gaps_in_frame_num
	width, height := r.golomb()+1, r.golomb()+1
	s.Progressive = r.flag()
	if !s.Progressive {
		height *= 2
		r.flag() // mb_adaptive_frame_field
	}
	r.flag() // direct_8x8_inference
	if width > maxSide/16 || height > maxSide/16 {
		return Sequence{}, errSPS
	}
	s.Width, s.Height = int(width)*16, int(height)*16
	if r.flag() {
		s.crop(&r, chroma)
	}
	if r.flag() {
		s.Square, s.Reordered = r.square(), r.reordered()
	}
	if r.overrun || s.Width <= 0 || s.Height <= 0 || s.OrderType > 2 {
		return Sequence{}, errSPS
	}
	return s, nil
}

// hasChroma reports whether a profile's parameters say how the colours are sampled.
func hasChroma(profile byte) bool {
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
		return true
	}
	return false
}

// crop takes the edges off that are not shown.
func (s *Sequence) crop(r *reader, chroma uint32) {
	x, y := 1, 1
	if chroma == 1 || chroma == 2 {
		x = 2
	}
	if chroma == 1 {
		y = 2
	}
	if !s.Progressive {
		y *= 2
	}
	left, right, top, bottom := r.golomb(), r.golomb(), r.golomb(), r.golomb()
	if max(left, right, top, bottom) > maxSide {
		r.overrun = true
		return
	}
	s.Width -= x * int(left+right)
	s.Height -= y * int(top+bottom)
}

// square reads the shape of pixels, with which the VUI begins (annex E).
func (r *reader) square() bool {
	const extended = 255
	if !r.flag() {
		return true
	}
	switch r.bits(8) {
	case 0, 1:
		return true
	case extended:
		width, height := r.bits(16), r.bits(16)
		return width == height
	}
	return false
}

// reordered reads the rest of the VUI, and returns max_num_reorder_frames, or -1 if it is
// not there.
func (r *reader) reordered() int {
	if r.flag() { // overscan
		r.flag()
	}
	if r.flag() { // video_signal_type
		r.bits(4)
		if r.flag() {
			r.bits(24)
		}
	}
	if r.flag() { // chroma_loc
		r.golomb()
		r.golomb()
	}
	if r.flag() { // timing
		r.bits(32)
		r.bits(32)
		r.flag()
	}
	nal := r.hrd()
	if vcl := r.hrd(); nal || vcl {
		r.flag() // low_delay
	}
	r.flag() // pic_struct_present
	if !r.flag() {
		return -1
	}
	r.flag() // motion_vectors_over_pic_boundaries
	for range 4 {
		r.golomb()
	}
	n := r.golomb()
	if r.overrun || n > 16 {
		r.overrun = true
		return -1
	}
	return int(n)
}

// hrd skips hrd_parameters (section E.1.2), if they are there.
func (r *reader) hrd() bool {
	if !r.flag() {
		return false
	}
	count := min(r.golomb(), 31) + 1
	r.bits(8)
	for range count {
		r.golomb()
		r.golomb()
		r.flag()
	}
	r.bits(20)
	return true
}

// scalingLists skips the matrices of a sequence.
func (r *reader) scalingLists(chroma uint32) {
	lists := 8
	if chroma == 3 {
		lists = 12
	}
	for i := range lists {
		if !r.flag() {
			continue
		}
		size := 16
		if i >= 6 {
			size = 64
		}
		last, next := int32(8), int32(8)
		for range size {
			if next != 0 {
				next = (last + r.signed() + 256) % 256
			}
			if next != 0 {
				last = next
			}
		}
	}
}
