package peer

import (
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"

	"github.com/gotgcall/gotgcall/internal/wire"
	"github.com/gotgcall/gotgcall/jsonparams"
	"github.com/gotgcall/gotgcall/models"
)

const (
	// reportInterval is how often each sending SSRC is reported on, what
	// browsers do for video; more often than RFC 3550 section 6.2 asks for.
	reportInterval = time.Second
	// videoIdle is how long video may be silent before a padding packet keeps
	// its SSRC bound. Checked with each report, it makes one every 2 s, as
	// field clients send.
	videoIdle = 1500 * time.Millisecond
	// cname is the same for both tracks: they share a clock (RFC 3550
	// section 6.5.1).
	cname = "gotgcall"
)

// stream returns the identity of one of our streams.
func stream(ssrc uint32, mid string) wire.Stream {
	return wire.Stream{SSRC: ssrc, MID: mid, CNAME: cname, Extensions: extensions()}
}

// extensions returns the header extensions that Telegram's server reads.
func extensions() wire.Extensions {
	return wire.Extensions{
		AudioLevel:    jsonparams.ExtAudioLevel,
		AbsSendTime:   jsonparams.ExtAbsSendTime,
		TransportWide: jsonparams.ExtTransportWide,
		MID:           jsonparams.ExtMID,
	}
}

// stampInterceptor is pion's interceptor next to the socket: it puts a
// [wire.Stamper] before it. It is its own factory, as it serves one connection.
type stampInterceptor struct {
	interceptor.NoOp
	stamper *wire.Stamper
}

// NewInterceptor returns i.
func (i *stampInterceptor) NewInterceptor(string) (interceptor.Interceptor, error) { return i, nil }

// BindLocalStream returns a writer that stamps each packet.
func (i *stampInterceptor) BindLocalStream(_ *interceptor.StreamInfo, w interceptor.RTPWriter) interceptor.RTPWriter {
	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		return i.stamper.Send(h, payload, func() (int, error) { return w.Write(h, payload, a) })
	})
}

// maintain sends what a connection owes while it is up: sender reports, and padding
// on an idle video stream. It also takes a data channel that opens late. It runs on
// one goroutine until Close.
func (c *Conn) maintain() {
	defer c.done.Done()
	ticker := time.NewTicker(reportInterval)
	defer ticker.Stop()
	for {
		select {
		case <-c.stop:
			return
		case channel := <-c.opened:
			c.startListening(channel)
			continue
		case <-ticker.C:
		}
		// A write can fail only because the connection is going away, which
		// the state watcher reports.
		_ = c.video.KeepAlive(time.Now(), videoIdle)
		if reports := wire.SenderReports(c.audio, c.video); len(reports) > 0 {
			_ = c.pc.WriteRTCP(reports)
		}
	}
}

// Stats sets the figures of the connection in those of its call.
func (c *Conn) Stats(to *models.Stats) {
	to.Audio, to.Video = c.audio.Stats(), c.video.Stats()
	to.Bandwidth = c.congestion.Rate(time.Now())
	to.PicturesShed, to.PicturesUnwatched = c.video.Withheld()
}
