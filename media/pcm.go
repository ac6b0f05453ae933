package media

import (
	"fmt"

	"github.com/gotgcall/gotgcall/models"
)

// PCMFormat is a format of samples, interleaved, signed, of 16 bits, little-endian.
type PCMFormat struct {
	// Rate is in Hz, 8,000 to 192,000.
	Rate int
	// Channels is 1 or 2.
	Channels int
}

// Check returns an error that wraps models.ErrInvalidParams for a format that is none.
func (f PCMFormat) Check() error {
	if f.Rate < 8000 || f.Rate > 192_000 || f.Channels < 1 || f.Channels > 2 {
		return fmt.Errorf("%w: samples of %d channels at %d Hz, want 1 or 2 at 8000 to 192000", models.ErrInvalidParams, f.Channels, f.Rate)
	}
	return nil
}
