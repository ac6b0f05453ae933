package play

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/media"
)

const frames = 500

// sizes is a stream of frames of any size, each filled with the last byte of its number.
// It reuses one buffer, as an encoder's does.
type sizes struct {
	media.Stream
	random *rand.Rand
	most   int
	next   int
	buffer []byte
}

func (s *sizes) ReadFrame() (media.Frame, error) {
	clear(s.buffer)
	if s.next == frames {
		return media.Frame{}, io.EOF
	}
	size := s.random.IntN(1 + s.random.IntN(s.most))
	s.buffer = append(s.buffer[:0], bytes.Repeat([]byte{byte(s.next)}, size)...)
	f := media.Frame{Track: a, PTS: time.Duration(s.next) * 20 * ms, Duration: 20 * ms, Data: s.buffer}
	s.next++
	return f, nil
}

// TestFramesOfAnySizeAreReadAhead: each comes as it was, and little is kept.
func TestFramesOfAnySizeAreReadAhead(t *testing.T) {
	t.Parallel()
	for _, most := range []int{1, 300, 5000, lentBytes, 2 * lentBytes} {
		for seed := range uint64(2) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(uint64(most), seed))
				wanted := make(chan struct{}, 1)
				stream := &sizes{random: rand.New(rand.NewPCG(seed, uint64(most))), most: most}
				r := newAhead(stream, func() { wanted <- struct{}{} })
				for n := 0; ; {
					f, ok, err := r.next()
					if err != nil {
						require.ErrorIs(t, err, io.EOF)
						require.Equal(t, frames, n)
						break
					}
					if !ok {
						<-wanted
						continue
					}
					if random.IntN(4) == 0 {
						synctest.Wait() // it is read ahead as far as it goes
					}
					require.Equal(t, time.Duration(n)*20*ms, f.PTS)
					require.Equal(t, len(f.Data), bytes.Count(f.Data, []byte{byte(n)}), "bytes of frame %d", n)
					r.mu.Lock()
					require.LessOrEqual(t, r.count, int(aheadMost/(20*ms)))
					require.Less(t, r.bytes, aheadBytes+2*lentBytes)
					require.LessOrEqual(t, len(r.store), 4*aheadBytes)
					r.mu.Unlock()
					n++
				}
				r.stop()
				<-r.done
			})
		}
	}
}
