package sfu

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gotgcall/gotgcall/internal/sfu/signaling"
	"github.com/pion/dtls/v3"
	dtlsnet "github.com/pion/dtls/v3/pkg/net"
	"github.com/pion/ice/v4"
	"github.com/pion/srtp/v3"
	"github.com/pion/transport/v5/packetio"
)

const (
	dtlsTimeout = 15 * time.Second
	// dtlsFlight repeats a lost flight sooner than pion's second: the paths here are short.
	dtlsFlight = 250 * time.Millisecond
	dtlsMTU    = 1200
	// dtlsQueue is how many DTLS records may wait for their reader.
	dtlsQueue = 256
)

// dtlsClient says whether we send the ClientHello.
func (p *Participant) dtlsClient() bool {
	switch p.cfg.DTLSRole {
	case ClientRole:
		return true
	case ServerRole:
		return false
	default:
		return p.req.Setup == signaling.SetupPassive
	}
}

// announcedSetup is what the answer says of our role.
func (p *Participant) announcedSetup() string {
	switch {
	case p.cfg.AnnounceSameSetup:
		return p.req.Setup
	case p.dtlsClient():
		return signaling.SetupActive
	default:
		return signaling.SetupPassive
	}
}

func (p *Participant) handshake(t *transport) error {
	conn, err := p.dialDTLS(t.pipe)
	if err != nil {
		return err
	}
	t.dtls = conn
	ctx, cancel := context.WithTimeout(p.ctx, dtlsTimeout+p.cfg.HandshakeBlackOut)
	defer cancel()
	if err = conn.HandshakeContext(ctx); err != nil {
		return err
	}
	return p.deriveKeys(t)
}

func (p *Participant) dialDTLS(pipe *dtlsPipe) (*dtls.Conn, error) {
	shared := []dtls.Option{
		dtls.WithCertificates(p.id.certificate),
		dtls.WithSRTPProtectionProfiles(p.cfg.SRTPProfiles...),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithFlightInterval(dtlsFlight),
		dtls.WithMTU(dtlsMTU),
		// Certificates of WebRTC are self-signed: the fingerprint is the check (RFC
		// 8827 §5.1).
		dtls.WithInsecureSkipVerify(true),
		dtls.WithVerifyPeerCertificate(p.verifyCertificate),
		dtls.WithLoggerFactory(loggerFactory{p.log}),
	}
	packets := dtlsnet.PacketConnFromConn(pipe)
	if p.dtlsClient() {
		options := make([]dtls.ClientOption, len(shared))
		for i, o := range shared {
			options[i] = o
		}
		return dtls.ClientWithOptions(packets, pipe.RemoteAddr(), options...)
	}
	options := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert)}
	for _, o := range shared {
		options = append(options, o)
	}
	return dtls.ServerWithOptions(packets, pipe.RemoteAddr(), options...)
}

func (p *Participant) verifyCertificate(raw [][]byte, _ [][]*x509.Certificate) error {
	if len(raw) == 0 {
		return errors.New("the client showed no certificate")
	}
	if got := fingerprint(sha256.Sum256(raw[0])); got != p.req.Fingerprint {
		return fmt.Errorf("the client's certificate has fingerprint %s, its join said %s", got, p.req.Fingerprint)
	}
	return nil
}

func (p *Participant) deriveKeys(t *transport) error {
	profile, ok := t.dtls.SelectedSRTPProtectionProfile()
	if !ok {
		return errors.New("no SRTP profile in common")
	}
	state, ok := t.dtls.ConnectionState()
	if !ok {
		return errors.New("no connection state")
	}
	keys := srtp.Config{Profile: srtp.ProtectionProfile(profile)}
	if err := keys.ExtractSessionKeysFromDTLS(&state, p.dtlsClient()); err != nil {
		return fmt.Errorf("derive SRTP keys: %w", err)
	}
	inbound, err := srtp.CreateContext(keys.Keys.RemoteMasterKey, keys.Keys.RemoteMasterSalt, keys.Profile)
	if err != nil {
		return fmt.Errorf("SRTP: %w", err)
	}
	outbound, err := srtp.CreateContext(keys.Keys.LocalMasterKey, keys.Keys.LocalMasterSalt, keys.Profile)
	if err != nil {
		return fmt.Errorf("SRTP: %w", err)
	}
	p.profile = profileName(profile)
	t.keysMu.Lock()
	defer t.keysMu.Unlock()
	t.inbound, t.outbound = inbound, outbound
	return nil
}

func profileName(profile dtls.SRTPProtectionProfile) string {
	switch profile {
	case dtls.SRTP_AEAD_AES_256_GCM:
		return "AEAD_AES_256_GCM"
	case dtls.SRTP_AEAD_AES_128_GCM:
		return "AEAD_AES_128_GCM"
	case dtls.SRTP_AES128_CM_HMAC_SHA1_80:
		return "AES128_CM_HMAC_SHA1_80"
	}
	return fmt.Sprintf("%#04x", uint16(profile))
}

// dtlsPipe is the DTLS part of the ICE connection: reads come from what the read loop
// sorted out.
type dtlsPipe struct {
	*ice.Conn // writes and addresses
	inbox     *packetio.Buffer
}

func newDTLSPipe(conn *ice.Conn) *dtlsPipe {
	inbox := packetio.NewBuffer()
	inbox.SetLimitCount(dtlsQueue)
	return &dtlsPipe{Conn: conn, inbox: inbox}
}

func (d *dtlsPipe) push(b []byte) {
	// A full buffer loses the record, as the network might; DTLS and SCTP repeat.
	_, _ = d.inbox.Write(b, nil)
}

// Read gives the next DTLS record.
func (d *dtlsPipe) Read(b []byte) (int, error) {
	n, _, err := d.inbox.Read(b, nil)
	return n, err
}

// Close ends the reads. The ICE connection is not the pipe's to close.
func (d *dtlsPipe) Close() error { return d.inbox.Close() }

// SetReadDeadline bounds reads of the pipe, not of the ICE connection.
func (d *dtlsPipe) SetReadDeadline(t time.Time) error { return d.inbox.SetReadDeadline(t) }

// SetWriteDeadline does nothing: a write to the socket never blocks.
func (d *dtlsPipe) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline bounds reads.
func (d *dtlsPipe) SetDeadline(t time.Time) error { return d.inbox.SetReadDeadline(t) }

var _ net.Conn = (*dtlsPipe)(nil)
