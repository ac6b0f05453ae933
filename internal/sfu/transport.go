package sfu

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	dtlsnet "github.com/pion/dtls/v3/pkg/net"
	"github.com/pion/ice/v4"
	"github.com/pion/srtp/v3"
	"github.com/pion/transport/v5/packetio"
)

const (
	// bindingRequests is how often a check is repeated before its pair fails: all through TransportTimeout.
	bindingRequests = 1 << 12
	checkInterval   = 50 * time.Millisecond
	// disconnectedAfter is pion's own default; it only divides TransportTimeout in two.
	disconnectedAfter = 5 * time.Second
	dtlsTimeout       = 15 * time.Second
	// dtlsFlight repeats a lost flight sooner than pion's second: the paths here are short.
	dtlsFlight = 250 * time.Millisecond
	dtlsMTU    = 1200
	// dtlsQueue is how many DTLS records may wait for their reader.
	dtlsQueue = 256
)

var errTransportLost = errors.New("the transport is lost")

// transport is what is up once Connected is closed.
type transport struct {
	conn *ice.Conn
	pipe *dtlsPipe
	dtls *dtls.Conn

	keysMu   sync.Mutex // guards what follows; nil before the handshake is over
	inbound  *srtp.Context
	outbound *srtp.Context
}

func (p *Participant) newAgent() (*ice.Agent, error) {
	disconnected := min(disconnectedAfter, p.cfg.TransportTimeout/2)

	agent, err := ice.NewAgentWithOptions(
		ice.WithNetworkTypes([]ice.NetworkType{ice.NetworkTypeUDP4, ice.NetworkTypeUDP6}),
		ice.WithCandidateTypes([]ice.CandidateType{ice.CandidateTypeHost}),
		ice.WithMulticastDNSMode(ice.MulticastDNSModeDisabled),
		ice.WithIncludeLoopback(),
		ice.WithLocalCredentials(p.id.ufrag, p.id.pwd),
		ice.WithICELite(p.cfg.ICE == Lite),
		ice.WithMaxBindingRequests(bindingRequests),
		ice.WithCheckInterval(checkInterval),
		ice.WithHostAcceptanceMinWait(0),
		ice.WithPrflxAcceptanceMinWait(0),
		ice.WithDisconnectedTimeout(disconnected),
		ice.WithFailedTimeout(p.cfg.TransportTimeout-disconnected),
		ice.WithLoggerFactory(loggerFactory{p.log}),
	)
	if err != nil {
		return nil, err
	}

	candidate, err := ice.NewCandidateHost(&ice.CandidateHostConfig{
		Network: "udp", Address: p.cfg.ListenIP, Port: p.network.port(), Component: 1, Priority: answerPriority,
	})
	if err != nil {
		return nil, errors.Join(err, agent.Close())
	}

	// A candidate on our own socket: the agent gathers nothing and sees all traffic through the weather.
	if err = agent.AddVirtualCandidate(candidate, p.network); err != nil {
		return nil, errors.Join(err, agent.Close())
	}

	err = agent.OnConnectionStateChange(func(state ice.ConnectionState) {
		if state == ice.ConnectionStateFailed {
			p.stop(errTransportLost)
		}
	})
	if err != nil {
		return nil, errors.Join(err, agent.Close())
	}

	return agent, nil
}

// serve connects and then stays until the participant's lifetime ends, which it waits for. It tears down
// what it built, top-down.
func (p *Participant) serve() error {
	var workers workers
	// Media and data end before the transport under them.
	defer workers.wait()
	defer p.closeTransport()

	t, err := p.connectICE()
	if err != nil {
		return err
	}

	p.transport = t
	workers.start(p.read) // ends when the agent is closed

	if err = p.handshake(t); err != nil {
		return fmt.Errorf("DTLS: %w", err)
	}

	p.mu.Lock()
	p.oracle.connectedAt = time.Now()
	p.mu.Unlock()
	close(p.connected)
	p.wake()

	workers.start(p.report)    // ends with p.ctx
	workers.start(p.serveData) // ends when DTLS is closed
	workers.start(p.forward)   // ends with p.ctx

	<-p.ctx.Done()

	return context.Cause(p.ctx)
}

// workers are goroutines that end together.
type workers struct {
	group sync.WaitGroup
}

func (w *workers) start(work func()) {
	w.group.Add(1)

	go func() {
		defer w.group.Done()
		work()
	}()
}

func (w *workers) wait() { w.group.Wait() }

func (p *Participant) connectICE() (*transport, error) {
	start := p.agent.StartAccept
	if p.cfg.ICE == Controlling {
		start = p.agent.StartDial
	}

	conn, err := start(p.req.ufrag, p.req.pwd)
	if err != nil {
		return nil, fmt.Errorf("ICE: %w", err)
	}

	if err = p.agent.AwaitConnect(p.ctx); err != nil {
		return nil, fmt.Errorf("ICE: %w", err)
	}

	return &transport{conn: conn, pipe: newDTLSPipe(conn)}, nil
}

// closeTransport sends close_notify when there is a DTLS connection, and closes everything below.
func (p *Participant) closeTransport() {
	if t := p.transport; t != nil {
		if t.dtls != nil {
			_ = t.dtls.Close() // sends close_notify
		}

		_ = t.pipe.Close()
	}

	if err := p.agent.GracefulClose(); err != nil {
		p.log.Warn("close ICE agent", "error", err)
	}

	// The agent closes the socket when it deletes its candidate; this is for the agent that had lost it.
	if err := p.network.Close(); err != nil {
		p.log.Warn("close socket", "error", err)
	}
}

// dtlsClient says whether we send the ClientHello.
func (p *Participant) dtlsClient() bool {
	switch p.cfg.DTLSRole {
	case ClientRole:
		return true
	case ServerRole:
		return false
	default:
		return p.req.setup == setupPassive
	}
}

// announcedSetup is what the answer says of our role.
func (p *Participant) announcedSetup() string {
	switch {
	case p.cfg.AnnounceSameSetup:
		return p.req.setup
	case p.dtlsClient():
		return setupActive
	default:
		return setupPassive
	}
}

func (p *Participant) handshake(t *transport) error {
	conn, err := p.dialDTLS(t.pipe)
	if err != nil {
		return err
	}

	t.dtls = conn

	ctx, cancel := context.WithTimeout(p.ctx, dtlsTimeout)
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
		// Certificates of WebRTC are self-signed: the fingerprint is the check (RFC 8827 §5.1).
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

	if got := fingerprint(sha256.Sum256(raw[0])); got != p.req.fingerprint {
		return fmt.Errorf("the client's certificate has fingerprint %s, its join said %s", got, p.req.fingerprint)
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

// dtlsPipe is the DTLS part of the ICE connection: reads come from what the read loop sorted out.
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

var (
	_ net.Conn  = (*dtlsPipe)(nil)
	_ io.Reader = (*dtlsPipe)(nil)
)

// wake makes the read loop look at what it holds, although nothing arrived.
func (p *Participant) wake() {
	_ = p.transport.conn.SetReadDeadline(time.Now())
}

func isTimeout(err error) bool {
	var timeout net.Error

	return errors.Is(err, os.ErrDeadlineExceeded) || (errors.As(err, &timeout) && timeout.Timeout())
}
