package wire

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/stretchr/testify/require"
)

// TestFloodOfNACKsIsAnsweredWithinTheBudget: a server asks for every packet each 20 ms.
// It gets as much as the media, each packet four times at most and not before
// a round trip has passed.
func TestFloodOfNACKsIsAnsweredWithinTheBudget(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		picture int // bytes, 25 a second
		most    int // bytes a second that may be retransmitted
	}{
		"800 kbit/s": {4000, 100_000},
		"3 Mbit/s":   {15000, 375_000},
		"80 kbit/s":  {400, minBudget},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const trip = 70 * time.Millisecond
				const seconds = 20
				sender, r := bound(video, NewClock())
				sender.reception.stats.RoundTrip = trip
				var all []uint16
				for n := range 1 << 16 {
					all = append(all, uint16(n))
				}
				nack := &rtcp.TransportLayerNack{Nacks: rtcp.NackPairsFromSequenceNumbers(all)}
				var repeated int
				repeats, last := map[uint16]int{}, map[uint16]time.Time{}
				ticker := time.NewTicker(20 * time.Millisecond)
				defer ticker.Stop()
				for i := range 50 * seconds {
					if i%2 == 0 {
						require.NoError(t, sender.WriteFrame(make([]byte, c.picture), time.Now()))
					}
					r.packets = nil
					require.NoError(t, sender.retransmit(nack))
					for _, p := range r.packets {
						sequence := binary.BigEndian.Uint16(p.Payload)
						repeated += len(p.Payload)
						repeats[sequence]++
						require.LessOrEqual(t, repeats[sequence], maxRepeats)
						require.GreaterOrEqual(t, time.Since(last[sequence]), trip)
						last[sequence] = time.Now()
					}
					<-ticker.C
				}
				t.Logf("media %d kbit/s, retransmitted %d kbit/s", c.picture*8*25/1000, repeated*8/seconds/1000)
				require.LessOrEqual(t, repeated, (seconds+1)*c.most*102/100, "the bucket and what flowed in")
			})
		})
	}
}

func TestNothingIsRetransmittedWhilePicturesAreWithheld(t *testing.T) {
	t.Parallel()
	sender, r := bound(video, NewClock())
	require.NoError(t, sender.WriteFrame([]byte{1, 2, 3}, time.Now()))
	nack := &rtcp.TransportLayerNack{Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{r.packets[0].SequenceNumber})}
	sender.video.gate.closed = true
	require.NoError(t, sender.retransmit(nack))
	require.Len(t, r.packets, 1)
	sender.video.gate.closed = false
	require.NoError(t, sender.retransmit(nack))
	require.Len(t, r.packets, 2)
}
