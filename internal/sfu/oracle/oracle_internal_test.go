package oracle

import (
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bench feeds an oracle in made-up time.
type bench struct {
	t    *testing.T
	o    *Oracle
	now  time.Time
	wide uint16
	seq  map[uint32]uint16
	// sent is what a report of an SSRC has to say.
	sent map[uint32]*rtcp.SenderReport
}

const (
	benchAudio, benchVideo, benchRTX = 10, 20, 21
)

func newBench(t *testing.T, idleVideoGC time.Duration) *bench {
	t.Helper()
	b := &bench{t: t, now: time.Unix(1000, 0), seq: map[uint32]uint16{}, wide: 65530, sent: map[uint32]*rtcp.SenderReport{}}
	b.o = New(Config{Audio: benchAudio, Layers: []Layer{{benchVideo, benchRTX}}, IdleVideoGC: idleVideoGC})
	b.o.ConnectedAt = b.now
	return b
}

// packet makes a conforming packet.
func (b *bench) packet(ssrc uint32) *rtp.Packet {
	b.t.Helper()
	if _, ok := b.seq[ssrc]; !ok {
		b.seq[ssrc] = 65533 // wraps soon
	}
	pkt := &rtp.Packet{Header: rtp.Header{Version: 2, SSRC: ssrc, SequenceNumber: b.seq[ssrc]}, Payload: make([]byte, 40)}
	b.seq[ssrc]++
	switch ssrc {
	case benchAudio:
		pkt.PayloadType = 111
		pkt.Timestamp = uint32(b.now.UnixMilli() * 48)
		require.NoError(b.t, pkt.SetExtension(1, []byte{0x94}))
	case benchRTX:
		pkt.PayloadType = 101
	default:
		pkt.PayloadType = 100
		pkt.Timestamp = uint32(b.now.UnixMilli() * 90)
	}
	require.NoError(b.t, pkt.SetExtension(2, sendTime(b.now)))
	require.NoError(b.t, pkt.SetExtension(3, []byte{byte(b.wide >> 8), byte(b.wide)}))
	b.wide++
	return pkt
}

// sendTime is an abs-send-time of an instant.
func sendTime(at time.Time) []byte {
	v := uint64(at.UnixNano()%int64(sendTimeCycle)) << 18 / uint64(time.Second)
	return []byte{byte(v >> 16), byte(v >> 8), byte(v)}
}

func (b *bench) feed(pkt *rtp.Packet) {
	size := pkt.MarshalSize() + 16
	b.o.OnSent(&pkt.Header, size, b.now)
	b.o.OnPacket(&pkt.Header, pkt.Payload, size, b.now)
	b.count(pkt)
	b.now = b.now.Add(20 * time.Millisecond)
}

func (b *bench) count(pkt *rtp.Packet) {
	if b.sent[pkt.SSRC] == nil {
		b.sent[pkt.SSRC] = &rtcp.SenderReport{}
	}
	b.sent[pkt.SSRC].PacketCount++
	b.sent[pkt.SSRC].OctetCount += uint32(len(pkt.Payload))
}

func (b *bench) send(ssrc uint32, change func(*rtp.Packet)) {
	b.t.Helper()
	pkt := b.packet(ssrc)
	if change != nil {
		change(pkt)
	}
	b.feed(pkt)
}

func (b *bench) report(ssrc uint32, clock int64, off time.Duration) {
	b.t.Helper()
	b.reportChanged(ssrc, clock, func(r *rtcp.SenderReport) { r.RTPTime += uint32(off.Milliseconds() * clock) })
}

// reportChanged makes a conforming report, and breaks it.
func (b *bench) reportChanged(ssrc uint32, clock int64, change func(*rtcp.SenderReport)) {
	b.t.Helper()
	report := rtcp.SenderReport{
		SSRC: ssrc, NTPTime: ntpOf(b.now), RTPTime: uint32(b.now.UnixMilli() * clock),
	}
	if sent := b.sent[ssrc]; sent != nil {
		report.PacketCount, report.OctetCount = sent.PacketCount, sent.OctetCount
	}
	if change != nil {
		change(&report)
	}
	b.o.OnReport(&report, b.o.Snapshot(b.now), b.now)
}

func ntpOf(at time.Time) uint64 {
	return uint64(at.Unix()+2208988800)<<32 | uint64(at.Nanosecond())<<32/1e9
}

func TestConformingClientBreaksNoRule(t *testing.T) {
	t.Parallel()
	b := newBench(t, time.Second)
	for i := range 1000 {
		b.send(benchAudio, func(p *rtp.Packet) { p.Marker = i == 0 })
		b.send(benchVideo, func(p *rtp.Packet) { p.Marker = true })
		if i%10 == 0 {
			b.send(benchRTX, nil)
		}
		if i%50 == 0 {
			b.report(benchAudio, 48, 5*time.Millisecond)
			b.report(benchVideo, 90, -5*time.Millisecond)
		}
	}
	assert.Empty(t, b.o.broken)
}

func h264Payload(b ...byte) func(*rtp.Packet) {
	return func(p *rtp.Packet) { p.PayloadType, p.Payload = h264PT, b }
}

// TestRepairsAreOfACodecThatWasSent: what was sent in another codec before may still be
// repeated, and a codec that the answer does not list may not be sent.
func TestRepairsAreOfACodecThatWasSent(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	b.send(benchVideo, nil)
	b.send(benchVideo, h264Payload(0x65, 1))
	b.send(benchRTX, nil)
	b.send(benchRTX, func(p *rtp.Packet) { p.PayloadType = h264PT + 1 })
	require.Empty(t, b.o.broken)
	b.o.cfg.NoH264 = true
	b.send(benchVideo, h264Payload(0x65, 1))
	require.Len(t, b.o.broken, 1)
	require.Contains(t, b.o.broken[0], "the answer does not list H264")
}

func TestOracleRules(t *testing.T) {
	t.Parallel()
	set := func(id uint8, payload ...byte) func(*rtp.Packet) {
		return func(p *rtp.Packet) { _ = p.SetExtension(id, payload) }
	}
	del := func(id uint8) func(*rtp.Packet) { return func(p *rtp.Packet) { _ = p.DelExtension(id) } }
	for name, test := range map[string]struct {
		ssrc   uint32
		change func(*rtp.Packet)
		want   string // prefix of the one violation; empty: none
	}{
		"audio mid":                 {benchAudio, set(4, '0'), ""},
		"video mid and orientation": {benchVideo, func(p *rtp.Packet) { set(4, '1')(p); set(13, 1)(p) }, ""},
		"undeclared":                {99, nil, "undeclared SSRC: SSRC 99, payload type 100"},
		"audio payload type":        {benchAudio, func(p *rtp.Packet) { p.PayloadType = 96 }, "audio payload type: 96"},
		"video payload type":        {benchVideo, func(p *rtp.Packet) { p.PayloadType = 96 }, "video payload type: 96"},
		"H264":                      {benchVideo, h264Payload(0x65, 1), ""},
		"H264 padding":              {benchVideo, h264Payload(), ""},
		"H264 of three units":       {benchVideo, h264Payload(24, 0, 1, 0x67, 0, 1, 0x68, 0, 2, 0x65, 1), ""},
		"first fragment":            {benchVideo, h264Payload(0x7c, 0x85, 1), ""},
		"no type of H264":           {benchVideo, h264Payload(0), "H.264 payload: SSRC 20, sequence number 0: type 0"},
		"interleaved H264":          {benchVideo, h264Payload(25, 0, 0), "H.264 payload: SSRC 20, sequence number 0: type 25"},
		"H264 cut off":              {benchVideo, h264Payload(24, 0, 5, 0x67), "H.264 payload: SSRC 20, sequence number 0: a unit of 5 bytes"},
		"one fragment":              {benchVideo, h264Payload(0x7c, 0xc5, 1), "H.264 payload: SSRC 20, sequence number 0: a fragment that is a whole"},
		"marker on a fragment": {benchVideo, func(p *rtp.Packet) {
			h264Payload(0x7c, 0x05, 1)(p)
			p.Marker = true
		}, "H.264 marker: SSRC 20, sequence number 0"},
		"RTX on media SSRC":       {benchVideo, func(p *rtp.Packet) { p.PayloadType = 101 }, "rtx payload type: 101 on the media"},
		"media on RTX SSRC":       {benchRTX, func(p *rtp.Packet) { p.PayloadType = 100 }, "rtx payload type: 100 on the RTX"},
		"RTX of another codec":    {benchRTX, func(p *rtp.Packet) { p.PayloadType = 103 }, "rtx payload type: 103 on the RTX"},
		"no audio level":          {benchAudio, del(1), "audio extension 1 missing"},
		"audio level too long":    {benchAudio, set(1, 1, 2), "audio extension 1 missing"},
		"no send time on audio":   {benchAudio, del(2), "audio extension 2 missing"},
		"no send time on video":   {benchVideo, del(2), "video extension 2 missing"},
		"no send time on RTX":     {benchRTX, del(2), "rtx extension 2 missing"},
		"audio level on video":    {benchVideo, set(1, 1), "video extension 1 not allowed"},
		"orientation on audio":    {benchAudio, set(13, 1), "audio extension 13 not allowed"},
		"old orientation":         {benchVideo, set(5, 1), "video extension 5 not allowed"},
		"audio marker":            {benchAudio, func(p *rtp.Packet) { p.Marker = true }, "audio marker"},
		"largest payload":         {benchVideo, func(p *rtp.Packet) { p.Payload = make([]byte, 1200) }, ""},
		"payload too large":       {benchVideo, func(p *rtp.Packet) { p.Payload = make([]byte, 1201) }, "payload size: 1201"},
		"largest RTX":             {benchRTX, func(p *rtp.Packet) { p.Payload = make([]byte, 1202) }, ""},
		"RTX too large":           {benchRTX, func(p *rtp.Packet) { p.Payload = make([]byte, 1203) }, "payload size: 1203"},
		"gap":                     {benchAudio, func(p *rtp.Packet) { p.SequenceNumber += 2 }, "sequence gap: audio SSRC 10: 2 numbers missing from 0 on, then 2"},
		"RTX gap":                 {benchRTX, func(p *rtp.Packet) { p.SequenceNumber++ }, "sequence gap: rtx SSRC 21: 1 numbers missing"},
		"repeated":                {benchRTX, func(p *rtp.Packet) { p.SequenceNumber-- }, "sequence number repeated: 65535 on rtx"},
		"transport-wide gap":      {benchAudio, set(3, 0, 9), "transport-wide gap: 4 numbers missing from 5 on, then 9"},
		"transport-wide repeated": {benchAudio, set(3, 0xff, 0xfd), "transport-wide number repeated: 65533"},
		"two-byte extensions": {benchAudio, func(p *rtp.Packet) {
			p.ExtensionProfile = 0x1000
		}, "extension form: profile 0x1000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, 0)
			for range 3 {
				b.send(benchAudio, nil)
				b.send(benchVideo, nil)
				b.send(benchRTX, nil)
			}
			b.wide += 2
			b.o.transport.drop(b.wide - 2)
			b.o.transport.drop(b.wide - 1)
			require.Empty(t, b.o.broken)
			b.send(test.ssrc, test.change)
			if test.want == "" {
				assert.Empty(t, b.o.broken)
				return
			}
			require.Len(t, b.o.broken, 1)
			assert.True(t, strings.HasPrefix(b.o.broken[0], test.want), b.o.broken[0])
		})
	}
}

func TestViolationIsReportedOncePerKind(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	for range 3 {
		b.send(98, nil)
		b.send(99, nil)
	}
	b.send(benchAudio, func(p *rtp.Packet) { p.PayloadType = 0 })
	require.Len(t, b.o.broken, 2)
	assert.Contains(t, b.o.broken[0], "SSRC 98")
	assert.Contains(t, b.o.broken[1], "audio payload type")
}

func TestAudioMarkerAfterSilenceIsAllowed(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	b.send(benchAudio, nil)
	b.now = b.now.Add(250 * time.Millisecond)
	b.send(benchAudio, func(p *rtp.Packet) { p.Marker = true })
	assert.Empty(t, b.o.broken)
}

func TestLossOfOurOwnIsNoViolation(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	for i := range 300 {
		pkt := b.packet(benchAudio)
		if i%7 == 3 || i > 100 && i < 140 {
			b.o.OnLost(&pkt.Header)
			continue
		}
		b.feed(pkt)
	}
	assert.Empty(t, b.o.broken)
	st := b.o.streams[benchAudio].snapshot()
	assert.Equal(t, uint64(300), st.Packets+st.Lost)
	assert.Positive(t, st.Lost)
}

// TestOvertakingOfOurOwnIsNoViolation: the first packet, which bears a marker, is
// overtaken and doubled.
func TestOvertakingOfOurOwnIsNoViolation(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	first, second := b.packet(benchAudio), b.packet(benchAudio)
	first.Marker = true
	b.o.OnLost(&first.Header)
	b.o.OnDoubled(&first.Header)
	b.feed(second)
	b.feed(first)
	b.feed(first)
	assert.Empty(t, b.o.broken)
	assert.Equal(t, uint64(1), b.o.streams[benchAudio].snapshot().Duplicates)
	b.feed(first)
	assert.Len(t, b.o.broken, 2, "the third one is the client's")
}

func TestIdleVideoIsCollected(t *testing.T) {
	t.Parallel()

	// Padding keeps the SSRC, and the RTX SSRC with it.
	b := newBench(t, 3*time.Second)
	for range 5 {
		b.now = b.now.Add(2 * time.Second)
		b.send(benchVideo, func(p *rtp.Packet) { p.Payload = nil })
	}
	b.send(benchRTX, nil)
	require.Empty(t, b.o.broken)
	b.now = b.now.Add(4 * time.Second)
	b.send(benchVideo, nil)
	b.send(benchVideo, nil)
	require.Len(t, b.o.broken, 1)
	assert.Contains(t, b.o.broken[0], "video SSRC was collected")

	// Video that never came is collected too, counted from the connection on.
	b = newBench(t, 3*time.Second)
	b.now = b.now.Add(4 * time.Second)
	b.send(benchVideo, nil)
	require.Len(t, b.o.broken, 1)
	assert.Contains(t, b.o.broken[0], "video SSRC was collected")
}

func TestSenderReportsAreRequired(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	for range 400 { // 8 s
		b.send(benchAudio, nil)
	}
	require.Len(t, b.o.broken, 1)
	assert.Contains(t, b.o.broken[0], "sender report missing: audio SSRC 10 has sent for 6s")

	// Keep-alive padding is not sending.
	b = newBench(t, 0)
	for range 10 {
		b.now = b.now.Add(2 * time.Second)
		b.send(benchVideo, func(p *rtp.Packet) { p.Payload = nil })
	}
	assert.Empty(t, b.o.broken)
}

func TestSenderReportsMustAgreeWithTheClock(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	b.report(benchAudio, 48, 0)
	b.now = b.now.Add(time.Second)
	b.report(benchAudio, 48, 100*time.Millisecond)
	require.Empty(t, b.o.broken)
	b.now = b.now.Add(time.Second)
	b.report(benchAudio, 48, -200*time.Millisecond)
	require.Len(t, b.o.broken, 1)
	assert.Contains(t, b.o.broken[0], "sender report clock: audio SSRC 10: 1s by NTP, 700ms by RTP")
	b.report(77, 48, 0)
	require.Len(t, b.o.broken, 2)
	assert.Contains(t, b.o.broken[1], "sender report SSRC: 77")
}

func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	for ssrc := range uint32(1000) {
		b.send(1000+ssrc, nil)
	}
	assert.LessOrEqual(t, len(b.o.streams), maxStreams)
}
