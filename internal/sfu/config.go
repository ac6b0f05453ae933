package sfu

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/gotgcall/gotgcall/internal/sfu/netem"
	"github.com/gotgcall/gotgcall/internal/sfu/oracle"
	"github.com/pion/dtls/v3"
	"github.com/pion/rtcp"
)

// ICEMode is the part the SFU plays in connectivity checks.
type ICEMode int

const (
	// Controlling is a full ICE agent that checks and nominates.
	Controlling ICEMode = iota
	// Controlled is a full ICE agent that checks, but waits for the client to nominate.
	// It never takes the controlling role: a client that claims to be controlled too is
	// answered 487, as by an agent that lost the tie-break of RFC 8445 §7.3.1.1.
	Controlled
	// Lite only answers checks: it never sends one, never nominates, and answers a
	// client of any role with success, so that a client which waits for a nomination
	// never connects.
	Lite
)

// String names the mode.
func (m ICEMode) String() string {
	switch m {
	case Controlling:
		return "controlling"
	case Controlled:
		return "controlled"
	case Lite:
		return "lite"
	}
	return fmt.Sprintf("ICEMode(%d)", int(m))
}

// DTLSRole is the side of the handshake the SFU takes.
type DTLSRole int

const (
	// OppositeRole is whatever the join payload leaves: a "passive" client meets a DTLS
	// client.
	OppositeRole DTLSRole = iota
	// ClientRole always sends the ClientHello and announces "active".
	ClientRole
	// ServerRole always waits for the ClientHello and announces "passive".
	ServerRole
)

// Packet is an RTP packet that passed SRTP. Its receiver may keep it.
type Packet = oracle.Packet

// Config says how the SFU behaves. The zero value is a well-behaved controlling SFU on
// 127.0.0.1.
type Config struct {
	// Logger gets the SFU's own log and pion's. Nil discards both.
	Logger *slog.Logger
	// ListenIP is the local address of every participant's socket. Empty means 127.0.0.1.
	ListenIP string
	ICE      ICEMode
	// DropRoleConflicts drops a check of a client that claims the SFU's own role, as
	// pion/ice up to v4.0.10 does, instead of answering it. It makes no difference to
	// Lite.
	DropRoleConflicts bool
	// TransportTimeout is how long a participant whose transport is missing or lost is
	// kept. Zero means 40 s, about what the production servers were seen to do.
	TransportTimeout time.Duration

	DTLSRole DTLSRole
	// AnnounceSameSetup writes the payload's own setup into the answer whatever role
	// the SFU takes: clients that act by what they declared themselves must not care.
	AnnounceSameSetup bool
	// WrongFingerprint announces a fingerprint that is not our certificate's.
	WrongFingerprint bool
	// SRTPProfiles are offered or accepted in this order. Nil means AEAD_AES_256_GCM,
	// AEAD_AES_128_GCM, AES128_CM_HMAC_SHA1_80; with Strict only the first two.
	SRTPProfiles []dtls.SRTPProtectionProfile

	// Strict takes on what Telegram's own test SFU demands: video exists only through a
	// SIM group, the SFU is the DTLS client, SRTP is GCM only, and RTP is read half a
	// second after DTLS is up and not before the client's SCTP association is; 256
	// packets wait for that. Its transport-wide feedback is malformed: the header is
	// zeros. With Forward, video goes only to who asked for it by
	// ReceiverVideoConstraints, and the sender is sent SenderVideoConstraints and a
	// PLI.
	Strict bool
	// OmitAudio leaves the audio section out of the answer, as answers for
	// presentations do.
	OmitAudio bool
	// OmitH264 leaves H.264 out of the answer, and what is sent in it is a violation.
	OmitH264 bool
	// OmitRTCPMux and OmitXMLNS leave these decorations of the transport out.
	OmitRTCPMux bool
	OmitXMLNS   bool
	// UnroutableIPv6 lists an IPv6 candidate that leads nowhere before the good one.
	UnroutableIPv6 bool
	// NoCandidates leaves the list of candidates empty: nobody can connect.
	NoCandidates bool

	// SenderVideoHeight is the idealHeight of the SenderVideoConstraints that are sent
	// once the data channel is open. Zero sends none.
	SenderVideoHeight int
	// Chatter sends what a client must ignore once the data channel is open: a
	// DebugMessage, an unknown class, no class, text that is not JSON, and a binary
	// message.
	Chatter bool
	// NACK asks for RTP packets that are missing on video SSRCs.
	NACK bool
	// REMB is the bit rate in bits per second that is announced to video senders once a
	// second. Zero announces none.
	REMB uint64
	// IdleVideoGC drops a declared video SSRC for good once it carried nothing for so
	// long. Zero never does.
	IdleVideoGC time.Duration
	// Forward sends every participant's RTP to all the others, unmodified.
	Forward bool
	// IgnoreMedia drops RTP where it arrives, unjudged and without feedback: a server that
	// hundreds of calls join costs next to nothing then.
	IgnoreMedia bool

	// Up shapes what clients send, Down what they receive.
	Up, Down netem.Shape
	// Feedback is what is odd about the transport-wide feedback.
	Feedback Feedback
	// Seed feeds the random numbers of loss and jitter. Participants join with Seed,
	// Seed+1, …
	Seed uint64
	// HandshakeBlackOut loses everything both ways for that long from the client's
	// first DTLS record on: ICE is up by then, DTLS is not, and a client whose ICE is
	// impatient is disconnected before it was ever connected.
	HandshakeBlackOut time.Duration
	// AnswerErrorsFor answers connectivity checks with a 401 for so long after a join,
	// as a server does to which the join has not been propagated yet. SilentFor drops
	// everything both ways for so long.
	AnswerErrorsFor, SilentFor time.Duration

	// OnRTP gets every RTP packet that arrived and passed SRTP, RTX and padding too. It
	// is called on the participant's read goroutine: it must not block and must not
	// wait for that participant.
	OnRTP func(p *Participant, pkt Packet)
	// OnRTCP gets every RTCP datagram under the same terms.
	OnRTCP func(p *Participant, pkts []rtcp.Packet, at time.Time)
	// OnData gets every message of the client's data channel, on the participant's data
	// goroutine.
	OnData func(p *Participant, msg DataMessage)
}

const (
	defaultListenIP         = "127.0.0.1"
	defaultTransportTimeout = 40 * time.Second
)

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.ListenIP == "" {
		c.ListenIP = defaultListenIP
	}
	if c.TransportTimeout == 0 {
		c.TransportTimeout = defaultTransportTimeout
	}
	if c.Strict && c.DTLSRole == OppositeRole {
		c.DTLSRole = ClientRole
	}
	if c.SRTPProfiles == nil {
		c.SRTPProfiles = []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AEAD_AES_128_GCM}
		if !c.Strict {
			c.SRTPProfiles = append(c.SRTPProfiles, dtls.SRTP_AES128_CM_HMAC_SHA1_80)
		}
	}
	return c
}

func (c Config) validate() error {
	if _, err := netip.ParseAddr(c.ListenIP); err != nil {
		return fmt.Errorf("listen address: %w", err)
	}
	if c.ICE < Controlling || c.ICE > Lite {
		return fmt.Errorf("unknown ICE mode %d", c.ICE)
	}
	if c.DTLSRole < OppositeRole || c.DTLSRole > ServerRole {
		return fmt.Errorf("unknown DTLS role %d", c.DTLSRole)
	}
	if len(c.SRTPProfiles) == 0 {
		return errors.New("the list of SRTP profiles is empty")
	}
	if c.NoCandidates && c.UnroutableIPv6 {
		return errors.New("both no candidate and an unroutable one")
	}
	if c.TransportTimeout < 0 || c.IdleVideoGC < 0 || c.AnswerErrorsFor < 0 || c.SilentFor < 0 ||
		c.HandshakeBlackOut < 0 {
		return errors.New("negative duration")
	}
	if err := c.Up.Validate(); err != nil {
		return fmt.Errorf("up: %w", err)
	}
	if err := c.Down.Validate(); err != nil {
		return fmt.Errorf("down: %w", err)
	}
	return nil
}
