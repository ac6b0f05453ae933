package wire

import (
	"encoding/binary"
	"testing"

	"github.com/pion/rtcp"
	"github.com/stretchr/testify/require"
)

// hugeFeedback claims that 65,535 packets arrived, in a few bytes.
func hugeFeedback(ssrc uint32) []byte {
	b := []byte{0x80 | rtcp.FormatTCC, byte(rtcp.TypeTransportSpecificFeedback), 0, 0}
	b = binary.BigEndian.AppendUint32(b, 1)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	b = binary.BigEndian.AppendUint16(b, 0)
	b = binary.BigEndian.AppendUint16(b, 65535)
	b = append(b, 0, 0, 1, 0)
	for range 10 { // runs of 8191 received packets
		b = append(b, 0x3f, 0xff)
	}
	b = append(b, make([]byte, 1160)...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)/4-1))
	return b
}

// TestFeedbackOnTooManyPacketsIsNotUnpacked: it would take a megabyte each time.
func TestFeedbackOnTooManyPacketsIsNotUnpacked(t *testing.T) {
	sender, _ := bound(video, NewClock())
	congestion := new(Congestion)
	congestion.record()
	report, err := (&rtcp.ReceiverReport{}).Marshal()
	require.NoError(t, err)
	for _, packet := range [][]byte{hugeFeedback(7), append(report, hugeFeedback(7)...)} {
		require.Zero(t, testing.AllocsPerRun(100, func() {
			HandleRTCP(packet, testSSRC, sender, congestion)
		}))
	}
}

// FuzzRTCP looks for panics. It is worth little more: pion's parser does the work.
func FuzzRTCP(f *testing.F) {
	f.Add(hugeFeedback(7))
	sender, _ := bound(video, NewClock())
	congestion := new(Congestion)
	congestion.record()
	f.Fuzz(func(_ *testing.T, packet []byte) { HandleRTCP(packet, testSSRC, sender, congestion) })
}
