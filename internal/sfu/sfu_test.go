package sfu_test

import (
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gotgcall/gotgcall/internal/sfu"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newSFU(t *testing.T, cfg sfu.Config) *sfu.SFU {
	t.Helper()
	s, err := sfu.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// until waits for a channel to be closed or to give something.
func until[T any](t *testing.T, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(waitFor):
		require.FailNow(t, "timeout", "waited for "+what)
	}
	panic("unreachable")
}

// packets gives a Config.OnRTP and what it hears.
func packets() (func(*sfu.Participant, sfu.Packet), chan sfu.Packet) {
	ch := make(chan sfu.Packet, 4096)
	return func(_ *sfu.Participant, pkt sfu.Packet) { ch <- pkt }, ch
}

func TestClientConnectsAndIsHeard(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cfg sfu.Config
		opt clientOptions
	}{
		"controlling":                    {},
		"controlled, client takes over":  {cfg: sfu.Config{ICE: sfu.Controlled}},
		"controlled, client controlling": {cfg: sfu.Config{ICE: sfu.Controlled}, opt: clientOptions{seesLite: true}},
		"lite":                           {cfg: sfu.Config{ICE: sfu.Lite}, opt: clientOptions{seesLite: true}},
		"controlling, client too":        {opt: clientOptions{seesLite: true}},
		"client is DTLS client":          {opt: clientOptions{setupActive: true}},
		"telegram's test SFU":            {cfg: sfu.Config{Strict: true}},
		"unroutable candidate":           {cfg: sfu.Config{UnroutableIPv6: true}},
		"other loopback address":         {cfg: sfu.Config{ListenIP: "127.0.0.2"}},
		"no SIM":                         {opt: clientOptions{fidOnly: true}},
		"errors and silence at first":    {cfg: sfu.Config{SilentFor: 300 * time.Millisecond, AnswerErrorsFor: 600 * time.Millisecond}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onRTP, heard := packets()
			test.cfg.OnRTP = onRTP
			s := newSFU(t, test.cfg)
			c := newClient(t, test.opt)
			p := c.connect(t, s)
			start := time.Now()
			until(t, "connection", p.Connected())
			until(t, "data channel", c.opened)
			t.Logf("connected after %v", time.Since(start))
			for range 5 {
				c.sendAudio(t, nil)
				c.sendVideo(t, nil)
			}
			got := map[uint32]int{}
			for range 10 {
				got[until(t, "packet", heard).Header.SSRC]++
			}
			assert.Equal(t, map[uint32]int{c.audio: 5, c.video: 5}, got)
			assert.Empty(t, p.Violations())
		})
	}
}

func TestPacketKeepsHeaderAndPayload(t *testing.T) {
	t.Parallel()
	onRTP, heard := packets()
	s := newSFU(t, sfu.Config{OnRTP: onRTP})
	c := newClient(t, clientOptions{})
	p := c.connect(t, s)
	until(t, "connection", p.Connected())
	until(t, "data channel", c.opened)
	var sent *rtp.Packet
	c.sendAudio(t, func(pkt *rtp.Packet) { sent = pkt.Clone() })
	got := until(t, "packet", heard)
	assert.Equal(t, sent.SequenceNumber, got.Header.SequenceNumber)
	assert.Equal(t, sent.Timestamp, got.Header.Timestamp)
	assert.Equal(t, uint8(111), got.Header.PayloadType)
	assert.Equal(t, []byte{0x94}, got.Header.GetExtension(1))
	assert.Len(t, got.Header.GetExtension(3), 2)
	assert.Equal(t, sent.Payload, got.Payload)
	assert.WithinDuration(t, time.Now(), got.Arrival, waitFor)
}
