package h264

// Predicted reports whether a unit of type Slice or IDR is one of an I or P picture,
// which needs none that is shown after it. It is false of B pictures, and of types that
// baseline, main and high profile do not have together.
func Predicted(unit []byte) bool {
	const header = 16 // more than the two codes take
	r := reader{data: unescape(unit[1:min(len(unit), header)])}
	r.golomb() // first_mb_in_slice
	kind := r.golomb()
	return !r.overrun && kind < 10 && (kind%5 == 0 || kind%5 == 2) // table 7-6: P, B, I, SP, SI
}
