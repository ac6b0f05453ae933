package push

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// A queue gives what was put into it, in order, and keeps no more room than it needed.
func TestFIFO(t *testing.T) {
	t.Parallel()
	var q fifo[int]
	random := rand.New(rand.NewPCG(1, 2))
	in, out := 0, 0
	for range 100_000 {
		for range random.IntN(4) {
			q.push(in)
			in++
		}
		if len(q.waiting()) > 100 {
			q.drop(50)
			out += 50
		}
		n := random.IntN(min(3, len(q.waiting())) + 1)
		for i, v := range q.waiting()[:n] {
			require.Equal(t, out+i, v)
		}
		q.drop(n)
		out += n
	}
	require.Len(t, q.waiting(), in-out)
	require.Less(t, cap(q.elements), 1000)
	q.clear()
	require.Empty(t, q.waiting())
}
