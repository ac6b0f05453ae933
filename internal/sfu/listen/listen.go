// Package listen is WebRTC peers, browsers for one, that hear and see what a participant
// sends: [Listener]. The streams of one participant after the other are spliced into one
// audio track and one video track.
package listen

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const (
	// grace is what a listener has to connect.
	grace = 30 * time.Second
	// The clock rates of Opus (RFC 7587 §4.1) and of all video.
	audioClock, videoClock = 48000, 90000
	// osnSize is the original sequence number before a repeated payload (RFC 4588 §4).
	osnSize = 2
	// inboxSize is how many packets a listener may lag behind before it misses some.
	inboxSize = 512
)

// Source is a participant that is heard and seen.
type Source struct {
	Audio  uint32  // SSRC
	Layers []Layer // of video, lowest resolution first
}

// Layer is one resolution of video.
type Layer struct{ Media, RTX uint32 } // SSRCs

// Packet is decrypted RTP on its way to listeners. Nobody may change its Data.
type Packet struct {
	From *Source
	Data []byte
	At   time.Time
}

// Listener is a WebRTC peer that receives.
type Listener struct {
	pc       *webrtc.PeerConnection
	in       chan Packet
	keyFrame func() // asks for one

	audio, video *splice // used by run alone

	connected chan struct{}
	connOnce  sync.Once
	stop      chan struct{}
	stopOnce  sync.Once
}

// New returns a listener. requestKeyFrame is called when it needs one; it must not block.
// The caller must call either Run or Close.
func New(logs logging.LoggerFactory, requestKeyFrame func()) (*Listener, error) {
	pc, err := newConnection(logs)
	if err != nil {
		return nil, err
	}
	l := &Listener{
		pc:        pc,
		in:        make(chan Packet, inboxSize),
		keyFrame:  requestKeyFrame,
		connected: make(chan struct{}),
		stop:      make(chan struct{}),
	}
	if err = l.addTracks(); err != nil {
		return nil, errors.Join(err, pc.GracefulClose())
	}
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			l.connOnce.Do(func() { close(l.connected) })
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			l.Leave()
		}
	})
	return l, nil
}

type codec struct {
	kind       webrtc.RTPCodecType
	parameters webrtc.RTPCodecParameters
}

// codecs are those that are played. There is none of repeated packets (RFC 4588): what is
// missing is sent again as it was, in whatever codec.
func codecs() []codec {
	of := func(kind webrtc.RTPCodecType, payloadType webrtc.PayloadType, mime string, clock uint32, channels uint16, fmtp string) codec {
		return codec{kind, webrtc.RTPCodecParameters{
			PayloadType:        payloadType,
			RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: mime, ClockRate: clock, Channels: channels, SDPFmtpLine: fmtp},
		}}
	}
	return []codec{
		of(webrtc.RTPCodecTypeAudio, 111, webrtc.MimeTypeOpus, audioClock, 2, "minptime=10;useinbandfec=1"),
		of(webrtc.RTPCodecTypeVideo, vp8PT, webrtc.MimeTypeVP8, videoClock, 0, ""),
		of(webrtc.RTPCodecTypeVideo, h264PT, webrtc.MimeTypeH264, videoClock, 0,
			"level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"),
	}
}

func newConnection(logs logging.LoggerFactory) (*webrtc.PeerConnection, error) {
	engine := &webrtc.MediaEngine{}
	for _, c := range codecs() {
		if err := engine.RegisterCodec(c.parameters, c.kind); err != nil {
			return nil, fmt.Errorf("codecs: %w", err)
		}
	}
	registry := &interceptor.Registry{}
	if err := webrtc.RegisterDefaultInterceptors(engine, registry); err != nil {
		return nil, fmt.Errorf("interceptors: %w", err)
	}
	settings := webrtc.SettingEngine{LoggerFactory: logs}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	// Browsers hide their addresses in mDNS names; they find us, and we learn theirs
	// from their checks.
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry),
		webrtc.WithSettingEngine(settings))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, fmt.Errorf("peer connection: %w", err)
	}
	return pc, nil
}

func (l *Listener) addTracks() error {
	audio, err := webrtc.NewTrackLocalStaticRTP(
		webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: audioClock, Channels: 2}, "audio", "sfu")
	if err != nil {
		return fmt.Errorf("audio track: %w", err)
	}
	video := &pictures{}
	l.audio = &splice{track: audio, clock: audioClock}
	l.video = &splice{track: video, clock: videoClock}
	for _, track := range []webrtc.TrackLocal{audio, video} {
		sender, err := l.pc.AddTrack(track)
		if err != nil {
			return fmt.Errorf("%s track: %w", track.ID(), err)
		}
		go l.readRTCP(sender) // ends when the PeerConnection is closed
	}
	return nil
}

// Answer answers an offer to receive Opus, and VP8 or H.264. The answer holds all candidates.
func (l *Listener) Answer(ctx context.Context, offerSDP string) (string, error) {
	offer := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offerSDP}
	if err := l.pc.SetRemoteDescription(offer); err != nil {
		return "", fmt.Errorf("offer: %w", err)
	}
	answer, err := l.pc.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("answer: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(l.pc)
	if err = l.pc.SetLocalDescription(answer); err != nil {
		return "", fmt.Errorf("answer: %w", err)
	}
	select {
	case <-gathered:
		return l.pc.LocalDescription().SDP, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// readRTCP must drain the sender's RTCP: interceptors see only what is read. It passes
// on requests for key frames.
func (l *Listener) readRTCP(sender *webrtc.RTPSender) {
	for {
		pkts, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, pkt := range pkts {
			switch pkt.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				l.keyFrame()
			}
		}
	}
}

// Leave ends Run; it does not wait.
func (l *Listener) Leave() { l.stopOnce.Do(func() { close(l.stop) }) }

// Close ends a listener that does not Run.
func (l *Listener) Close() error { return l.pc.GracefulClose() }

// Run plays packets until the listener leaves or its connection fails, or when it does
// not connect in time. It returns once the connection is closed; left is called before.
func (l *Listener) Run(left func()) error {
	l.run()
	left()
	return l.pc.GracefulClose()
}

func (l *Listener) run() {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	connected := l.connected
	for {
		select {
		case <-l.stop:
			return
		case <-timer.C:
			if connected != nil {
				return
			}
		case <-connected:
			connected = nil
			l.keyFrame()
		case f := <-l.in:
			l.play(f)
		}
	}
}

// Put hands a packet to Run. It never blocks: a listener that is too slow misses packets.
func (l *Listener) Put(p Packet) {
	select {
	case l.in <- p:
	default:
	}
}

func (l *Listener) play(f Packet) {
	pkt := &rtp.Packet{}
	if err := pkt.Unmarshal(f.Data); err != nil {
		return
	}
	if pkt.SSRC == f.From.Audio {
		l.audio.write(f, pkt)
		return
	}
	for layer, v := range f.From.Layers {
		switch pkt.SSRC {
		case v.Media:
			l.video.writeLayer(f, pkt, layer)
		case v.RTX:
			if repaired := unwrapRTX(pkt, v.Media); repaired != nil {
				l.video.writeLayer(f, repaired, layer)
			}
		}
	}
}

// unwrapRTX restores a repeated packet (RFC 4588 §4); nil for one that only probes the
// line.
func unwrapRTX(pkt *rtp.Packet, media uint32) *rtp.Packet {
	if len(pkt.Payload) <= osnSize {
		return nil
	}
	pkt.SequenceNumber = uint16(pkt.Payload[0])<<8 | uint16(pkt.Payload[1])
	pkt.Payload = pkt.Payload[osnSize:]
	pkt.SSRC = media
	pkt.PayloadType--
	return pkt
}
