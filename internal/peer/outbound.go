package peer

import (
	"strings"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/gotgcall/gotgcall/internal/wire"
	"github.com/gotgcall/gotgcall/jsonparams"
	"github.com/gotgcall/gotgcall/models"
)

const (
	// soundReports is how often sound alone is reported on, as Telegram's own
	// clients do, and about as often as RFC 3550 section 6.2 asks for. While there
	// are pictures both are reported on each second, what browsers do: a viewer
	// that has just joined needs the reports for lip sync.
	soundReports = 5*time.Second - upkeepInterval/2
	// videoIdle is how long video may be silent before a padding packet keeps
	// its SSRC bound. Checked each second, it makes one every 2 s, as field
	// clients send.
	videoIdle = 1500 * time.Millisecond
	// feedbackFor is how long feedback is wanted after the last picture: longer than
	// pictures are withheld from a congested path.
	feedbackFor = 2 * time.Minute
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
	wants   *reception // feedback, from the first picture on
}

// NewInterceptor returns i.
func (i *stampInterceptor) NewInterceptor(string) (interceptor.Interceptor, error) { return i, nil }

// BindLocalStream returns a writer that stamps each packet.
func (i *stampInterceptor) BindLocalStream(s *interceptor.StreamInfo, w interceptor.RTPWriter) interceptor.RTPWriter {
	pictures := strings.HasPrefix(s.MimeType, webrtc.RTPCodecTypeVideo.String())
	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		if pictures && len(payload) > 0 { // padding has none
			i.wants.set(feedback, true)
		}
		return i.stamper.Send(h, payload, func() (int, error) { return w.Write(h, payload, a) })
	})
}

// serve sends what the connection owes while it is up: sender reports, and padding
// on an idle video stream. It also takes a data channel that opens late. [Upkeep]
// calls it once a second.
func (c *Conn) serve(now time.Time) {
	select {
	case channel := <-c.opened:
		c.startListening(channel)
	default:
	}
	// A write can fail only because the connection is going away, which advance reports.
	_ = c.video.KeepAlive(now, videoIdle)
	pictures := c.video.Stats().Bytes
	if pictures != c.pictures {
		c.shown = now
	} else if now.Sub(c.shown) > feedbackFor {
		c.reception.set(feedback, false)
	}
	if pictures == c.pictures && now.Sub(c.reported) < soundReports {
		return
	}
	c.pictures = pictures
	reports := wire.SenderReports(c.audio, c.video)
	if c.cfg.Inbound != nil {
		reports = append(reports, c.cfg.Inbound.Reports(c.audio.SSRC())...)
	}
	if len(reports) > 0 {
		c.reported = now
		_ = c.pc.WriteRTCP(reports)
	}
}

// Stats sets the figures of the connection in those of its call.
func (c *Conn) Stats(to *models.Stats) {
	to.Audio, to.Video = c.audio.Stats(), c.video.Stats()
	to.Bandwidth = c.congestion.Rate(time.Now())
	to.PicturesShed, to.PicturesUnwatched = c.video.Withheld()
}
