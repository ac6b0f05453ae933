package gotgcall

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/instances"
	"github.com/gotgcall/gotgcall/internal/play"
	"github.com/gotgcall/gotgcall/models"
)

// TestLostCallIsKeptForTenMinutes: from its loss, however often a rejoin fails in
// between; and then nothing holds it any longer.
func TestLostCallIsKeptForTenMinutes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, err := New(WithDTLSCertPool(0))
		require.NoError(t, err)
		for chat := range int64(3) {
			e := &entry{client: c, chatID: chat}
			require.NoError(t, c.add(e, nil))
			e.Ended(&instances.Remains{Lost: time.Now(), Snapshot: play.Snapshot{Paused: true, Position: 5 * time.Second}}, func() {})
			e.Gone()
		}
		pass := func(d time.Duration) {
			<-time.After(d)
			synctest.Wait()
		}
		tryAndFail := func() {
			_, err := c.Rejoin(1)
			require.NoError(t, err)
			state, err := c.GetState(1)
			require.NoError(t, err)
			require.True(t, state.Paused)
			require.ErrorIs(t, c.Connect(1, "{}"), ErrInvalidParams)
		}
		at, err := c.Position(1)
		require.NoError(t, err)
		require.Equal(t, 5*time.Second, at, "where a rejoin goes on")
		for range 9 {
			pass(time.Minute)
			tryAndFail()
		}
		pass(time.Minute - time.Millisecond)
		tryAndFail()
		require.Len(t, c.lost, 3)
		_, err = c.Rejoin(2)
		require.NoError(t, err)
		pass(time.Millisecond)
		require.Empty(t, c.lost, "nobody asked, and it is gone")
		for chat := range int64(2) {
			_, err := c.Rejoin(chat)
			require.ErrorIs(t, err, ErrConnectionNotFound)
		}

		// The one that was rejoined in time fails too late to be tried again.
		require.ErrorIs(t, c.Connect(2, "{}"), ErrInvalidParams)
		_, err = c.Rejoin(2)
		require.ErrorIs(t, err, ErrConnectionNotFound)

		e := &entry{client: c, chatID: 3}
		require.NoError(t, c.add(e, nil))
		e.Ended(&instances.Remains{Lost: time.Now()}, func() {})
		e.Gone()
		require.NoError(t, c.Close())
		require.Empty(t, c.lost)
		_, err = c.Rejoin(3)
		require.ErrorIs(t, err, models.ErrClosed)
	})
}

func TestShiftStaysWithinTheNumbers(t *testing.T) {
	t.Parallel()
	const most = time.Duration(1<<63 - 1)
	for _, c := range []struct {
		at   time.Duration
		by   int64
		want time.Duration
	}{
		{time.Second, 0, time.Second},
		{time.Second, 500, 1500 * time.Millisecond},
		{time.Second, -500, 500 * time.Millisecond},
		{time.Second, -1000, 0},
		{time.Second, -1001, 0},
		{time.Second, 1<<63 - 1, most},
		{time.Second, -1 << 63, 0},
		{0, int64(most / time.Millisecond), most / time.Millisecond * time.Millisecond},
		{time.Second, int64(most / time.Millisecond), most},
		{most, 1, most},
		{1500 * time.Microsecond, -1, 500 * time.Microsecond},
	} {
		require.Equal(t, c.want, shift(c.at, c.by), "%s by %d", c.at, c.by)
	}
}
