package peer

import (
	"time"

	"github.com/pion/rtcp"
)

const (
	// reportInterval is how often each sending SSRC is reported on, what
	// browsers do for video; more often than RFC 3550 section 6.2 asks for.
	reportInterval = time.Second
	// videoIdle is how long video may be silent before a padding packet keeps
	// its SSRC bound. Looked at with each report, it makes one every 2 s, as
	// field clients send.
	videoIdle = 1500 * time.Millisecond
	// cname is the same for both tracks: they share a clock (RFC 3550
	// section 6.5.1).
	cname = "gotgcall"
)

// maintain sends what a connection owes while it is up: sender reports, and
// padding on an idle video stream. It runs on one goroutine until Close.
func (c *Conn) maintain() {
	defer c.done.Done()
	ticker := time.NewTicker(reportInterval)
	defer ticker.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-ticker.C:
		}
		// A write can fail only because the connection is going away, which
		// the state watcher reports.
		_ = c.video.keepAlive(time.Now(), videoIdle)
		if reports := c.senderReports(); len(reports) > 0 {
			_ = c.pc.WriteRTCP(reports)
		}
	}
}

// senderReports returns a report for each stream that has sent anything, all of
// one instant.
func (c *Conn) senderReports() []rtcp.Packet {
	// Wall time is that of the epoch plus what the monotonic clock counted:
	// a step of the system clock must not tear RTP and NTP apart.
	now := time.Now()
	wall := c.epoch.Add(now.Sub(c.epoch))
	var packets []rtcp.Packet
	var chunks []rtcp.SourceDescriptionChunk
	for _, t := range []*Track{c.audio, c.video} {
		sent := t.sent()
		if sent.packets == 0 {
			continue
		}
		packets = append(packets, &rtcp.SenderReport{
			SSRC:        t.ssrc,
			NTPTime:     ntpTime(wall),
			RTPTime:     t.line.at(now),
			PacketCount: sent.packets,
			OctetCount:  sent.octets,
		})
		chunks = append(chunks, rtcp.SourceDescriptionChunk{
			Source: t.ssrc,
			Items:  []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: cname}},
		})
	}
	if len(chunks) > 0 {
		packets = append(packets, &rtcp.SourceDescription{Chunks: chunks})
	}
	return packets
}
