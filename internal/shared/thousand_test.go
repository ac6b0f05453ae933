package shared

import (
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/play"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// chatRoom is a player whose sink keeps what it was given.
type chatRoom struct {
	*play.Player
	ended chan error

	mu       sync.Mutex // guards what follows
	position []time.Duration
	due      []time.Time
}

func newChatRoom() *chatRoom {
	c := &chatRoom{ended: make(chan error, 1)}
	c.Player = play.New(play.Config{Env: media.Env{Logger: slog.New(slog.DiscardHandler)}, StallTimeout: time.Minute}, c)
	c.Connect(func(f media.Frame, due time.Time) {
		if len(f.Data) == 0 {
			panic("nothing to play")
		}
		position, err := time.ParseDuration(string(f.Data))
		if err != nil {
			panic(err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.position, c.due = append(c.position, position), append(c.due, due)
	})
	return c
}

func (c *chatRoom) SourceEnd(_ []models.StreamType, err error) { c.ended <- err }
func (c *chatRoom) Upgrade(models.MediaState)                  {}

// jumps returns where the media did not go on with the next frame, and asserts that frames
// follow each other in time but for as many pauses.
func (c *chatRoom) jumps(t *testing.T, pauses int) (jumps []time.Duration) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	held := 0
	for i := 1; i < len(c.due); i++ {
		if step := c.position[i] - c.position[i-1]; step != 20*ms {
			jumps = append(jumps, step)
		}
		if gap := c.due[i].Sub(c.due[i-1]); gap != 20*ms {
			require.Greater(t, gap, time.Second)
			held++
		}
	}
	require.Equal(t, pauses, held)
	return jumps
}

// TestThousandChatsOnOneRadio: one source feeds them, and is read as far as one of them
// would. What single ones do disturbs nobody.
func TestThousandChatsOnOneRadio(t *testing.T) {
	t.Parallel()
	const (
		chats  = 1000
		length = 7 * time.Second
	)
	synctest.Test(t, func(t *testing.T) {
		src := source(a, length)
		radio := New(src)
		rooms := make([]*chatRoom, chats)
		var live, opening sync.WaitGroup
		for i := range rooms {
			opening.Add(1)
			live.Go(func() {
				<-time.After(time.Duration(i) * ms)
				c := newChatRoom()
				require.NoError(t, c.SetSource(t.Context(), radio))
				rooms[i] = c
				opening.Done()
				pause := func(at, length time.Duration) {
					<-time.After(at)
					_, err := c.SetPaused(true)
					require.NoError(t, err)
					<-time.After(length)
					_, err = c.SetPaused(false)
					require.NoError(t, err)
				}
				switch i % 10 {
				case 1:
					pause(time.Second, 1500*ms)
				case 2:
					pause(ms, 4500*ms)
				case 3: // it leaves, and comes back
					<-time.After(2 * time.Second)
					c.Close(models.ErrClosed)
					require.ErrorIs(t, <-c.ended, models.ErrClosed)
					<-time.After(3 * time.Second)
					c = newChatRoom()
					require.NoError(t, c.SetSource(t.Context(), radio))
					rooms[i] = c
				case 4: // another source, and back
					<-time.After(4 * time.Second)
					require.NoError(t, c.SetSource(t.Context(), source(a, time.Second)))
					require.NoError(t, <-c.ended)
					require.NoError(t, c.SetSource(t.Context(), radio))
				}
				require.NoError(t, <-c.ended)
				c.Close(models.ErrClosed)
			})
		}
		opening.Wait()
		require.EqualValues(t, 1, src.open.Load())
		live.Wait()
		require.EqualValues(t, 1, src.opened.Load())
		require.Zero(t, src.open.Load())
		require.EqualValues(t, length/(20*ms)+1, src.read.Load(), "each frame and the end, once")
		for i := 0; i < chats; i += 100 {
			require.Empty(t, rooms[i].jumps(t, 0), "chat %d", i)
			require.Len(t, rooms[i].position, int(length/(20*ms)))
			require.Zero(t, rooms[i].position[0])
			require.Empty(t, rooms[i+1].jumps(t, 1), "it was where it had been kept")
			jumped := rooms[i+2].jumps(t, 1)
			require.Len(t, jumped, 1, "it goes on where the others are")
			require.InDelta(t, 4.5, jumped[0].Seconds(), 1.1)
			require.Empty(t, rooms[i+3].jumps(t, 0))
			require.InDelta(t, 5, rooms[i+3].position[0].Seconds(), 1.2)
		}
	})
}
