package peer

import (
	"sync"
	"time"

	"github.com/pion/datachannel"
	"github.com/pion/rtcp"

	"github.com/gotgcall/gotgcall/models"
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
// padding on an idle video stream. It takes the data channel, should that open late. It
// runs on one goroutine until Close.
func (c *Conn) maintain(opened <-chan datachannel.ReadWriteCloser) {
	defer c.done.Done()
	ticker := time.NewTicker(reportInterval)
	defer ticker.Stop()
	for {
		select {
		case <-c.stop:
			return
		case channel := <-opened:
			c.done.Add(1)
			go c.listen(channel) // ends when the channel is closed; Close waits on done
			continue
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
	now := time.Now()
	var packets []rtcp.Packet
	var chunks []rtcp.SourceDescriptionChunk
	for _, t := range []*Track{c.audio, c.video} {
		sent := t.sent()
		if sent.packets == 0 {
			continue
		}
		packets = append(packets, &rtcp.SenderReport{
			SSRC:        t.ssrc,
			NTPTime:     c.clock.ntp(now),
			RTPTime:     t.line.at(now),
			PacketCount: uint32(sent.packets), // modulo 2^32
			OctetCount:  uint32(sent.octets),
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

// feedback is what the server's receiver reports say of a stream.
type feedback struct {
	mu sync.Mutex // guards what follows
	models.StreamStats
}

// take reads one report block (RFC 3550 section 6.4.1). The round trip is what has
// passed since the sender report it answers, less the time the server kept it. now is
// the NTP time of that report's clock.
func (f *feedback) take(b rtcp.ReceptionReport, rate int64, now uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.FractionLost = float64(b.FractionLost) / 256
	f.Lost = int64(int32(b.TotalLost<<8) >> 8) // 24 bits, signed
	f.Jitter = time.Duration(int64(b.Jitter) * int64(time.Second) / rate)
	if b.LastSenderReport != 0 {
		trip := uint32(now>>16) - b.LastSenderReport - b.Delay
		if int32(trip) >= 0 {
			f.RoundTrip = time.Duration(trip) * time.Second >> 16
		}
	}
}

// roundTrip is the time to the server and back, zero before it is known.
func (f *feedback) roundTrip() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.RoundTrip
}

// Stats adds what the connection did to the figures of its call.
func (c *Conn) Stats(to *models.Stats) {
	to.Audio, to.Video = c.audio.stats(), c.video.stats()
	to.Bandwidth = c.wire.rate(time.Now())
	c.video.mu.Lock()
	defer c.video.mu.Unlock()
	to.PicturesShed, to.PicturesUnwatched = c.video.gate.shed, c.video.gate.unseen
}

func (t *Track) stats() models.StreamStats {
	t.feedback.mu.Lock()
	s := t.feedback.StreamStats
	t.feedback.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	sent := t.count
	if t.history != nil {
		s.Retransmitted = t.history.count
	}
	s.SSRC, s.Packets, s.Bytes = t.ssrc, sent.packets, sent.octets
	return s
}
