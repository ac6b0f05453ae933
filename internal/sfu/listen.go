package sfu

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/internal/sfu/oracle"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const (
	maxListeners = 64
	// listenerGrace is what a listener has to connect.
	listenerGrace = 30 * time.Second
)

// listener is a browser that hears and sees the featured participant.
type listener struct {
	sfu *SFU
	pc  *webrtc.PeerConnection
	in  chan feed

	audio, video *splice // used by run alone

	connected chan struct{}
	connOnce  sync.Once
	stop      chan struct{}
	stopOnce  sync.Once
}

// feed is a packet on its way to the listeners.
type feed struct {
	from   *Participant
	packet []byte
	at     time.Time
}

// Listen answers the offer of a WebRTC peer that wants to receive Opus and VP8, and
// sends it what the featured participant sends. The answer holds all candidates. The
// listener lives until it leaves or the SFU is closed; ctx bounds only the answering.
func (s *SFU) Listen(ctx context.Context, offerSDP string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("listen: %w", err)
	}
	l, err := newListener(s)
	if err != nil {
		return "", fmt.Errorf("listen: %w", err)
	}
	answerSDP, err := l.answer(ctx, offerSDP)
	if err == nil {
		err = s.addListener(l)
	}
	if err != nil {
		return "", fmt.Errorf("listen: %w", errors.Join(err, l.pc.GracefulClose()))
	}
	return answerSDP, nil
}

func newListener(s *SFU) (*listener, error) {
	pc, err := newListenerConnection(s.cfg)
	if err != nil {
		return nil, err
	}
	l := &listener{
		sfu:       s,
		pc:        pc,
		in:        make(chan feed, outboxSize),
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
			l.leave()
		}
	})
	return l, nil
}

func newListenerConnection(cfg Config) (*webrtc.PeerConnection, error) {
	engine := &webrtc.MediaEngine{}
	if err := engine.RegisterDefaultCodecs(); err != nil {
		return nil, fmt.Errorf("codecs: %w", err)
	}
	registry := &interceptor.Registry{}
	if err := webrtc.RegisterDefaultInterceptors(engine, registry); err != nil {
		return nil, fmt.Errorf("interceptors: %w", err)
	}
	settings := webrtc.SettingEngine{LoggerFactory: loggerFactory{cfg.Logger}}
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

func (l *listener) addTracks() error {
	audio, err := webrtc.NewTrackLocalStaticRTP(
		webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: oracle.AudioClock, Channels: 2}, "audio", "sfu")
	if err != nil {
		return fmt.Errorf("audio track: %w", err)
	}
	video, err := webrtc.NewTrackLocalStaticRTP(
		webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: oracle.VideoClock}, "video", "sfu")
	if err != nil {
		return fmt.Errorf("video track: %w", err)
	}
	l.audio = &splice{track: audio, clock: oracle.AudioClock}
	l.video = &splice{track: video, clock: oracle.VideoClock}
	for _, track := range []webrtc.TrackLocal{audio, video} {
		sender, err := l.pc.AddTrack(track)
		if err != nil {
			return fmt.Errorf("%s track: %w", track.ID(), err)
		}
		go l.readRTCP(sender) // ends when the PeerConnection is closed
	}
	return nil
}

func (l *listener) answer(ctx context.Context, offerSDP string) (string, error) {
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
// on wishes for key frames.
func (l *listener) readRTCP(sender *webrtc.RTPSender) {
	for {
		pkts, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, pkt := range pkts {
			switch pkt.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				l.sfu.requestKeyFrame()
			}
		}
	}
}

// leave ends the listener; it does not wait.
func (l *listener) leave() { l.stopOnce.Do(func() { close(l.stop) }) }

// run feeds the tracks until the listener leaves.
func (l *listener) run() {
	defer l.close()
	grace := time.NewTimer(listenerGrace)
	defer grace.Stop()
	connected := l.connected
	for {
		select {
		case <-l.stop:
			return
		case <-grace.C:
			if connected != nil {
				return
			}
		case <-connected:
			connected = nil
			l.sfu.requestKeyFrame()
		case f := <-l.in:
			l.play(f)
		}
	}
}

func (l *listener) close() {
	l.sfu.removeListener(l)
	if err := l.pc.GracefulClose(); err != nil {
		l.sfu.cfg.Logger.Debug("close listener", "error", err)
	}
}

// put never blocks: a listener that is too slow misses packets.
func (l *listener) put(f feed) {
	select {
	case l.in <- f:
	default:
	}
}

func (l *listener) play(f feed) {
	pkt := &rtp.Packet{}
	if err := pkt.Unmarshal(f.packet); err != nil {
		return
	}
	if pkt.SSRC == f.from.req.Audio {
		l.audio.write(f, pkt)
		return
	}
	for layer, v := range f.from.req.Layers {
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
	if len(pkt.Payload) <= oracle.OSNSize {
		return nil
	}
	pkt.SequenceNumber = uint16(pkt.Payload[0])<<8 | uint16(pkt.Payload[1])
	pkt.Payload = pkt.Payload[oracle.OSNSize:]
	pkt.SSRC = media
	pkt.PayloadType--
	return pkt
}
