package remote

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/datachannel"
	"github.com/pion/dtls/v3"
	dtlsnet "github.com/pion/dtls/v3/pkg/net"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/logging"
	"github.com/pion/sctp"
	"github.com/pion/srtp/v3"
	"github.com/pion/transport/v5/packetio"

	"github.com/gotgcall/gotgcall/internal/sfu/signaling"
)

// reporter is the SSRC of the server's reports.
const reporter = 1

// call is the server's side of one call.
type call struct {
	// immutable after newCall
	server     *server
	socket     *socket
	request    *signaling.Request
	ufrag, pwd string

	remote    atomic.Pointer[netip.AddrPort] // of the client; nil before its first check
	inbox     *packetio.Buffer               // DTLS records
	nominated chan struct{}                  // closed by connect
	connects  sync.Once
	dtls      atomic.Pointer[dtls.Conn] // nil before the handshake

	mu       sync.Mutex // guards what follows
	outbound *srtp.Context
	arrivals arrivals
	twcc     *twcc.Recorder
	marked   chan time.Time // yields the first packet after expect
	speakers []speaker
}

func newCall(s *server, on *socket, request *signaling.Request) *call {
	return &call{
		server: s, socket: on, request: request, ufrag: token(), pwd: token(),
		inbox: packetio.NewBuffer(), nominated: make(chan struct{}), twcc: twcc.NewRecorder(reporter),
	}
}

// setup is the server's part in the handshake.
func (c *call) setup() string {
	if c.request.Setup == signaling.SetupPassive {
		return signaling.SetupActive
	}
	return signaling.SetupPassive
}

func (c *call) send(b []byte) {
	if to := c.remote.Load(); to != nil {
		// A datagram that cannot be sent is lost, as on any network.
		_, _ = c.socket.conn.WriteToUDPAddrPort(b, *to)
	}
}

func (c *call) close() {
	if conn := c.dtls.Load(); conn != nil {
		_ = conn.Close()
	}
	_ = c.inbox.Close()
}

func (c *call) onDTLS(record []byte) { _, _ = c.inbox.Write(record, nil) }

// connect begins the handshake.
func (c *call) connect() {
	c.connects.Do(func() {
		close(c.nominated)
		c.server.start(func() { // ends when the client or close closes DTLS
			conn, err := c.handshake()
			if err == nil {
				c.serveData(conn)
			}
		})
	})
}

// handshake returns a connection whose keys encrypt what is sent.
func (c *call) handshake() (*dtls.Conn, error) {
	pipe := dtlsPipe{c.inbox, c}
	client := c.setup() == signaling.SetupActive
	conn, err := c.newDTLS(pipe, client)
	if err != nil {
		return nil, err
	}
	c.dtls.Store(conn)
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	profile, ok := conn.SelectedSRTPProtectionProfile()
	state, known := conn.ConnectionState()
	if !ok || !known {
		return nil, errors.New("no SRTP profile in common")
	}
	keys := srtp.Config{Profile: srtp.ProtectionProfile(profile)}
	if err := keys.ExtractSessionKeysFromDTLS(&state, client); err != nil {
		return nil, err
	}
	outbound, err := srtp.CreateContext(keys.Keys.LocalMasterKey, keys.Keys.LocalMasterSalt, keys.Profile)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outbound = outbound
	return conn, nil
}

func (c *call) newDTLS(pipe dtlsPipe, client bool) (*dtls.Conn, error) {
	shared := []dtls.Option{
		dtls.WithCertificates(c.server.identity.certificate),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AEAD_AES_128_GCM),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithInsecureSkipVerify(true), // the client's certificate is nothing to a benchmark
	}
	packets := dtlsnet.PacketConnFromConn(pipe)
	if client {
		var options []dtls.ClientOption
		for _, o := range shared {
			options = append(options, o)
		}
		return dtls.ClientWithOptions(packets, pipe.RemoteAddr(), options...)
	}
	options := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert)}
	for _, o := range shared {
		options = append(options, o)
	}
	return dtls.ServerWithOptions(packets, pipe.RemoteAddr(), options...)
}

// serveData opens the client's data channel and reads it until the connection ends.
func (c *call) serveData(conn net.Conn) {
	logger := logging.NewDefaultLoggerFactory()
	logger.DefaultLogLevel = logging.LogLevelDisabled
	assoc, err := sctp.ServerWithOptions(sctp.WithNetConn(conn), sctp.WithLoggerFactory(logger))
	if err != nil {
		return
	}
	defer assoc.Close()
	stream, err := assoc.AcceptStream()
	if err != nil {
		return
	}
	channel, err := datachannel.Server(stream, &datachannel.Config{LoggerFactory: logger})
	if err != nil {
		return
	}
	buf := make([]byte, 4096)
	for {
		if _, err := channel.Read(buf); err != nil {
			return
		}
	}
}

// dtlsPipe is the DTLS part of a call's path.
type dtlsPipe struct {
	*packetio.Buffer
	call *call
}

// Read gives the next record.
func (p dtlsPipe) Read(b []byte) (int, error) {
	n, _, err := p.Buffer.Read(b, nil)
	return n, err
}

// Write sends a record.
func (p dtlsPipe) Write(b []byte) (int, error) {
	p.call.send(b)
	return len(b), nil
}

func (p dtlsPipe) LocalAddr() net.Addr              { return p.call.socket.conn.LocalAddr() }
func (p dtlsPipe) RemoteAddr() net.Addr             { return net.UDPAddrFromAddrPort(*p.call.remote.Load()) }
func (p dtlsPipe) SetDeadline(t time.Time) error    { return p.SetReadDeadline(t) }
func (p dtlsPipe) SetWriteDeadline(time.Time) error { return nil } // a write does not wait
