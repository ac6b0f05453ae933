package peer

import (
	"fmt"
	"math"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"

	"github.com/gotgcall/gotgcall/models"
)

// flightInterval is how soon a flight of the DTLS handshake is repeated at first; it
// doubles. With 10 % loss and a round trip of 30 ms, 99 of 100 connections are up after
// 1.4 s; with pion's interval of 1 s, and a HelloVerifyRequest, after 2.2 s.
const flightInterval = 150 * time.Millisecond

// newPeerConnection configures pion: the pinned identity, two codecs, one
// interceptor for what is sent, and buffers of ours for what is received.
func (d *dialer) newPeerConnection(
	sockets *lease, buffers bufferFactory, stamp *stampInterceptor, wants *reception,
) (*webrtc.PeerConnection, error) {
	settings, err := d.settings(wants)
	if err != nil {
		return nil, err
	}
	settings.BufferFactory = buffers.buffer
	settings.SetICEUDPMux(sockets)
	var codecs webrtc.MediaEngine
	if err := registerCodecs(&codecs, d.response); err != nil {
		return nil, err
	}
	var interceptors interceptor.Registry
	interceptors.Add(stamp)
	api := webrtc.NewAPI(
		webrtc.WithSettingEngine(settings),
		webrtc.WithMediaEngine(&codecs),
		webrtc.WithInterceptorRegistry(&interceptors),
	)
	pc, err := api.NewPeerConnection(webrtc.Configuration{
		Certificates: []webrtc.Certificate{d.id.certificate},
		ICEServers:   iceServers(d.cfg.ICEServers),
	})
	if err != nil {
		return nil, fmt.Errorf("peer connection: %w", err)
	}
	return pc, nil
}

// settings returns what pion needs of the identity, the route and the timeouts.
func (d *dialer) settings(wants *reception) (webrtc.SettingEngine, error) {
	settings := webrtc.SettingEngine{LoggerFactory: &pionLog{logger: d.cfg.Logger, on: d.cfg.DebugLogs}}
	settings.SetICECredentials(d.id.Ufrag, d.id.Pwd)
	// Neither pion's timeout nor its count of checks ends an attempt: Dial does,
	// and after it advance.
	settings.SetICETimeouts(d.cfg.Disconnected, 0, d.cfg.Keepalive)
	settings.SetICEMaxBindingRequests(math.MaxUint16)
	settings.SetHostAcceptanceMinWait(0)
	settings.SetPrflxAcceptanceMinWait(0)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6}) // the route keeps to cfg's
	settings.SetIncludeLoopbackCandidate(true)                                                     // the route may be local
	settings.SetIPFilter(d.route.from)
	settings.SetNet(newNetwork(d.route, wants))
	role := webrtc.DTLSRoleServer
	if d.response.Transport.Passive {
		role = webrtc.DTLSRoleClient
	}
	if err := settings.SetAnsweringDTLSRole(role); err != nil {
		return settings, fmt.Errorf("dtls role: %w", err)
	}
	settings.DetachDataChannels() // pion's reader keeps 64 KiB for a call, and more after a large message
	settings.SetSRTPProtectionProfiles(srtpProfiles()...)
	settings.SetDTLSRetransmissionInterval(flightInterval)
	// ICE has shown that the address is the server's, which is all that the
	// cookie of a HelloVerifyRequest shows (RFC 6347 section 4.2.1).
	settings.SetDTLSInsecureSkipHelloVerify(true)
	return settings, nil
}

func iceServers(servers []models.ICEServer) []webrtc.ICEServer {
	out := make([]webrtc.ICEServer, len(servers))
	for i, s := range servers {
		out[i] = webrtc.ICEServer{URLs: s.URLs, Username: s.Username, Credential: s.Credential}
	}
	return out
}
