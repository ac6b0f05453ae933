package netem

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const patience = 10 * time.Second

// recorded is a shaper with what came through and what did not.
type recorded struct {
	*shaper
	through, lost, late, doubled chan datagram
}

func newRecorded(shape Shape, seed uint64) *recorded {
	into := func() (chan datagram, func(datagram)) {
		ch := make(chan datagram, maxDelayed*2)
		return ch, func(d datagram) { ch <- d }
	}
	var (
		w = &recorded{}
		f fate
	)
	w.through, f.deliver = into()
	w.lost, f.lost = into()
	w.late, f.late = into()
	w.doubled, f.doubled = into()
	w.shaper = newShaper(shape, seed, 1, f)
	return w
}

func (w *recorded) next(t *testing.T) datagram {
	t.Helper()
	select {
	case d := <-w.through:
		return d
	case <-time.After(patience):
		require.FailNow(t, "nothing came through")
	}
	return datagram{}
}

// media looks like an RTP packet, control like RTCP.
func media(n byte) datagram   { return datagram{data: []byte{0x80, 111, n}} }
func control(n byte) datagram { return datagram{data: []byte{0x80, 200, n}} }

func TestShaperPassesAtOnceByDefault(t *testing.T) {
	t.Parallel()
	w := newRecorded(Shape{}, 0)
	defer w.close()
	w.submit(media(1))
	assert.Len(t, w.through, 1)
}

func TestShaperDelaysAndKeepsTheOrder(t *testing.T) {
	t.Parallel()
	w := newRecorded(Shape{Delay: 30 * time.Millisecond, Jitter: 20 * time.Millisecond}, 0)
	defer w.close()
	start := time.Now()
	for n := range byte(50) {
		w.submit(media(n))
	}
	for n := range byte(50) {
		assert.Equal(t, n, w.next(t).data[2])
		assert.GreaterOrEqual(t, time.Since(start), 30*time.Millisecond)
	}
}

func TestShaperLosesAsTheSeedSays(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) []byte {
		w := newRecorded(Shape{Loss: 0.3}, seed)
		defer w.close()
		for n := range byte(200) {
			w.submit(media(n))
		}
		var through []byte
		for len(w.through) > 0 {
			through = append(through, (<-w.through).data[2])
		}
		assert.Len(t, w.lost, 200-len(through))
		return through
	}
	first := run(1)
	assert.Equal(t, first, run(1))
	assert.NotEqual(t, first, run(2))
	assert.InDelta(t, 140, len(first), 30)
}

func TestMediaLossSparesTheRest(t *testing.T) {
	t.Parallel()
	w := newRecorded(Shape{MediaLoss: 1}, 0)
	defer w.close()
	w.submit(media(1))
	w.submit(control(2))
	assert.Len(t, w.through, 1)
	assert.Len(t, w.lost, 1)
}

func TestSilenceAndBlackOutLoseEverything(t *testing.T) {
	t.Parallel()
	w := newRecorded(Shape{}, 0)
	defer w.close()
	w.setSilent(true)
	w.submit(media(1))
	w.setSilent(false)
	w.submit(media(2))
	w.blackOut(time.Now().Add(time.Hour))
	w.submit(control(3))
	w.blackOut(time.Time{})
	w.submit(control(4))
	assert.Equal(t, byte(2), w.next(t).data[2])
	assert.Equal(t, byte(4), w.next(t).data[2])
	assert.Len(t, w.lost, 2)
}

func TestShaperIsBounded(t *testing.T) {
	t.Parallel()
	w := newRecorded(Shape{Delay: time.Hour}, 0)
	for range maxDelayed + 5 {
		w.submit(media(0))
	}
	assert.Len(t, w.lost, 5)
	w.close() // delivers what it holds
	assert.Len(t, w.through, maxDelayed)
	w.submit(media(0))
	assert.Len(t, w.lost, 6)
}
