package peer

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// account is a connection that notes when it is served.
type account struct {
	mu    sync.Mutex
	at    []time.Time
	block chan struct{} // serve waits for it; nil: it does not
}

func (a *account) serve(now time.Time) {
	a.mu.Lock()
	a.at = append(a.at, now)
	a.mu.Unlock()
	if a.block != nil {
		<-a.block
	}
}

func (a *account) times() []time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.at
}

func TestUpkeepServesEachOnceASecondInFewWakeUps(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ connections, most int }{
		"1": {1, 1}, "32": {32, 1}, "33": {33, 2}, "640": {640, 20}, "2000": {2000, 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var u Upkeep
				all := make([]account, c.connections)
				for i := range all {
					u.add(&all[i])
				}
				const seconds = 60
				<-time.After(seconds*time.Second + time.Millisecond)
				wakeUps := map[time.Time]int{}
				for i := range all {
					times := all[i].times()
					require.InDelta(t, seconds, len(times), 1)
					for j, at := range times {
						wakeUps[at]++
						if j > 0 {
							require.Equal(t, time.Second, at.Sub(times[j-1]))
						}
					}
				}
				require.LessOrEqual(t, len(wakeUps), seconds*c.most)
				for _, n := range wakeUps {
					require.LessOrEqual(t, n, max(usualSlot, c.connections/upkeepSlots))
				}
				for i := range all {
					u.remove(&all[i])
				}
			})
		})
	}
}

func TestUpkeepServesNothingThatIsRemoved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var u Upkeep
		slow, other := &account{block: make(chan struct{})}, new(account)
		u.remove(slow)
		u.add(slow)
		u.add(other)
		<-time.After(1500 * time.Millisecond)
		gone := make(chan struct{})
		go func() { // ends when slow has been served
			defer close(gone)
			u.remove(slow)
		}()
		synctest.Wait()
		select {
		case <-gone:
			t.Fatal("remove did not wait")
		default:
		}
		close(slow.block)
		<-gone
		<-time.After(10 * time.Second)
		require.Len(t, slow.times(), 1)
		require.GreaterOrEqual(t, len(other.times()), 9)
		u.remove(other)
		u.remove(other)
		u.add(slow) // from nothing again
		<-time.After(3500 * time.Millisecond)
		require.Len(t, slow.times(), 4)
		u.remove(slow)
	})
}
