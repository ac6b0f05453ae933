package play

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/play/playtest"
	"github.com/gotgcall/gotgcall/media"
)

// freezing is a source whose reader is held up now and then: by a slow encoder for
// a moment, and once by a scheduler that stops the process for 2 s.
type freezing struct {
	*playtest.Source
	random *rand.Rand
}

type freezingStream struct {
	media.Stream
	random *rand.Rand
	frozen bool
}

func (f freezing) Open(ctx context.Context, env media.Env) (media.Stream, error) {
	s, err := f.Source.Open(ctx, env)
	return &freezingStream{Stream: s, random: f.random}, err
}

func (f *freezingStream) ReadFrame() (media.Frame, error) {
	frame, err := f.Stream.ReadFrame()
	switch {
	case frame.PTS > 20*time.Minute && !f.frozen:
		f.frozen = true
		<-time.After(aheadMost + 2*time.Second)
	case f.random.IntN(500) == 0:
		<-time.After(time.Duration(f.random.IntN(300)) * ms)
	}
	return frame, err
}

// TestHourWithEverythingThrownIn pauses, mutes and stalls through an hour of play.
// Sound and picture of one position stay within 10 ms of each other, frames come in
// order without overlap, and no more than two leave at once.
func TestHourWithEverythingThrownIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		r := newRig(time.Minute)
		r.plug()
		src := freezing{playtest.New(av, time.Hour), rand.New(rand.NewPCG(3, 4))}
		require.NoError(t, r.SetSource(t.Context(), src))
		for range 200 {
			<-time.After(time.Duration(random.IntN(20_000)) * ms)
			switch random.IntN(2) {
			case 0:
				_, _ = r.SetPaused(true)
				<-time.After(time.Duration(random.IntN(5000)) * ms)
				_, _ = r.SetPaused(false)
			case 1:
				_, _ = r.SetMuted(true)
				<-time.After(time.Duration(random.IntN(5000)) * ms)
				_, _ = r.SetMuted(false)
			}
		}
		<-time.After(time.Hour)
		synctest.Wait()
		require.Equal(t, []endOf{{av, nil}}, r.ended())

		// How much later than at its position a frame is due: the same for sound
		// and picture. A picture that was the first after a stall agrees with the
		// sound that follows it.
		delay := func(w written) time.Duration { return w.due.Sub(r.written[0].due) - w.media }
		free := make(map[media.Track]time.Time)
		for i, w := range r.written {
			require.False(t, w.due.Before(free[w.Track]), "%s overlaps at %s", w.Track, w.media)
			free[w.Track] = w.due.Add(w.Duration)
			if w.Track == v && i > 0 && i+1 < len(r.written) {
				before, after := delay(r.written[i-1]), delay(r.written[i+1])
				require.LessOrEqual(t, min((delay(w)-before).Abs(), (delay(w)-after).Abs()), 10*ms, "at %s", w.media)
			}
		}
		atOnce := make(map[time.Time]int)
		for _, w := range r.written {
			atOnce[w.at]++
			require.LessOrEqual(t, atOnce[w.at], 2, "at %s", w.media)
		}
		require.Positive(t, r.stats().ClockMoves)
	})
}
