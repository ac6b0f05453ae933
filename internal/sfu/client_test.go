package sfu_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/sfu"
)

// waitFor is how long a test waits for what must happen. It is far beyond what anything
// takes.
const waitFor = 20 * time.Second

// clientOptions breaks a client in one way or another. The zero value joins like
// Telegram's clients.
type clientOptions struct {
	fidOnly     bool // no SIM group
	noData      bool // no data channel
	setupActive bool // be the DTLS client
	seesLite    bool // take the SFU for ICE-lite, which makes pion controlling
	wrongCert   bool // announce another certificate's fingerprint
	noReports   bool // no sender reports
	noNumbers   bool // no transport-wide numbers
	patient     bool // go on checking for as long as it takes
	hasty       bool // be disconnected after half a second

	wire func(datagram []byte) // sees everything that comes
}

// client is a plain PeerConnection that joins as Telegram's clients do: pinned
// identity, the answer applied as an offer, its own answer kept to itself.
type client struct {
	pc                *webrtc.PeerConnection
	opt               clientOptions
	payload           string
	audio, video, rtx uint32

	audioTrack, videoTrack *webrtc.TrackLocalStaticRTP
	channel                *webrtc.DataChannel

	opened   chan struct{} // the data channel is open
	messages chan string
	states   chan webrtc.PeerConnectionState
	feedback chan rtcp.Packet
	received chan *rtp.Packet

	audioSeq, videoSeq uint16
	audioAt, videoAt   uint32
}

func newClient(t *testing.T, opt clientOptions) *client {
	t.Helper()
	c := &client{
		opt:      opt,
		audio:    1 + rand.Uint32N(1<<31-10),
		opened:   make(chan struct{}),
		messages: make(chan string, 16),
		states:   make(chan webrtc.PeerConnectionState, 16),
		feedback: make(chan rtcp.Packet, 4096),
		received: make(chan *rtp.Packet, 4096),
		// A wrap that nobody sees would leave the receiver with another SRTP index.
		audioSeq: uint16(rand.N(1 << 15)),
		videoSeq: uint16(rand.N(1 << 15)),
		audioAt:  rand.Uint32(),
		videoAt:  rand.Uint32(),
	}
	c.video, c.rtx = c.audio+1, c.audio+2
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	require.NoError(t, err)
	certificate, err := webrtc.GenerateCertificate(key)
	require.NoError(t, err)
	ufrag, pwd := token(8), token(24)
	c.payload = c.join(t, certificate, ufrag, pwd)
	c.pc = c.newPeerConnection(t, certificate, ufrag, pwd)
	t.Cleanup(func() { require.NoError(t, c.pc.GracefulClose()) })
	return c
}

func (c *client) join(t *testing.T, certificate *webrtc.Certificate, ufrag, pwd string) string {
	t.Helper()
	prints, err := certificate.GetFingerprints()
	require.NoError(t, err)
	value := strings.ToUpper(prints[0].Value)
	if c.opt.wrongCert {
		value = strings.Repeat("AB:", 31) + "AB"
	}
	setup := "passive"
	if c.opt.setupActive {
		setup = "active"
	}
	groups := []map[string]any{{"semantics": "FID", "sources": []uint32{c.video, c.rtx}}}
	if !c.opt.fidOnly {
		groups = append([]map[string]any{{"semantics": "SIM", "sources": []uint32{c.video}}}, groups...)
	}
	raw, err := json.Marshal(map[string]any{
		"ssrc":         c.audio,
		"ufrag":        ufrag,
		"pwd":          pwd,
		"fingerprints": []map[string]string{{"hash": "sha-256", "fingerprint": value, "setup": setup}},
		"ssrc-groups":  groups,
	})
	require.NoError(t, err)
	return string(raw)
}

func (c *client) newPeerConnection(t *testing.T, certificate *webrtc.Certificate, ufrag, pwd string) *webrtc.PeerConnection {
	t.Helper()
	role := webrtc.DTLSRoleServer
	if c.opt.setupActive {
		role = webrtc.DTLSRoleClient
	}
	var settings webrtc.SettingEngine
	settings.SetICECredentials(ufrag, pwd)
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	require.NoError(t, settings.SetAnsweringDTLSRole(role))
	if c.opt.patient {
		settings.SetICEMaxBindingRequests(1000)
		settings.SetICETimeouts(waitFor, waitFor, time.Second)
	}
	if c.opt.hasty {
		settings.SetICETimeouts(500*time.Millisecond, 5*time.Second, 200*time.Millisecond)
	}
	if c.opt.wire != nil {
		conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
		require.NoError(t, err)
		mux := webrtc.NewICEUDPMux(nil, tap{conn, c.opt.wire})
		t.Cleanup(func() { require.NoError(t, mux.Close()) })
		settings.SetICEUDPMux(mux)
	}
	engine := newMediaEngine(t)
	registry := &interceptor.Registry{}
	registry.Add(pinnedRTX{ssrc: c.rtx, next: &atomic.Uint32{}})
	if !c.opt.noNumbers {
		require.NoError(t, webrtc.ConfigureTWCCHeaderExtensionSender(engine, registry))
	}
	require.NoError(t, webrtc.ConfigureNack(engine, registry))
	if !c.opt.noReports {
		require.NoError(t, webrtc.ConfigureRTCPReports(registry))
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithSettingEngine(settings),
		webrtc.WithInterceptorRegistry(registry))
	pc, err := api.NewPeerConnection(webrtc.Configuration{Certificates: []webrtc.Certificate{*certificate}})
	require.NoError(t, err)
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) { c.states <- state })
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			pkt, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			c.received <- pkt
		}
	})
	return pc
}

// tap is a socket that shows what comes.
type tap struct {
	net.PacketConn
	show func([]byte)
}

func (p tap) ReadFrom(b []byte) (int, net.Addr, error) {
	n, addr, err := p.PacketConn.ReadFrom(b)
	if err == nil {
		p.show(slices.Clone(b[:n]))
	}
	return n, addr, err
}

func newMediaEngine(t *testing.T) *webrtc.MediaEngine {
	t.Helper()
	engine := &webrtc.MediaEngine{}
	require.NoError(t, engine.RegisterCodec(opus, webrtc.RTPCodecTypeAudio))
	require.NoError(t, engine.RegisterCodec(vp8, webrtc.RTPCodecTypeVideo))
	require.NoError(t, engine.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: "apt=100"},
		PayloadType:        101,
	}, webrtc.RTPCodecTypeVideo))
	return engine
}

var (
	opus = webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2},
		PayloadType:        111,
	}
	vp8 = webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeVP8, ClockRate: 90000,
			RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}},
		},
		PayloadType: 100,
	}
)

// connect joins and applies the answer. It does not wait for the connection.
func (c *client) connect(t *testing.T, s *sfu.SFU) *sfu.Participant {
	t.Helper()
	answer, err := s.Join(context.Background(), c.payload)
	require.NoError(t, err)
	c.apply(t, answer)
	p := s.Participant(c.audio)
	require.NotNil(t, p)
	return p
}

func (c *client) apply(t *testing.T, answer string) {
	t.Helper()
	var err error
	if !c.opt.noData {
		id := uint16(0)
		c.channel, err = c.pc.CreateDataChannel("data", &webrtc.DataChannelInit{ID: &id})
		require.NoError(t, err)
		c.channel.OnOpen(func() { close(c.opened) })
		c.channel.OnMessage(func(msg webrtc.DataChannelMessage) { c.messages <- string(msg.Data) })
	}
	c.audioTrack = c.addTrack(t, opus.RTPCodecCapability, c.audio, 0)
	c.videoTrack = c.addTrack(t, vp8.RTPCodecCapability, c.video, c.rtx)
	require.NoError(t, c.pc.SetRemoteDescription(webrtc.SessionDescription{
		Type: webrtc.SDPTypeOffer, SDP: offerFrom(t, answer, c.opt),
	}))
	description, err := c.pc.CreateAnswer(nil)
	require.NoError(t, err)
	require.NoError(t, c.pc.SetLocalDescription(description))
}

func (c *client) addTrack(t *testing.T, codec webrtc.RTPCodecCapability, ssrc, rtx uint32) *webrtc.TrackLocalStaticRTP {
	t.Helper()
	track, err := webrtc.NewTrackLocalStaticRTP(codec, codec.MimeType, "client")
	require.NoError(t, err)
	transceiver, err := c.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{
		Direction: webrtc.RTPTransceiverDirectionSendrecv,
		SendEncodings: []webrtc.RTPEncodingParameters{{RTPCodingParameters: webrtc.RTPCodingParameters{
			SSRC: webrtc.SSRC(ssrc), RTX: webrtc.RTPRtxParameters{SSRC: webrtc.SSRC(rtx)},
		}}},
	})
	require.NoError(t, err)
	go func() { // ends when the PeerConnection is closed
		for {
			pkts, _, err := transceiver.Sender().ReadRTCP()
			if err != nil {
				return
			}
			for _, pkt := range pkts {
				select {
				case c.feedback <- pkt:
				default:
				}
			}
		}
	}()
	return track
}

// sendAudio sends one packet of 20 ms. change may break it.
func (c *client) sendAudio(t *testing.T, change func(*rtp.Packet)) {
	t.Helper()
	require.NoError(t, c.writeAudio(change))
}

// sendVideo sends one frame in one packet, 20 ms after the one before.
func (c *client) sendVideo(t *testing.T, change func(*rtp.Packet)) {
	t.Helper()
	require.NoError(t, c.writeVideo(change))
}

func (c *client) writeAudio(change func(*rtp.Packet)) error {
	pkt := &rtp.Packet{
		Header:  rtp.Header{Version: 2, SequenceNumber: c.audioSeq, Timestamp: c.audioAt},
		Payload: []byte{0xfc, 1, 2, 3},
	}
	c.audioSeq++
	c.audioAt += 960
	if err := pkt.SetExtension(1, []byte{0x94}); err != nil {
		return err
	}
	return write(c.audioTrack, pkt, change)
}

func (c *client) writeVideo(change func(*rtp.Packet)) error {
	pkt := &rtp.Packet{
		Header:  rtp.Header{Version: 2, Marker: true, SequenceNumber: c.videoSeq, Timestamp: c.videoAt},
		Payload: append([]byte{0x10}, make([]byte, 100)...),
	}
	c.videoSeq++
	c.videoAt += 1800
	return write(c.videoTrack, pkt, change)
}

func write(track *webrtc.TrackLocalStaticRTP, pkt *rtp.Packet, change func(*rtp.Packet)) error {
	v := uint64(time.Now().UnixNano()%int64(64*time.Second)) << 18 / uint64(time.Second)
	if err := pkt.SetExtension(2, []byte{byte(v >> 16), byte(v >> 8), byte(v)}); err != nil {
		return err
	}
	if change != nil {
		change(pkt)
	}
	return track.WriteRTP(pkt)
}

// offerFrom makes the offer a Telegram client synthesises from an answer.
func offerFrom(t *testing.T, answer string, opt clientOptions) string {
	t.Helper()
	var a struct {
		Transport struct {
			Ufrag, Pwd   string
			Fingerprints []struct{ Hash, Fingerprint, Setup string }
			Candidates   []struct{ Foundation, Component, Protocol, Priority, IP, Port, Type string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &a))
	tr := a.Transport
	transport := "a=ice-ufrag:" + tr.Ufrag + "\r\na=ice-pwd:" + tr.Pwd + "\r\n"
	transport += "a=fingerprint:" + tr.Fingerprints[0].Hash + " " + tr.Fingerprints[0].Fingerprint + "\r\n"
	// The role is pinned by SetAnsweringDTLSRole, which wants an offer that leaves the
	// choice.
	transport += "a=setup:actpass\r\n"
	for _, c := range tr.Candidates {
		transport += fmt.Sprintf("a=candidate:%s %s %s %s %s %s typ %s\r\n",
			c.Foundation, c.Component, c.Protocol, c.Priority, c.IP, c.Port, c.Type)
	}
	session := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1"
	data := ""
	if !opt.noData {
		session += " 2"
		data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\n" +
			"a=sctp-port:5000\r\na=max-message-size:262144\r\n" + transport
	}
	session += "\r\n"
	if opt.seesLite {
		session += "a=ice-lite\r\n"
	}
	return session +
		"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\n" +
		"a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n" + extmaps(3) + transport +
		"m=video 9 UDP/TLS/RTP/SAVPF 100 101\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=sendrecv\r\na=rtcp-mux\r\n" +
		"a=rtpmap:100 VP8/90000\r\na=rtcp-fb:100 nack\r\na=rtcp-fb:100 nack pli\r\na=rtcp-fb:100 transport-cc\r\n" +
		"a=rtpmap:101 rtx/90000\r\na=fmtp:101 apt=100\r\n" + extmaps(3) + transport + data
}

func extmaps(transportCC int) string {
	return fmt.Sprintf("a=extmap:%d http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n",
		transportCC)
}

// pinnedRTX makes pion send RTX on the SSRC that the join declared, and numbers it
// without gaps: pion's responder numbers a packet when it stores it for a later
// repetition, and repeats it under one number.
type pinnedRTX struct {
	interceptor.NoOp
	ssrc uint32
	next *atomic.Uint32
}

func (p pinnedRTX) NewInterceptor(string) (interceptor.Interceptor, error) { return &p, nil }

func (p *pinnedRTX) BindLocalStream(info *interceptor.StreamInfo, w interceptor.RTPWriter) interceptor.RTPWriter {
	if info.SSRCRetransmission == 0 {
		return w
	}
	info.SSRCRetransmission = p.ssrc
	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		if h.SSRC == p.ssrc {
			h.SequenceNumber = uint16(p.next.Add(1))
		}
		return w.Write(h, payload, a)
	})
}

func token(n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[rand.IntN(len(letters))]
	}
	return string(b)
}

// untilConnected waits for the client's own view: it may send from then on.
func (c *client) untilConnected(t *testing.T) {
	t.Helper()
	c.untilState(t, webrtc.PeerConnectionStateConnected)
}
