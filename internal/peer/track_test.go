package peer

import (
	"encoding/binary"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/transport/v5/packetio"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/wire"
)

// negotiated is a webrtc.TrackLocalContext whose writer keeps headers.
type negotiated struct {
	webrtc.TrackLocalContext
	codecs  []webrtc.RTPCodecParameters
	headers []rtp.Header
}

func (n *negotiated) CodecParameters() []webrtc.RTPCodecParameters { return n.codecs }
func (n *negotiated) WriteStream() webrtc.TrackLocalWriter         { return n }
func (n *negotiated) Write([]byte) (int, error)                    { panic("not used") }
func (n *negotiated) WriteRTP(h *rtp.Header, _ []byte) (int, error) {
	n.headers = append(n.headers, h.Clone())
	return 0, nil
}

func codec(mime, fmtp string, payloadType webrtc.PayloadType) webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: mime, SDPFmtpLine: fmtp}, PayloadType: payloadType,
	}
}

func TestTrackTakesNegotiatedPayloadTypes(t *testing.T) {
	t.Parallel()
	c := pair(t)
	track := c.tracks()[1]
	ctx := &negotiated{codecs: []webrtc.RTPCodecParameters{
		codec(webrtc.MimeTypeRTX, "apt=99", 95), codec(webrtc.MimeTypeVP8, "", 120), codec(webrtc.MimeTypeRTX, "apt=120", 97),
	}}
	got, err := track.Bind(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 120, got.PayloadType)
	require.NoError(t, c.video.WriteFrame([]byte{1}, time.Now()))
	require.EqualValues(t, 120, ctx.headers[0].PayloadType)
	require.EqualValues(t, 97, rtxPayloadType(120, ctx.codecs))
	require.EqualValues(t, 121, rtxPayloadType(120, ctx.codecs[:1]), "no rtx names it: the next one")

	require.Error(t, c.video.WriteH264([]byte{0, 0, 1, 0x65, 1}, time.Now()), "not negotiated")

	require.NoError(t, track.Unbind(ctx))
	require.Error(t, c.video.WriteFrame([]byte{1}, time.Now()))
	_, err = c.tracks()[0].Bind(ctx)
	require.ErrorIs(t, err, webrtc.ErrUnsupportedCodec)
}

func TestTrackTakesH264WhereItIsNegotiated(t *testing.T) {
	t.Parallel()
	c := pair(t)
	ctx := &negotiated{codecs: []webrtc.RTPCodecParameters{
		codec(webrtc.MimeTypeH264, h264FMTP, 104), codec(webrtc.MimeTypeRTX, "apt=104", 105),
		codec(webrtc.MimeTypeVP8, "", 100), codec(webrtc.MimeTypeRTX, "apt=100", 101),
	}}
	got, err := c.tracks()[1].Bind(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 100, got.PayloadType, "what every server takes comes first")
	require.NoError(t, c.video.WriteH264([]byte{0, 0, 1, 0x65, 1}, time.Now()))
	require.NoError(t, c.video.WriteFrame([]byte{0}, time.Now()))
	require.EqualValues(t, 104, ctx.headers[0].PayloadType)
	require.EqualValues(t, 100, ctx.headers[1].PayloadType)
}

// pair returns the sending half of a connection.
func pair(t *testing.T) *Conn {
	t.Helper()
	clock, congestion := wire.NewClock(), new(wire.Congestion)
	log := slog.New(slog.DiscardHandler)
	return &Conn{
		congestion: congestion,
		audio:      wire.NewAudioSender(stream(7, midAudio), clock, log),
		video:      wire.NewVideoSender(stream(8, midVideo), 9, clock, log, congestion),
	}
}

func TestBuffersKeepNothing(t *testing.T) {
	t.Parallel()
	c := pair(t)
	f := bufferFactory{senders: []*wire.Sender{c.audio, c.video}, congestion: c.congestion}
	for _, kind := range []packetio.BufferPacketType{packetio.RTPBufferPacket, packetio.RTCPBufferPacket} {
		for _, ssrc := range []uint32{7, 8, 1000} {
			b := f.buffer(kind, ssrc)
			n, err := b.Write(make([]byte, 100))
			require.NoError(t, err)
			require.Equal(t, 100, n)
			_, err = b.Read(nil)
			require.ErrorIs(t, err, io.EOF)
			require.NoError(t, b.Close())
		}
	}
	require.Equal(t, c.video, f.buffer(packetio.RTCPBufferPacket, 8).(rtcpBuffer).sender)
	require.Nil(t, f.buffer(packetio.RTCPBufferPacket, 1000).(rtcpBuffer).sender)
}

// TestFrameTakesNoAllocation from a sender to the socket's side of the interceptor.
func TestFrameTakesNoAllocation(t *testing.T) {
	c := pair(t)
	var numbers []uint16
	i := &stampInterceptor{stamper: wire.NewStamper(extensions(), wire.NewClock(), c.congestion), wants: new(reception)}
	stamped := i.BindLocalStream(&interceptor.StreamInfo{}, interceptor.RTPWriterFunc(func(h *rtp.Header, _ []byte, _ interceptor.Attributes) (int, error) {
		if len(numbers) < 3 {
			numbers = append(numbers, binary.BigEndian.Uint16(h.GetExtension(extensions().TransportWide)))
		}
		return 0, nil
	}))
	c.audio.Bind(stampedWriter{stamped}, 111, 0)
	c.video.Bind(stampedWriter{stamped}, 100, 101)
	picture, sound := make([]byte, 3500), make([]byte, 320)
	frame := func() {
		require.NoError(t, c.audio.WriteFrame(sound, time.Now()))
		require.NoError(t, c.video.WriteFrame(picture, time.Now()))
	}
	for range 256 { // the history takes room for each packet once
		frame()
	}
	require.Zero(t, testing.AllocsPerRun(100, frame))
	require.Equal(t, []uint16{1, 2, 3}, numbers)
}

// stampedWriter takes packets from a track to its interceptors, as pion does.
type stampedWriter struct{ interceptor.RTPWriter }

func (w stampedWriter) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	return w.Write(h, payload, nil)
}
