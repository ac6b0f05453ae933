package sfu_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/sfu"
)

// telegram is the strictest server there is.
func telegram(change func(*sfu.Config)) sfu.Config {
	cfg := sfu.Config{Strict: true}
	if change != nil {
		change(&cfg)
	}
	return cfg
}

func TestTelegramTestIsTheDTLSClient(t *testing.T) {
	t.Parallel()
	c := newClient(t, clientOptions{setupActive: true})
	s := newSFU(t, telegram(nil))
	answer, err := s.Join(context.Background(), c.payload)
	require.NoError(t, err)
	assert.Contains(t, answer, `"setup":"active"`)
	assert.Contains(t, s.Participant(c.audio).Violations()[0], "setup: ")
}

func TestTelegramTestRefusesSHA1(t *testing.T) {
	t.Parallel()
	_, _, p := connected(t, telegram(nil), clientOptions{})
	assert.Equal(t, "AEAD_AES_256_GCM", p.Stats().SRTPProfile)
	_, _, p = connected(t, telegram(func(cfg *sfu.Config) {
		cfg.SRTPProfiles = []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM}
	}), clientOptions{})
	assert.Equal(t, "AEAD_AES_128_GCM", p.Stats().SRTPProfile)
}

// TestTelegramTestReadsAfterAWhile: what comes in the first half second waits, in
// order, and is not lost.
func TestTelegramTestReadsAfterAWhile(t *testing.T) {
	t.Parallel()
	onRTP, heard := packets()
	s := newSFU(t, telegram(func(cfg *sfu.Config) { cfg.OnRTP = onRTP }))
	c := newClient(t, clientOptions{})
	start := time.Now()
	p := c.connect(t, s)
	until(t, "connection", p.Connected())
	c.untilConnected(t)
	for range 20 {
		c.sendAudio(t, nil)
	}
	first := until(t, "packet", heard)
	assert.Greater(t, time.Since(start), 500*time.Millisecond)
	for n := range uint16(19) {
		assert.Equal(t, first.Header.SequenceNumber+1+n, until(t, "packet", heard).Header.SequenceNumber)
	}
	assert.Zero(t, p.Stats().Held)
	assert.Empty(t, p.Violations())
}

func TestTelegramTestLosesABurstAtTheStart(t *testing.T) {
	t.Parallel()
	s := newSFU(t, telegram(nil))
	c := newClient(t, clientOptions{})
	p := c.connect(t, s)
	until(t, "connection", p.Connected())
	c.untilConnected(t)
	for range 300 {
		c.sendAudio(t, nil)
	}
	eventually(t, p, func(st sfu.Stats) bool { return st.Held > 0 && st.Streams[c.audio].Packets > 200 })
	assert.Contains(t, fmt.Sprint(p.Violations()), "burst: ")
}

// TestTelegramTestFeedbackHasNoHeader: the client can read none of it, and must live on.
func TestTelegramTestFeedbackHasNoHeader(t *testing.T) {
	t.Parallel()

	// As RTP of payload type 0, and as nothing at all: the magic cookie of STUN is missing.
	var headless, blank atomic.Bool
	_, c, p := connected(t, telegram(nil), clientOptions{wire: func(b []byte) {
		if len(b) < 8 || b[1] != 0 || b[2] != 0 || b[3] != 0 {
			return
		}
		switch b[0] {
		case 0x80:
			headless.Store(true)
		case 0:
			blank.Store(true)
		}
	}})
	c.keepSending(t)
	require.Eventually(t, func() bool { return headless.Load() && blank.Load() }, waitFor, 10*time.Millisecond)
	for range 2 { // a second of feedback lies between
		hear(t, c, "receiver report", func(r *rtcp.ReceiverReport) bool {
			for len(c.feedback) > 0 {
				require.IsNotType(t, &rtcp.TransportLayerCC{}, <-c.feedback)
			}
			return true
		})
	}
	eventually(t, p, func(st sfu.Stats) bool { return st.Streams[c.audio].Packets > 100 })
	assert.Equal(t, webrtc.PeerConnectionStateConnected, c.pc.ConnectionState())
	assert.Empty(t, p.Violations())
}

func TestTelegramTestWantsTransportNumbersOnEverything(t *testing.T) {
	t.Parallel()
	onRTP, heard := packets()
	_, c, p := connected(t, telegram(func(cfg *sfu.Config) { cfg.OnRTP = onRTP }), clientOptions{noNumbers: true})
	c.sendAudio(t, nil)
	c.sendVideo(t, nil)
	until(t, "packet", heard)
	until(t, "packet", heard)
	got := fmt.Sprint(p.Violations())
	assert.Contains(t, got, "audio extension 3 missing")
	assert.Contains(t, got, "video extension 3 missing")
}

// TestTelegramTestSendsVideoToWhoAsks: nobody gets video before asking for it, and the
// sender learns who watches.
func TestTelegramTestSendsVideoToWhoAsks(t *testing.T) {
	t.Parallel()
	s, sender, from := connected(t, telegram(func(cfg *sfu.Config) { cfg.Forward = true }), clientOptions{})
	receiver := newClient(t, clientOptions{})
	to := receiver.connect(t, s)
	until(t, "connection", to.Connected())
	until(t, "data channel", receiver.opened)
	sender.keepSending(t)
	for range 20 {
		assert.Equal(t, sender.audio, until(t, "audio", receiver.received).SSRC)
	}
	ask := func(endpoint string, height int) {
		require.NoError(t, receiver.channel.SendText(fmt.Sprintf(`{"colibriClass":"ReceiverVideoConstraints",`+
			`"defaultConstraints":{"maxHeight":0},"onStageEndpoints":[],"constraints":{%q:{"minHeight":0,"maxHeight":%d}}}`,
			endpoint, height)))
	}
	constraints := func(height int) string {
		return fmt.Sprintf(`{"colibriClass":"SenderVideoConstraints","videoConstraints":{"idealHeight":%d}}`, height)
	}
	ask("somebody", 720)
	ask(from.Endpoint(), 90)
	assert.JSONEq(t, constraints(90), until(t, "constraints", sender.messages))
	ask(from.Endpoint(), 360)
	assert.JSONEq(t, constraints(360), until(t, "constraints", sender.messages))
	hear(t, sender, "PLI", func(pli *rtcp.PictureLossIndication) bool { return pli.MediaSSRC == sender.video })
	for until(t, "video", receiver.received).SSRC != sender.video {
	}
	require.NoError(t, receiver.pc.Close())
	assert.JSONEq(t, constraints(0), until(t, "constraints", sender.messages))
	assert.Empty(t, from.Violations())
	assert.Empty(t, to.Violations())
}

func TestTelegramTestWantsClassesInMessages(t *testing.T) {
	t.Parallel()
	_, c, p := connected(t, telegram(nil), clientOptions{})
	require.NoError(t, c.channel.SendText(`{"x":1}`))
	require.Eventually(t, func() bool { return len(p.Violations()) > 0 }, waitFor, 10*time.Millisecond)
	assert.Contains(t, p.Violations()[0], "data message: ")
}

// TestThreeHearEachOther: everybody gets what the two others send, and a request for a key
// frame reaches the one it is meant for.
func TestThreeHearEachOther(t *testing.T) {
	t.Parallel()
	s := newSFU(t, sfu.Config{Forward: true})
	var clients [3]*client
	for i := range clients {
		clients[i] = newClient(t, clientOptions{})
		p := clients[i].connect(t, s)
		until(t, "connection", p.Connected())
		until(t, "data channel", clients[i].opened)
	}
	for _, c := range clients {
		c.keepSending(t)
	}
	for _, c := range clients {
		heard := map[uint32]bool{}
		for len(heard) < 4 {
			heard[until(t, "packet", c.received).SSRC] = true
		}
		assert.False(t, heard[c.audio], "its own")
		assert.False(t, heard[c.video], "its own")
	}
	require.NoError(t, clients[0].pc.WriteRTCP([]rtcp.Packet{
		&rtcp.PictureLossIndication{SenderSSRC: clients[0].audio, MediaSSRC: clients[1].video},
		&rtcp.FullIntraRequest{SenderSSRC: clients[0].audio, FIR: []rtcp.FIREntry{{SSRC: clients[2].video}}},
	}))
	for _, c := range clients[1:] {
		hear(t, c, "PLI", func(pli *rtcp.PictureLossIndication) bool { return pli.MediaSSRC == c.video })
	}
	for _, p := range s.Participants() {
		assert.Empty(t, p.Violations())
	}
}

// TestServerThatIsLate: errors or silence for 8 s, as much as a client's 10 s leave
// room for.
func TestServerThatIsLate(t *testing.T) {
	t.Parallel()
	const late = 8 * time.Second
	for name, cfg := range map[string]sfu.Config{"errors": {AnswerErrorsFor: late}, "silence": {SilentFor: late}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onRTP, heard := packets()
			cfg.OnRTP = onRTP
			s := newSFU(t, cfg)
			c := newClient(t, clientOptions{patient: true})
			start := time.Now()
			p := c.connect(t, s)
			until(t, "connection", p.Connected())
			assert.Greater(t, time.Since(start), late)
			until(t, "data channel", c.opened)
			c.sendAudio(t, nil)
			until(t, "packet", heard)
			assert.Empty(t, p.Violations())
		})
	}
}

func TestAnswerWithoutCandidatesConnectsNobody(t *testing.T) {
	t.Parallel()
	s := newSFU(t, sfu.Config{NoCandidates: true, TransportTimeout: time.Second})
	c := newClient(t, clientOptions{})
	answer, err := s.Join(context.Background(), c.payload)
	require.NoError(t, err)
	assert.Contains(t, answer, `"candidates":[]`)
	c.apply(t, answer)
	p := s.Participant(c.audio)
	until(t, "drop", p.Done())
	assert.ErrorContains(t, p.Err(), "transport is lost")
}

func TestClientGetsREMBAndNACK(t *testing.T) {
	t.Parallel()
	_, c, p := connected(t, sfu.Config{REMB: 800_000}, clientOptions{})
	c.keepSending(t)
	remb := hear(t, c, "REMB", func(*rtcp.ReceiverEstimatedMaximumBitrate) bool { return true })
	assert.InDelta(t, 800_000, remb.Bitrate, 1000)
	assert.Equal(t, []uint32{c.video}, remb.SSRCs)
	require.NoError(t, p.SendRTCP(&rtcp.TransportLayerNack{
		MediaSSRC: c.video, Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{7, 9}),
	}))
	nack := hear(t, c, "NACK", func(*rtcp.TransportLayerNack) bool { return true })
	assert.Equal(t, []uint16{7, 9}, nack.Nacks[0].PacketList())
}

// TestServerHearsFeedback: what a receiving client reports comes out as it went in.
func TestServerHearsFeedback(t *testing.T) {
	t.Parallel()
	got := make(chan rtcp.Packet, 64)
	_, c, p := connected(t, sfu.Config{OnRTCP: func(_ *sfu.Participant, pkts []rtcp.Packet, _ time.Time) {
		for _, pkt := range pkts {
			got <- pkt
		}
	}}, clientOptions{noReports: true})
	c.untilConnected(t)
	sent := []rtcp.Packet{
		&rtcp.ReceiverReport{SSRC: c.audio, Reports: []rtcp.ReceptionReport{{SSRC: 5}}, ProfileExtensions: []byte{}},
		&rtcp.PictureLossIndication{SenderSSRC: c.audio, MediaSSRC: 5},
		&rtcp.FullIntraRequest{SenderSSRC: c.audio, FIR: []rtcp.FIREntry{{SSRC: 5, SequenceNumber: 1}}},
		&rtcp.TransportLayerNack{SenderSSRC: c.audio, MediaSSRC: 5, Nacks: []rtcp.NackPair{{PacketID: 9}}},
		&rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: c.audio, Bitrate: 1 << 20, SSRCs: []uint32{5}},
	}
	require.NoError(t, c.pc.WriteRTCP(sent))
	for _, want := range sent {
		assert.Equal(t, want, until(t, "feedback", got))
	}
	assert.Empty(t, p.Violations())
}

func TestChatterReachesTheClient(t *testing.T) {
	t.Parallel()
	_, c, p := connected(t, sfu.Config{Chatter: true, SenderVideoHeight: 360}, clientOptions{})
	assert.Contains(t, until(t, "message", c.messages), "DebugMessage")
	for range 4 {
		until(t, "message", c.messages)
	}
	assert.Equal(t, "\x00\x01\x02\xff", until(t, "binary message", c.messages))
	assert.Contains(t, until(t, "message", c.messages), "SenderVideoConstraints")
	require.NoError(t, p.SendBinary([]byte("x")))
	assert.Equal(t, "x", until(t, "binary message", c.messages))
}

// TestIdleVideoIsCollected: padding keeps a video SSRC, silence loses it.
func TestIdleVideoIsCollected(t *testing.T) {
	t.Parallel()
	onRTP, heard := packets()
	_, c, p := connected(t, sfu.Config{OnRTP: onRTP, IdleVideoGC: 2 * time.Second}, clientOptions{noReports: true})
	c.untilConnected(t)
	padding := func(pkt *rtp.Packet) { pkt.Payload, pkt.Padding, pkt.PaddingSize = nil, true, 255 }
	ticker := time.NewTicker(500 * time.Millisecond)
	defer ticker.Stop()
	for range 5 { // more than the SFU waits, in steps it waits for
		c.sendVideo(t, padding)
		until(t, "padding", heard)
		<-ticker.C
	}
	assert.False(t, p.Stats().Streams[c.video].Collected)
	assert.Empty(t, p.Violations())
	eventually(t, p, func(st sfu.Stats) bool { return st.Streams[c.video].Collected })
	c.sendVideo(t, nil)
	c.sendAudio(t, nil)
	assert.Equal(t, c.audio, until(t, "packet", heard).Header.SSRC, "what is collected is nobody's to hear")
	assert.Contains(t, fmt.Sprint(p.Violations()), "video SSRC was collected")
}
