package sfu_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/sfu"
)

// untilState waits for one of these states of the client's PeerConnection.
func (c *client) untilState(t *testing.T, want ...webrtc.PeerConnectionState) {
	t.Helper()
	deadline := time.After(waitFor)
	for {
		select {
		case got := <-c.states:
			if slices.Contains(want, got) {
				return
			}
		case <-deadline:
			require.FailNow(t, "timeout", fmt.Sprint("waited for state ", want))
		}
	}
}

func TestKickedClientIsToldAtOnce(t *testing.T) {
	t.Parallel()
	_, c, p := connected(t, sfu.Config{}, clientOptions{})
	start := time.Now()
	p.Kick()
	c.untilState(t, webrtc.PeerConnectionStateClosed) // by close_notify: ICE alone takes longer
	assert.Less(t, time.Since(start), 5*time.Second)
	until(t, "kick", p.Done())
	require.ErrorIs(t, p.Err(), sfu.ErrKicked)
	assert.Error(t, p.SendRTCP())
}

func TestLeavingClientIsNoticed(t *testing.T) {
	t.Parallel()
	s, c, p := connected(t, sfu.Config{}, clientOptions{})
	require.NoError(t, c.pc.Close())
	until(t, "leave", p.Done())
	require.ErrorIs(t, p.Err(), sfu.ErrLeft)
	assert.Same(t, p, s.Participant(c.audio), "its statistics stay")
	assert.Empty(t, s.Participants())
}

func TestWrongFingerprintIsRefusedByTheClient(t *testing.T) {
	t.Parallel()
	for name, opt := range map[string]clientOptions{"client is server": {}, "client is client": {setupActive: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSFU(t, sfu.Config{WrongFingerprint: true})
			c := newClient(t, opt)
			p := c.connect(t, s)
			// pion says "closed" when it is the DTLS client.
			c.untilState(t, webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed)
			p.Kick()
			until(t, "end", p.Done())
		})
	}
}

func TestWrongFingerprintIsRefusedByTheSFU(t *testing.T) {
	t.Parallel()
	s := newSFU(t, sfu.Config{})
	c := newClient(t, clientOptions{wrongCert: true})
	p := c.connect(t, s)
	until(t, "end", p.Done())
	assert.ErrorContains(t, p.Err(), "fingerprint")
}

func TestSRTPProfileIsNegotiated(t *testing.T) {
	t.Parallel()
	for profile, name := range map[dtls.SRTPProtectionProfile]string{
		dtls.SRTP_AEAD_AES_256_GCM:       "AEAD_AES_256_GCM",
		dtls.SRTP_AEAD_AES_128_GCM:       "AEAD_AES_128_GCM",
		dtls.SRTP_AES128_CM_HMAC_SHA1_80: "AES128_CM_HMAC_SHA1_80",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onRTP, heard := packets()
			_, c, p := connected(t, sfu.Config{
				OnRTP: onRTP, SRTPProfiles: []dtls.SRTPProtectionProfile{profile},
			}, clientOptions{})
			c.sendAudio(t, nil)
			until(t, "packet", heard)
			assert.Equal(t, name, p.Stats().SRTPProfile)
		})
	}
}

func TestAnswerAnnouncesTheSetup(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cfg    sfu.Config
		active bool
		want   string
	}{
		"opposite of passive": {want: `"setup":"active"`},
		"opposite of active":  {active: true, want: `"setup":"passive"`},
		"server":              {cfg: sfu.Config{DTLSRole: sfu.ServerRole}, want: `"setup":"passive"`},
		"client":              {cfg: sfu.Config{DTLSRole: sfu.ClientRole}, active: true, want: `"setup":"active"`},
		"same":                {cfg: sfu.Config{AnnounceSameSetup: true}, want: `"setup":"passive"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, clientOptions{setupActive: test.active})
			answer, err := newSFU(t, test.cfg).Join(context.Background(), c.payload)
			require.NoError(t, err)
			assert.Contains(t, answer, test.want)
		})
	}
}

func TestParticipantWithoutTransportIsDropped(t *testing.T) {
	t.Parallel()
	s := newSFU(t, sfu.Config{TransportTimeout: 500 * time.Millisecond})
	c := newClient(t, clientOptions{})
	_, err := s.Join(context.Background(), c.payload)
	require.NoError(t, err)
	p := s.Participant(c.audio)
	until(t, "drop", p.Done())
	assert.ErrorContains(t, p.Err(), "transport is lost")
}

func TestLostTransportIsDropped(t *testing.T) {
	t.Parallel()
	_, _, p := connected(t, sfu.Config{TransportTimeout: time.Second}, clientOptions{})
	p.Network().Silence(true)
	until(t, "drop", p.Done())
	assert.ErrorContains(t, p.Err(), "transport is lost")
}

func TestBlackOutEndsAndMediaFlowsAgain(t *testing.T) {
	t.Parallel()
	onRTP, heard := packets()
	_, c, p := connected(t, sfu.Config{OnRTP: onRTP}, clientOptions{})
	p.Network().BlackOut(time.Second)
	c.sendAudio(t, nil) // is lost, without a violation
	c.keepSending(t)
	until(t, "packet", heard)
	assert.Empty(t, p.Violations())
	assert.Positive(t, p.Stats().NetworkDropped)
}

func TestCloseInEveryOrder(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(*testing.T, *sfu.SFU, *client){
		"before any join": func(*testing.T, *sfu.SFU, *client) {},
		"after join": func(t *testing.T, s *sfu.SFU, c *client) {
			_, err := s.Join(context.Background(), c.payload)
			require.NoError(t, err)
		},
		"while connecting": func(t *testing.T, s *sfu.SFU, c *client) { c.connect(t, s) },
		"while playing": func(t *testing.T, s *sfu.SFU, c *client) {
			p := c.connect(t, s)
			until(t, "connection", p.Connected())
			c.keepSending(t)
		},
		"after kick": func(t *testing.T, s *sfu.SFU, c *client) {
			p := c.connect(t, s)
			until(t, "connection", p.Connected())
			p.Kick()
			p.Kick()
		},
		"after leave": func(t *testing.T, s *sfu.SFU, c *client) {
			p := c.connect(t, s)
			until(t, "connection", p.Connected())
			require.NoError(t, c.pc.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSFU(t, sfu.Config{})
			c := newClient(t, clientOptions{})
			act(t, s, c)
			var closers sync.WaitGroup
			for range 3 {
				closers.Add(1)
				go func() {
					defer closers.Done()
					assert.NoError(t, s.Close())
				}()
			}
			closers.Wait()
			if p := s.Participant(c.audio); p != nil {
				until(t, "end", p.Done())
				assert.Error(t, p.Err())
			}
		})
	}
}

func TestCloseFromCallbackOfAnotherGoroutineIsAwaited(t *testing.T) {
	t.Parallel()
	onRTP, heard := packets()
	s, c, p := connected(t, sfu.Config{OnRTP: onRTP}, clientOptions{})
	c.keepSending(t)
	until(t, "packet", heard)
	require.NoError(t, s.Close())
	select {
	case <-p.Done():
	default:
		assert.Fail(t, "Close returned before the participant was done")
	}
	assert.ErrorIs(t, p.Err(), sfu.ErrClosed)
}

// TestClientIsDisconnectedBeforeItIsConnected: nothing is heard from the first DTLS
// record on, for longer than the client's ICE is patient. It connects afterwards.
func TestClientIsDisconnectedBeforeItIsConnected(t *testing.T) {
	t.Parallel()
	s := newSFU(t, sfu.Config{HandshakeBlackOut: 2 * time.Second})
	c := newClient(t, clientOptions{hasty: true})
	p := c.connect(t, s)
	c.untilState(t, webrtc.PeerConnectionStateDisconnected)
	select {
	case <-p.Connected():
		require.Fail(t, "connected before the black-out was over")
	default:
	}
	c.untilState(t, webrtc.PeerConnectionStateConnected)
	until(t, "connection", p.Connected())
}

// TestServerOfTheClientsRoleIsSilent: as by old pion, a check in the SFU's own role is
// not answered at all.
func TestServerOfTheClientsRoleIsSilent(t *testing.T) {
	t.Parallel()
	s := newSFU(t, sfu.Config{ICE: sfu.Controlled, DropRoleConflicts: true})
	c := newClient(t, clientOptions{hasty: true})
	p := c.connect(t, s)
	c.untilState(t, webrtc.PeerConnectionStateFailed)
	for _, stats := range c.pc.GetStats() {
		if pair, ok := stats.(webrtc.ICECandidatePairStats); ok {
			assert.Positive(t, pair.RequestsSent)
			assert.Zero(t, pair.ResponsesReceived)
		}
	}
	p.Kick()

	// The other role is welcome.
	c = newClient(t, clientOptions{seesLite: true})
	until(t, "connection", c.connect(t, s).Connected())
}
