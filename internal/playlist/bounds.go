package playlist

// Bounds are the limits within which a variant is chosen.
type Bounds struct {
	Picture       bool // or else sound alone
	Width, Height int  // bounds of the picture, which is fitted inside them
	FPS           int  // bounds the frame rate
}

// picture is what a list says of a form with a picture; 0 is not said.
type picture struct {
	width, height int
	rate          float64
	bandwidth     int64
}

// bitsPerPixel estimates the bits that a picture of unknown size has for each of
// its pixels: Apple's authoring guide has 4.5 Mbit/s for 1280x720 at 30 a second.
const bitsPerPixel = 0.16

// better reports whether p shows more inside the bounds than q does.
func (b Bounds) better(p, q picture) bool {
	if p.known() != q.known() {
		return p.known()
	}
	if b.holds(p) != b.holds(q) {
		return b.holds(p)
	}
	area := int64(p.width)*int64(p.height) - int64(q.width)*int64(q.height)
	bits := p.bandwidth - q.bandwidth
	if !b.holds(p) {
		area, bits = -area, -bits // both are too large
	}
	switch {
	case area != 0:
		return area > 0
	case b.fast(p) != b.fast(q):
		return b.fast(q)
	case p.rate != q.rate && !b.fast(p):
		return p.rate > q.rate
	}
	return bits > 0
}

// fast reports whether pictures come more often than they are shown: they cost
// bytes and time, but rather that than a smaller picture.
func (b Bounds) fast(p picture) bool { return p.rate >= float64(b.FPS)+1 } // 59.94 and 60 are the same

func (p picture) known() bool { return p.width > 0 && p.height > 0 }

// holds reports whether a picture is inside the bounds.
func (b Bounds) holds(p picture) bool {
	if !p.known() {
		return float64(p.bandwidth) <= bitsPerPixel*float64(b.Width)*float64(b.Height)*float64(b.FPS)
	}
	return p.width <= b.Width && p.height <= b.Height
}
