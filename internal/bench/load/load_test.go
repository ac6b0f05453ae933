package load

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMallocsCountsEachObject: few objects are counted, too, although the caches of the
// processors hold them.
func TestMallocsCountsEachObject(t *testing.T) {
	t.Parallel()
	const objects = 40
	kept := make([]*[64]byte, 0, objects)
	before := mallocs()
	for range objects {
		kept = append(kept, new([64]byte))
	}
	require.GreaterOrEqual(t, mallocs()-before, uint64(len(kept)))
}
