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

// mutant is a client that does one thing wrong.
type mutant struct {
	packet func(*rtp.Packet, time.Time)
	report func(*rtcp.SenderReport)
	// late is how much later than its RTP time a packet is sent.
	late func(*rtp.Packet, int) time.Duration
}

// play sends 20 s of sound and picture, with two reports each second.
func (b *bench) play(m mutant) {
	b.t.Helper()
	start := b.now
	for i := range 1000 {
		due := start.Add(time.Duration(i) * 20 * time.Millisecond)
		for _, ssrc := range []uint32{benchAudio, benchVideo} {
			b.now = due
			pkt := b.packet(ssrc)
			if m.late != nil {
				b.now = due.Add(m.late(pkt, i))
				require.NoError(b.t, pkt.SetExtension(2, sendTime(b.now)))
			}
			if m.packet != nil {
				m.packet(pkt, b.now)
			}
			b.feed(pkt)
		}
		if b.now = due.Add(19 * time.Millisecond); i%50 == 49 {
			b.reportChanged(benchAudio, 48, m.report)
			b.reportChanged(benchVideo, 90, m.report)
		}
	}
}

func of(ssrc uint32, change func(*rtcp.SenderReport)) func(*rtcp.SenderReport) {
	return func(r *rtcp.SenderReport) {
		if r.SSRC == ssrc {
			change(r)
		}
	}
}

func TestOracleKillsMutants(t *testing.T) {
	t.Parallel()
	level := func(value byte, size int) func(*rtp.Packet, time.Time) {
		return func(p *rtp.Packet, _ time.Time) {
			if p.SSRC == benchAudio {
				_ = p.SetExtension(extAudioLevel, []byte{value})
				p.Payload = make([]byte, size)
			}
		}
	}
	for name, test := range map[string]struct {
		mutant mutant
		want   []string // the kinds of violations
	}{
		"none": {},
		"reports of sound half a second ahead": {
			mutant{report: of(benchAudio, func(r *rtcp.SenderReport) { r.RTPTime += 24000 })},
			[]string{"sender report line", "lip sync"},
		},
		"reports of sound 70 ms behind": {
			mutant{report: of(benchAudio, func(r *rtcp.SenderReport) { r.RTPTime -= 70 * 48 })}, []string{"lip sync"},
		},
		"reports of the picture 70 ms ahead": {
			mutant{report: of(benchVideo, func(r *rtcp.SenderReport) { r.RTPTime += 70 * 90 })}, []string{"lip sync"},
		},
		"all reports 10 s ahead": {
			mutant{report: func(r *rtcp.SenderReport) {
				r.RTPTime += map[uint32]uint32{benchAudio: 480000, benchVideo: 900000}[r.SSRC]
			}},
			[]string{"sender report line"},
		},
		"all reports 2 s behind": {
			mutant{report: func(r *rtcp.SenderReport) {
				r.RTPTime -= map[uint32]uint32{benchAudio: 96000, benchVideo: 180000}[r.SSRC]
			}},
			[]string{"sender report line"},
		},
		"reports with the time since 1970": {
			mutant{report: func(r *rtcp.SenderReport) { r.NTPTime -= 2208988800 << 32 }}, []string{"sender report epoch"},
		},
		"a clock for each SSRC": {
			mutant{report: of(benchVideo, func(r *rtcp.SenderReport) { r.NTPTime += 5 << 32 })},
			[]string{"sender report clocks", "lip sync"},
		},
		"no octets":           {mutant{report: func(r *rtcp.SenderReport) { r.OctetCount = 0 }}, []string{"sender report octets"}},
		"octets with headers": {mutant{report: func(r *rtcp.SenderReport) { r.OctetCount *= 2 }}, []string{"sender report octets"}},
		"no packets":          {mutant{report: func(r *rtcp.SenderReport) { r.PacketCount = 0 }}, []string{"sender report packets"}},
		"packets of both":     {mutant{report: func(r *rtcp.SenderReport) { r.PacketCount *= 2 }}, []string{"sender report packets"}},
		"send time of zero": {
			mutant{packet: func(p *rtp.Packet, _ time.Time) { _ = p.SetExtension(extAbsSendTime, []byte{0, 0, 0}) }},
			[]string{"abs-send-time"},
		},
		"send time at half the pace": {
			mutant{packet: func(p *rtp.Packet, at time.Time) {
				_ = p.SetExtension(extAbsSendTime, sendTime(time.Unix(0, at.UnixNano()/2)))
			}},
			[]string{"abs-send-time"},
		},
		"send time in other units": { // 8.16 instead of 6.18
			mutant{packet: func(p *rtp.Packet, at time.Time) {
				_ = p.SetExtension(extAbsSendTime, sendTime(time.Unix(0, at.UnixNano()/4)))
			}},
			[]string{"abs-send-time"},
		},
		"sound marked as silence":   {mutant{packet: level(127, 200)}, []string{"audio level of sound"}},
		"sound nobody speaks":       {mutant{packet: level(20, 200)}, []string{"audio level of sound"}},
		"speech of no volume":       {mutant{packet: level(0x80|127, 200)}, []string{"audio level of sound"}},
		"silence marked as speech":  {mutant{packet: level(0x80|20, 3)}, []string{"audio level of silence"}},
		"silence marked as silence": {mutant{packet: level(127, 3)}, nil},
		"sound with pauses": {mutant{packet: func(p *rtp.Packet, at time.Time) {
			if at.Unix()%2 == 0 {
				level(0x80|20, 200)(p, at)
			} else {
				level(127, 3)(p, at)
			}
		}}, nil},
		"sound 70 ms late": {
			mutant{late: func(p *rtp.Packet, _ int) time.Duration {
				if p.SSRC == benchAudio {
					return 70 * time.Millisecond
				}
				return 0
			}},
			[]string{"lip sync"},
		},
		"a busy machine": {
			mutant{late: func(_ *rtp.Packet, i int) time.Duration { return time.Duration(i*37%200) * time.Millisecond }}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, 0)
			b.play(test.mutant)
			var kinds []string
			for _, v := range b.o.broken {
				kind, _, _ := strings.Cut(v, ":")
				kinds = append(kinds, kind)
			}
			assert.ElementsMatch(t, test.want, kinds, "%q", b.o.broken)
		})
	}
}

// TestRepeatsMayBeCounted: libwebrtc counts what it sends on the RTX SSRC in the
// reports of the media.
func TestRepeatsMayBeCounted(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	for i := range 500 {
		b.send(benchVideo, nil)
		b.send(benchRTX, nil)
		if i%50 == 0 {
			b.reportChanged(benchVideo, 90, func(r *rtcp.SenderReport) {
				r.PacketCount += b.sent[benchRTX].PacketCount
				r.OctetCount += b.sent[benchRTX].OctetCount
			})
		}
	}
	assert.Empty(t, b.o.broken)
}

func TestDatagramsAreBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	b.o.CheckDatagram(maxClientDatagram)
	require.Empty(t, b.o.broken)
	b.o.CheckDatagram(maxClientDatagram + 1)
	require.Len(t, b.o.broken, 1)
	assert.Contains(t, b.o.broken[0], "datagram size")
}

// TestReportsThroughABadNetworkAreNoViolation: one that comes again says nothing new, one that
// was overtaken by the next nothing that counts.
func TestReportsThroughABadNetworkAreNoViolation(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	type sent struct {
		report rtcp.SenderReport
		wire   Sent
	}
	var all []sent
	for i := range 500 {
		b.send(benchAudio, nil)
		if i%50 == 49 {
			report := rtcp.SenderReport{SSRC: benchAudio, NTPTime: ntpOf(b.now), RTPTime: uint32(b.now.UnixMilli() * 48)}
			report.PacketCount, report.OctetCount = b.sent[benchAudio].PacketCount, b.sent[benchAudio].OctetCount
			all = append(all, sent{report, b.o.Snapshot(b.now)})
		}
	}
	b.now = b.now.Add(time.Minute)
	for i := 0; i+1 < len(all); i += 2 {
		for _, s := range []sent{all[i+1], all[i], {report: all[i].report}} {
			b.o.OnReport(&s.report, s.wire, b.now)
		}
	}
	for _, v := range b.o.broken {
		assert.Contains(t, v, "sender report missing", "they were a minute on their way")
	}
}
