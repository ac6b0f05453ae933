package ffmpeg

import (
	"slices"
	"strings"

	"github.com/gotgcall/gotgcall/media"
)

// protocol is what a URL scheme needs of ffmpeg.
type protocol struct {
	allowed string   // the protocols that may be opened; empty: unknown scheme
	formats string   // demuxers besides formats, with a leading comma
	options []string // input options
}

// protocols returns what a scheme needs. No list has file in it.
func protocols(scheme string) protocol {
	// 30 s without a byte is a dead server; the option is in microseconds.
	const stall = "30000000"
	switch scheme {
	case "http", "https":
		return protocol{allowed: "http,tcp"} // of the loopback interface
	case "rtmp", "rtmps":
		return protocol{allowed: "rtmp,tcp", options: []string{"-rw_timeout", stall}}
	case "rtsp", "rtsps":
		// Over TCP: UDP is lost behind most address translators.
		return protocol{
			allowed: "rtsp,rtp,tcp", formats: ",rtsp,sdp,rtp",
			options: []string{"-rtsp_transport", "tcp"},
		}
	case "srt":
		return protocol{allowed: "srt", options: []string{"-rw_timeout", stall}}
	}
	return protocol{}
}

// connectedInput reads a URL by a protocol that ffmpeg speaks.
func connectedInput(scheme, address string, tracks media.Track) []string {
	p := protocols(strings.TrimSuffix(scheme, "s"))
	args := slices.Concat(limits(), []string{"-protocol_whitelist", p.allowed, "-format_whitelist", formats + p.formats}, p.options)
	if strings.HasPrefix(scheme, "rtmp") {
		args = append(args, "-analyzeduration", analyze(tracks))
	}
	return append(args, "-i", address)
}

// analyze returns how long ffmpeg reads FLV for tracks that have not begun, in
// microseconds: FLV does not say that there is no picture. RTMP sends the description
// of a track ahead of it.
func analyze(tracks media.Track) string {
	if tracks.Has(media.TrackVideo) {
		return "2500000"
	}
	return "1000000"
}
