package play

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/play/playtest"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// TestAnythingAtOnce calls the verbs at random from several goroutines. Nothing is left,
// sound never overlaps, and no more ends are reported than sources were set.
func TestAnythingAtOnce(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(30 * time.Second)
			r.plug()
			var all sync.WaitGroup
			var mu sync.Mutex // guards sources
			var sources []*playtest.Source
			for n := range uint64(4) {
				all.Go(func() {
					random := rand.New(rand.NewPCG(seed, n))
					fresh := func() *playtest.Source {
						src := playtest.New([]media.Track{a, v, av}[random.IntN(3)], time.Duration(random.IntN(1500))*ms)
						src.OpenTakes = time.Duration(random.IntN(300)) * ms
						src.Fails = []error{nil, nil, nil, models.ErrFile}[random.IntN(4)]
						src.End = []error{errEOF, errEOF, playtest.ErrCrash}[random.IntN(3)]
						mu.Lock()
						defer mu.Unlock()
						sources = append(sources, src)
						return src
					}
					for range 100 {
						<-time.After(time.Duration(random.IntN(400)) * ms)
						switch random.IntN(10) {
						case 0, 1:
							_ = r.SetSource(t.Context(), fresh())
						case 2, 3, 4:
							_ = r.SetNext(t.Context(), fresh())
						case 5:
							_ = r.SetNext(t.Context(), nil)
						case 6:
							_ = r.Seek(t.Context(), by(time.Duration(random.IntN(2000)-700)*ms))
						case 7:
							_, _ = r.SetPaused(random.IntN(2) == 0)
						case 8:
							_, _ = r.SetMuted(random.IntN(2) == 0)
						case 9:
							r.Disconnect()
							<-time.After(time.Duration(random.IntN(100)) * ms)
							r.plug()
						}
					}
				})
			}
			all.Wait()
			r.Close(models.ErrStopped)
			for _, src := range sources {
				if src.Context() != nil {
					require.Error(t, src.Context().Err())
				}
			}
			require.LessOrEqual(t, len(r.ended()), len(sources))
			var free time.Time
			for i, w := range r.got(a) {
				require.False(t, w.due.Before(free), "seed %d: frame %d overlaps by %s", seed, i, free.Sub(w.due))
				free = w.due.Add(w.Duration)
			}
			last := r.got(v)[0].due
			for _, w := range r.got(v) {
				require.False(t, w.due.Before(last), "seed %d", seed)
				last = w.due
			}
		})
	}
}
