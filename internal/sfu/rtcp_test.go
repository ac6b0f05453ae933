package sfu_test

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/internal/sfu/netem"
)

// connected joins a client and waits until it is heard.
func connected(t *testing.T, cfg sfu.Config, opt clientOptions) (*sfu.SFU, *client, *sfu.Participant) {
	t.Helper()
	s := newSFU(t, cfg)
	c := newClient(t, opt)
	p := c.connect(t, s)
	until(t, "connection", p.Connected())
	if !opt.noData {
		until(t, "data channel", c.opened)
	}
	return s, c, p
}

// hear waits for feedback of one type that fits.
func hear[T rtcp.Packet](t *testing.T, c *client, what string, fits func(T) bool) T {
	t.Helper()
	deadline := time.After(waitFor)
	for {
		select {
		case pkt := <-c.feedback:
			if got, ok := pkt.(T); ok && fits(got) {
				return got
			}
		case <-deadline:
			require.FailNow(t, "timeout", "waited for "+what)
		}
	}
}

// keepSending sends audio and video at their pace until the test ends.
func (c *client) keepSending(t *testing.T) {
	t.Helper()
	stop, done := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(stop); <-done })
	go func() {
		defer close(done)
		const pace = 20 * time.Millisecond
		ticker := time.NewTicker(pace)
		defer ticker.Stop()
		start := time.Now()
		for sent := time.Duration(0); ; {
			select {
			case <-stop:
				return
			case now := <-ticker.C:
				// A busy machine misses ticks; the timestamps must keep to the clock.
				for ; sent*pace < now.Sub(start); sent++ {
					// A test may have closed the connection by now.
					_ = c.writeAudio(nil)
					_ = c.writeVideo(nil)
				}
			}
		}
	}()
}

func TestClientGetsReceiverReports(t *testing.T) {
	t.Parallel()
	_, c, p := connected(t, sfu.Config{}, clientOptions{})
	c.keepSending(t)
	report := hear(t, c, "receiver report with LSR", func(r *rtcp.ReceiverReport) bool {
		return len(r.Reports) == 2 && r.Reports[0].LastSenderReport != 0 && r.Reports[1].LastSenderReport != 0
	})
	assert.Equal(t, c.audio, report.Reports[0].SSRC)
	assert.Equal(t, c.video, report.Reports[1].SSRC)
	assert.Zero(t, report.Reports[0].TotalLost)
	assert.Less(t, report.Reports[0].Delay, uint32(5<<16))
	st := p.Stats().Streams[c.audio]
	require.NotNil(t, st.LastReport)
	assert.Positive(t, st.LastReport.Packets)
	assert.Positive(t, st.SenderReports)
	assert.Equal(t, uint16(st.LastReport.NTP>>32), uint16(report.Reports[0].LastSenderReport>>16),
		"the report names the seconds of a sender report of just now")
	assert.Empty(t, p.Violations())
}

func TestClientGetsTransportFeedback(t *testing.T) {
	t.Parallel()
	_, c, _ := connected(t, sfu.Config{}, clientOptions{})
	for range 3 {
		c.sendAudio(t, nil)
	}
	hear(t, c, "transport-wide feedback", func(f *rtcp.TransportLayerCC) bool {
		return f.MediaSSRC == c.audio && f.PacketStatusCount > 0
	})
}

func TestClientGetsPLI(t *testing.T) {
	t.Parallel()
	_, c, p := connected(t, sfu.Config{}, clientOptions{})
	require.NoError(t, p.RequestKeyFrame())
	hear(t, c, "PLI", func(pli *rtcp.PictureLossIndication) bool { return pli.MediaSSRC == c.video })
	require.NoError(t, p.SendRTCP(&rtcp.FullIntraRequest{FIR: []rtcp.FIREntry{{SSRC: c.video, SequenceNumber: 1}}, MediaSSRC: c.video}))
	hear(t, c, "FIR", func(fir *rtcp.FullIntraRequest) bool { return fir.FIR[0].SSRC == c.video })
}

func TestSendBeforeConnectionFails(t *testing.T) {
	t.Parallel()
	s := newSFU(t, sfu.Config{})
	c := newClient(t, clientOptions{})
	_, err := s.Join(t.Context(), c.payload)
	require.NoError(t, err)
	p := s.Participant(c.audio)
	require.ErrorIs(t, p.RequestKeyFrame(), sfu.ErrNotConnected)
	require.ErrorIs(t, p.SendData("{}"), sfu.ErrDataClosed)
	assert.NoError(t, p.Err())
}

func TestLostVideoIsRepaired(t *testing.T) {
	t.Parallel()
	_, c, p := connected(t, sfu.Config{Seed: 1, NACK: true}, clientOptions{})
	require.NoError(t, p.Network().SetUp(netem.Shape{MediaLoss: 0.2}))
	c.keepSending(t)

	// Each recovered packet is one that was lost, asked for, and repeated on the RTX SSRC.
	require.Eventually(t, func() bool { return p.Stats().Streams[c.video].Recovered >= 5 }, waitFor, 10*time.Millisecond)
	st := p.Stats()
	assert.GreaterOrEqual(t, st.Streams[c.video].Nacked, uint64(5))
	assert.GreaterOrEqual(t, st.Streams[c.rtx].Packets, uint64(5))
	assert.Equal(t, uint8(101), st.Streams[c.rtx].PayloadType)
	assert.Positive(t, st.NetworkDropped)
	for _, v := range p.Violations() {
		// pion's client numbers and sends repeats on a goroutine besides the sender's:
		// one may overtake the other.
		assert.Contains(t, v, "transport-wide gap")
	}
}

func TestMissingSenderReportsAreNoticed(t *testing.T) {
	t.Parallel()
	_, c, p := connected(t, sfu.Config{}, clientOptions{noReports: true})
	c.keepSending(t)
	require.Eventually(t, func() bool { return len(p.Violations()) > 0 }, waitFor, 50*time.Millisecond)
	assert.Contains(t, p.Violations()[0], "sender report missing")
}

func TestClientBreaksRules(t *testing.T) {
	t.Parallel()
	onRTP, heard := packets()
	_, c, p := connected(t, sfu.Config{OnRTP: onRTP}, clientOptions{})
	c.sendAudio(t, nil)
	c.sendAudio(t, func(pkt *rtp.Packet) { pkt.Marker = true })
	c.audioSeq++
	c.sendAudio(t, nil)
	for range 3 {
		until(t, "packet", heard)
	}
	got := p.Violations()
	require.Len(t, got, 2)
	assert.Contains(t, got[0], "audio marker")
	assert.Contains(t, got[1], "sequence gap")
	assert.Equal(t, uint64(1), p.Stats().Streams[c.audio].Lost)
}
