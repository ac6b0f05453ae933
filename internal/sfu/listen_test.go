package sfu_test

import (
	"context"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/sfu"
)

func TestForwardedPacketsAreUnchanged(t *testing.T) {
	t.Parallel()
	s := newSFU(t, sfu.Config{Forward: true})
	sender, receiver := newClient(t, clientOptions{}), newClient(t, clientOptions{})
	from, to := sender.connect(t, s), receiver.connect(t, s)
	until(t, "connection", from.Connected())
	until(t, "connection", to.Connected())
	until(t, "data channel", sender.opened)
	until(t, "data channel", receiver.opened)
	assert.Len(t, s.Participants(), 2)
	var sent *rtp.Packet
	for range 3 { // pion shows an undeclared stream after a few packets
		sender.sendAudio(t, func(pkt *rtp.Packet) {
			if sent == nil {
				sent = pkt.Clone()
			}
		})
	}
	got := until(t, "forwarded packet", receiver.received)
	assert.Equal(t, sender.audio, got.SSRC, "the sender's own SSRC")
	assert.Equal(t, sent.SequenceNumber, got.SequenceNumber)
	assert.Equal(t, sent.Timestamp, got.Timestamp)
	assert.Equal(t, sent.Payload, got.Payload)
	assert.Equal(t, []byte{0x94}, got.GetExtension(1))
	assert.Empty(t, from.Violations())
}

// viewer is a browser, as far as the SFU can see.
type viewer struct {
	pc     *webrtc.PeerConnection
	tracks chan *webrtc.TrackRemote
	audio  chan *rtp.Packet
	video  chan *rtp.Packet
	states chan webrtc.PeerConnectionState
}

func newViewer(t *testing.T) *viewer {
	t.Helper()
	v := &viewer{
		tracks: make(chan *webrtc.TrackRemote, 4),
		audio:  make(chan *rtp.Packet, 4096),
		video:  make(chan *rtp.Packet, 4096),
		states: make(chan webrtc.PeerConnectionState, 16),
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	engine := &webrtc.MediaEngine{}
	require.NoError(t, engine.RegisterDefaultCodecs())
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(engine)).
		NewPeerConnection(webrtc.Configuration{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, pc.GracefulClose()) })
	v.pc = pc
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) { v.states <- state })
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		v.tracks <- track
		into := v.audio
		if track.Kind() == webrtc.RTPCodecTypeVideo {
			into = v.video
		}
		for {
			pkt, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			into <- pkt
		}
	})
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		_, err = pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		require.NoError(t, err)
	}
	return v
}

func (v *viewer) listen(t *testing.T, s *sfu.SFU) {
	t.Helper()
	offer, err := v.pc.CreateOffer(nil)
	require.NoError(t, err)
	gathered := webrtc.GatheringCompletePromise(v.pc)
	require.NoError(t, v.pc.SetLocalDescription(offer))
	until(t, "candidates", gathered)
	answer, err := s.Listen(context.Background(), v.pc.LocalDescription().SDP)
	require.NoError(t, err)
	require.NoError(t, v.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
}

func TestListenerHearsAndSeesTheFeaturedParticipant(t *testing.T) {
	t.Parallel()
	s, c, p := connected(t, sfu.Config{}, clientOptions{})
	v := newViewer(t)
	v.listen(t, s)
	assert.Equal(t, 1, s.Listeners())

	// A listener that connects wants a key frame, and so does one that asks.
	hear(t, c, "PLI", func(pli *rtcp.PictureLossIndication) bool { return pli.MediaSSRC == c.video })
	c.keepSending(t)
	video := until(t, "video", v.video)
	assert.Len(t, video.Payload, 101)
	assert.False(t, video.Extension, "another negotiation's extension ids")
	var last *rtp.Packet
	for range 10 {
		audio := until(t, "audio", v.audio)
		assert.Equal(t, []byte{0xfc, 1, 2, 3}, audio.Payload)
		if last != nil {
			assert.Equal(t, last.SequenceNumber+1, audio.SequenceNumber)
			assert.Equal(t, last.Timestamp+960, audio.Timestamp)
		}
		last = audio
	}
	require.NoError(t, v.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: video.SSRC}}))
	hear(t, c, "PLI", func(pli *rtcp.PictureLossIndication) bool { return pli.MediaSSRC == c.video })
	assert.Empty(t, p.Violations())

	// Another participant takes over without a seam in the numbers.
	other := newClient(t, clientOptions{})
	until(t, "connection", other.connect(t, s).Connected())
	until(t, "data channel", other.opened)
	other.keepSending(t)
	seen := 0
	for seen < 50 {
		audio := until(t, "audio", v.audio)
		assert.Equal(t, last.SequenceNumber+1, audio.SequenceNumber)
		last = audio
		seen++
	}
	require.NoError(t, s.Feature(c.audio))
	require.Error(t, s.Feature(1))
	until(t, "audio", v.audio)
	require.NoError(t, v.pc.Close())
	require.Eventually(t, func() bool { return s.Listeners() == 0 }, waitFor, waitFor/1000)
}

func TestListenRefusesNonsense(t *testing.T) {
	t.Parallel()
	s := newSFU(t, sfu.Config{})
	_, err := s.Listen(context.Background(), "v=0")
	require.Error(t, err)
	assert.Zero(t, s.Listeners())
	v := newViewer(t)
	offer, err := v.pc.CreateOffer(nil)
	require.NoError(t, err)
	require.NoError(t, v.pc.SetLocalDescription(offer))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = s.Listen(ctx, offer.SDP)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, s.Close())
	_, err = s.Listen(context.Background(), offer.SDP)
	require.ErrorIs(t, err, sfu.ErrClosed)
}

func TestCloseEndsListeners(t *testing.T) {
	t.Parallel()
	s := newSFU(t, sfu.Config{})
	v := newViewer(t)
	v.listen(t, s) // nobody is in the call
	require.NoError(t, s.Close())
	assert.Zero(t, s.Listeners())
}
