package peer

import (
	"fmt"
	"strings"

	"github.com/gotgcall/gotgcall/jsonparams"
)

// The mids of the three sections. Audio and video packets carry theirs.
const (
	midAudio = "0"
	midVideo = "1"
	midData  = "2"
)

// offer writes the server's answer to our join as the SDP offer the server would
// have made: it receives Opus, VP8 and maybe H.264 at the given candidates, and takes a
// data channel. With lite it claims to be an ICE-lite agent, which makes us the controlling
// side (RFC 8445 section 6.1.1).
func offer(r *jsonparams.Response, candidates []jsonparams.Candidate, lite bool) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }

	line("v=0")
	line("o=- 1 1 IN IP4 0.0.0.0")
	line("s=-")
	line("t=0 0")
	line("a=group:BUNDLE %s %s %s", midAudio, midVideo, midData)
	if lite {
		line("a=ice-lite")
	}
	transport := func() {
		t := r.Transport
		line("c=IN IP4 0.0.0.0")
		line("a=ice-ufrag:%s", t.Ufrag)
		line("a=ice-pwd:%s", t.Pwd)
		line("a=fingerprint:sha-256 %s", t.Fingerprint)
		if t.Passive {
			line("a=setup:passive")
		} else {
			line("a=setup:active")
		}
	}
	media := func(mid string) {
		transport()
		line("a=mid:%s", mid)
		line("a=recvonly")
		line("a=rtcp-mux")
		line("a=rtcp-rsize")
	}

	line("m=audio 9 UDP/TLS/RTP/SAVPF %d", r.Opus)
	media(midAudio)
	line("a=rtpmap:%d opus/48000/2", r.Opus)
	line("a=fmtp:%d minptime=10;useinbandfec=1", r.Opus)
	line("a=rtcp-fb:%d transport-cc", r.Opus)
	for i, c := range candidates {
		line("a=candidate:%s %d udp %d %s %d typ %s", c.Foundation, c.Component,
			// Telegram gives all candidates one priority; the order decides.
			c.Priority-min(c.Priority, uint32(i)), c.Addr.Addr(), c.Addr.Port(), c.Type)
	}
	line("a=end-of-candidates")

	picture := func(name string, payloadType, rtx uint8) {
		line("a=rtpmap:%d %s/90000", payloadType, name)
		line("a=rtcp-fb:%d transport-cc", payloadType)
		line("a=rtcp-fb:%d nack", payloadType)
		line("a=rtpmap:%d rtx/90000", rtx)
		line("a=fmtp:%d %s", rtx, apt(payloadType))
	}
	formats := fmt.Sprintf("%d %d", r.VP8, r.RTX)
	if r.H264 != 0 {
		formats += fmt.Sprintf(" %d %d", r.H264, r.H264RTX)
	}
	line("m=video 9 UDP/TLS/RTP/SAVPF %s", formats)
	media(midVideo)
	picture("VP8", r.VP8, r.RTX)
	if r.H264 != 0 {
		picture("H264", r.H264, r.H264RTX)
		line("a=fmtp:%d %s", r.H264, h264FMTP)
	}

	line("m=application 9 UDP/DTLS/SCTP webrtc-datachannel")
	transport()
	line("a=mid:%s", midData)
	line("a=sctp-port:5000")
	line("a=max-message-size:262144")
	return b.String()
}
