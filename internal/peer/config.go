package peer

import (
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"

	"github.com/gotgcall/gotgcall/jsonparams"
	"github.com/gotgcall/gotgcall/models"
)

// flightInterval is how soon a flight of the DTLS handshake is repeated at first; it
// doubles. With 10 % loss and a round trip of 30 ms, 99 of 100 connections are up after
// 1.4 s; with pion's interval of 1 s, and a HelloVerifyRequest, after 2.2 s.
const flightInterval = 150 * time.Millisecond

// Config is what a connection needs besides identity and answer.
type Config struct {
	// Logger is never nil.
	Logger *slog.Logger
	// DebugLogs passes pion's own log to Logger, at Debug level.
	DebugLogs bool
	// ICEServers are STUN and TURN servers, none as a rule: the server has a
	// public address and learns ours from our checks.
	ICEServers []models.ICEServer
	// NetworkTypes are the address families to use; empty for both.
	NetworkTypes []models.NetworkType
	// Sockets shares UDP sockets with other connections; nil for own ones.
	Sockets *SocketPool
	// OnState is called when the state changes after Dial returned: Disconnected
	// with the reason, Connected again, Failed with the reason, which wraps
	// ErrConnectionFailed. It is called in order on one goroutine of the
	// connection and must not block; it may not call Close.
	OnState func(models.ConnState, error)
	// Disconnected, Failed and Keepalive are ICE's: silence until the state is
	// Disconnected, silence after that until it is Failed, and the interval of
	// the checks that keep the consent fresh (RFC 7675).
	Disconnected, Failed, Keepalive time.Duration
}

// usable returns the candidates of the address families that may be used.
func (cfg Config) usable(candidates []jsonparams.Candidate) []jsonparams.Candidate {
	if len(cfg.NetworkTypes) == 0 {
		return candidates
	}
	var some []jsonparams.Candidate
	for _, c := range candidates {
		family := models.UDP6
		if c.Addr.Addr().Is4() {
			family = models.UDP4
		}
		if slices.Contains(cfg.NetworkTypes, family) {
			some = append(some, c)
		}
	}
	return some
}

func iceServers(servers []models.ICEServer) []webrtc.ICEServer {
	out := make([]webrtc.ICEServer, len(servers))
	for i, s := range servers {
		out[i] = webrtc.ICEServer{URLs: s.URLs, Username: s.Username, Credential: s.Credential}
	}
	return out
}

// newAPI configures pion: the pinned identity, two codecs, and the interceptors
// on the way out.
func newAPI(id *Identity, r *jsonparams.Response, way route, c *Conn) (*webrtc.API, error) {
	settings := webrtc.SettingEngine{LoggerFactory: c.log, BufferFactory: c.inbound}
	settings.SetICECredentials(id.Ufrag, id.Pwd)
	// Neither pion's timeout nor its count of checks ends an attempt: Dial does,
	// and after it the watcher.
	settings.SetICETimeouts(c.cfg.Disconnected, 0, c.cfg.Keepalive)
	settings.SetICEMaxBindingRequests(math.MaxUint16)
	settings.SetHostAcceptanceMinWait(0)
	settings.SetPrflxAcceptanceMinWait(0)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6}) // the route keeps to cfg's
	settings.SetIncludeLoopbackCandidate(true)                                                     // the IP filter keeps it only when it is the way
	settings.SetIPFilter(way.from)
	if c.lease != nil {
		settings.SetICEUDPMux(c.lease.mux())
	}
	role := webrtc.DTLSRoleServer
	if r.Transport.Passive {
		role = webrtc.DTLSRoleClient
	}
	if err := settings.SetAnsweringDTLSRole(role); err != nil {
		return nil, fmt.Errorf("dtls role: %w", err)
	}
	settings.DetachDataChannels() // pion's reader keeps 64 KiB for a call, and more after a large message
	settings.SetSRTPProtectionProfiles(srtpProfiles()...)
	settings.SetDTLSRetransmissionInterval(flightInterval)
	// ICE has shown that the address is the server's, which is all that the
	// cookie of a HelloVerifyRequest shows (RFC 6347 section 4.2.1).
	settings.SetDTLSInsecureSkipHelloVerify(true)

	var codecs webrtc.MediaEngine
	if err := registerCodecs(&codecs, r); err != nil {
		return nil, err
	}

	var interceptors interceptor.Registry
	interceptors.Add(c.wire)
	return webrtc.NewAPI(
		webrtc.WithSettingEngine(settings),
		webrtc.WithMediaEngine(&codecs),
		webrtc.WithInterceptorRegistry(&interceptors),
	), nil
}
