package media

import "time"

// SourceInfo is what a source says of itself. Nobody vouches for it: the length and the
// texts are the file's or the server's own. The texts of the sources of this package are
// one line of at most 256 characters each, of valid UTF-8 without control characters, and
// empty when there are none.
type SourceInfo struct {
	// Duration is where the media ends, counted as a position is. It is 0 when
	// the source is live or does not say.
	Duration time.Duration
	// Estimated reports that Duration is a guess by size and bit rate, which for a
	// variable rate may be far out.
	Estimated bool
	// Live reports that the source has no end.
	Live bool

	Title, Artist, Album string
}
