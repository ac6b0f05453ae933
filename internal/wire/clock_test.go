package wire

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"
)

// TestClockIsNotSetWithTheSystems: the system's clock was set an hour forward after
// the connection began. Reports, round trips and send times go on as before.
func TestClockIsNotSetWithTheSystems(t *testing.T) {
	t.Parallel()
	began := time.Now()
	clock := Clock{epoch: began, wall: began.Round(0).Add(-time.Hour)}
	sender, _ := bound(audio, clock)
	stamper := NewStamper(ids(), clock, new(Congestion))
	require.NoError(t, sender.WriteFrame(make([]byte, 100), began))

	report, ok := SenderReports(sender)[0].(*rtcp.SenderReport)
	require.True(t, ok)
	want := uint64(began.Add(-time.Hour).Unix() + 2208988800)
	require.InDelta(t, want, report.NTPTime>>32, 2)

	const held = 20 * time.Millisecond
	<-time.After(held)
	raw, err := (&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{
		SSRC: testSSRC, LastSenderReport: uint32(report.NTPTime >> 16), Delay: uint32(held << 16 / time.Second),
	}}}).Marshal()
	require.NoError(t, err)
	HandleRTCP(raw, testSSRC, sender, new(Congestion))
	require.Less(t, sender.Stats().RoundTrip, time.Minute)

	header := newHeader(Stream{MID: testMID, Extensions: ids()})
	_, err = stamper.Send(&header, nil, func() (int, error) { return 0, nil })
	require.NoError(t, err)
	stamp := header.GetExtension(ids().AbsSendTime)
	sent := binary.BigEndian.Uint32(append([]byte{0}, stamp...)) // 6.18 seconds
	since := (sent - uint32(report.NTPTime>>14)) & (1<<24 - 1)
	require.Less(t, time.Duration(since)*time.Second>>18, 30*time.Second, "the report's clock")
}

func TestPacketsAreNumberedAcrossStreams(t *testing.T) {
	t.Parallel()
	clock := NewClock()
	stamper := NewStamper(ids(), clock, new(Congestion))
	sound, pictures := newHeader(Stream{SSRC: 1, MID: "0", Extensions: ids()}), newHeader(Stream{SSRC: 2, MID: "1", Extensions: ids()})
	for i, h := range []*rtp.Header{&sound, &pictures, &pictures, &sound} {
		n, err := stamper.Send(h, []byte{1}, func() (int, error) { return 5, nil })
		require.NoError(t, err)
		require.Equal(t, 5, n)
		require.EqualValues(t, i+1, binary.BigEndian.Uint16(h.GetExtension(ids().TransportWide)))
	}
}
