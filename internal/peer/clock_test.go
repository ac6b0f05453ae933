package peer

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/jsonparams"
)

// TestClockIsNotSetWithTheSystems: the system's clock was set an hour forward after
// the connection began. Reports, round trips and send times go on as before.
func TestClockIsNotSetWithTheSystems(t *testing.T) {
	t.Parallel()
	began := time.Now()
	c := &Conn{clock: clock{epoch: began, wall: began.Round(0).Add(-time.Hour)}}
	c.audio, _ = bound(t, webrtc.RTPCodecTypeAudio, began)
	c.video, _ = bound(t, webrtc.RTPCodecTypeVideo, began)
	c.wire = &wire{clock: c.clock}
	require.NoError(t, c.audio.WriteFrame(make([]byte, 100), began))

	report, ok := c.senderReports()[0].(*rtcp.SenderReport)
	require.True(t, ok)
	want := uint64(began.Add(-time.Hour).Unix() + 2208988800)
	require.InDelta(t, want, report.NTPTime>>32, 2)

	const held = 20 * time.Millisecond
	<-time.After(held)
	raw, err := (&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{
		SSRC: 7, LastSenderReport: uint32(report.NTPTime >> 16), Delay: uint32(held << 16 / time.Second),
	}}}).Marshal()
	require.NoError(t, err)
	_, err = ear{c, 7}.Write(raw)
	require.NoError(t, err)
	trip := c.audio.stats().RoundTrip
	require.Less(t, trip, time.Minute)

	var stamp []byte
	write := c.wire.BindLocalStream(nil, interceptor.RTPWriterFunc(func(h *rtp.Header, _ []byte, _ interceptor.Attributes) (int, error) {
		stamp = h.GetExtension(jsonparams.ExtAbsSendTime)
		return 0, nil
	}))
	header := newHeader(midAudio)
	_, err = write.Write(&header, nil, nil)
	require.NoError(t, err)
	sent := binary.BigEndian.Uint32(append([]byte{0}, stamp...)) // 6.18 seconds
	since := (sent - uint32(report.NTPTime>>14)) & (1<<24 - 1)
	require.Less(t, time.Duration(since)*time.Second>>18, 30*time.Second, "the report's clock")
}
