//go:build go1.25

package netem

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// sized is an RTP packet that takes so many bytes on the wire.
func sized(n byte, size int) datagram {
	return datagram{data: append([]byte{0x80, 111, n}, make([]byte, size-datagramOverhead-3)...)}
}

// numbers empties a channel.
func numbers(ch chan datagram) []byte {
	var all []byte
	for len(ch) > 0 {
		all = append(all, (<-ch).data[2])
	}
	return all
}

func TestRateIsKeptAndTheQueueDropsItsTail(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		shape   Shape
		size    int
		through int
		takes   time.Duration // of the last that came through
	}{
		// 1000 bytes take 8 ms; the first is the burst's.
		"queue in bytes":        {Shape{Rate: 1e6, Burst: 1000, Queue: 5000}, 1000, 6, 40 * time.Millisecond},
		"queue in time":         {Shape{Rate: 1e6, Burst: 1000, QueueTime: 20 * time.Millisecond}, 1000, 4, 24 * time.Millisecond},
		"burst":                 {Shape{Rate: 1e6, Burst: 10000, Queue: 1000}, 1000, 11, 8 * time.Millisecond},
		"delay is added":        {Shape{Rate: 1e6, Burst: 1000, Queue: 1000, Delay: time.Second}, 1000, 2, 1008 * time.Millisecond},
		"larger than the burst": {Shape{Rate: 1e6, Burst: 500, Queue: 2000}, 1000, 2, 12 * time.Millisecond},
		"defaults":              {Shape{Rate: 8e6}, 1514, 44, 43 * 1514 * time.Microsecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newRecorded(test.shape, 0)
				defer w.close()
				start := time.Now()
				for n := range byte(50) {
					w.submit(sized(n, test.size))
				}
				for n := range byte(test.through) {
					assert.Equal(t, n, w.next(t).data[2], "the tail is dropped, not the head")
				}
				assert.InDelta(t, test.takes, time.Since(start), float64(time.Microsecond))
				assert.Empty(t, w.through)
				assert.Len(t, w.lost, 50-test.through)
			})
		})
	}
}

// TestRateHolds: what is sent at half the rate passes whole, at twice the rate half of
// it does.
func TestRateHolds(t *testing.T) {
	t.Parallel()
	for every, want := range map[time.Duration]int{16 * time.Millisecond: 1000, 4 * time.Millisecond: 500} {
		synctest.Test(t, func(t *testing.T) {
			w := newRecorded(Shape{Rate: 1e6, Queue: 4000}, 0)
			defer w.close()
			ticker := time.NewTicker(every)
			defer ticker.Stop()
			for range 1000 {
				<-ticker.C
				w.submit(sized(0, 1000))
			}
			<-ticker.C
			assert.InDelta(t, want, len(w.through), 6)
		})
	}
}

func TestReorderedDatagramsAreOvertaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newRecorded(Shape{Reorder: 0.2, ReorderBy: 25 * time.Millisecond}, 3)
		defer w.close()
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for n := range byte(100) {
			w.submit(media(n))
			<-ticker.C
		}
		synctest.Wait()
		<-ticker.C
		<-ticker.C
		synctest.Wait()
		got, late := numbers(w.through), numbers(w.late)
		assert.Len(t, got, 100, "nothing is lost")
		assert.InDelta(t, 20, len(late), 10)
		assert.False(t, slices.IsSorted(got))
		kept := slices.DeleteFunc(slices.Clone(got), func(n byte) bool { return slices.Contains(late, n) })
		assert.True(t, slices.IsSorted(kept), "the others keep their order")
		for _, n := range late {
			// 25 ms late among packets each 10 ms: two come before it, unless they are
			// late themselves.
			at := slices.Index(got, n)
			assert.LessOrEqual(t, at, int(n)+2)
			assert.GreaterOrEqual(t, at, int(n)-1)
		}
	})
}

func TestDuplicatesComeTwice(t *testing.T) {
	t.Parallel()
	for name, shape := range map[string]Shape{
		"at once": {Duplicate: 0.3},
		"delayed": {Duplicate: 0.3, Delay: 5 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newRecorded(shape, 1)
				defer w.close()
				for n := range byte(100) {
					w.submit(media(n))
				}
				<-time.After(10 * time.Millisecond)
				synctest.Wait()
				got, again := numbers(w.through), numbers(w.doubled)
				assert.InDelta(t, 30, len(again), 12)
				assert.Len(t, got, 100+len(again))
				assert.True(t, slices.IsSorted(got))
			})
		})
	}
}

// TestKnobsDoNotChangeEachOthersLuck: which packets a seed loses is the same with and
// without a knob that is not about luck.
func TestKnobsDoNotChangeEachOthersLuck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		run := func(shape Shape) []byte {
			w := newRecorded(shape, 9)
			for n := range byte(200) {
				w.submit(media(n))
			}
			w.close()
			return numbers(w.lost)
		}
		want := run(Shape{Loss: 0.1})
		assert.NotEmpty(t, want)
		assert.Equal(t, want, run(Shape{Loss: 0.1, Delay: time.Second}))
		assert.Equal(t, want, run(Shape{Loss: 0.1, Rate: 1e9}))
	})
}
