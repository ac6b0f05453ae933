package sfutest

import (
	"log/slog"
	"time"

	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/internal/sfu/netem"
)

// Option configures a [Server].
type Option func(*sfu.Config)

// WithStrict makes the server as demanding as Telegram's own test server: it reads
// media half a second after the connection is up and not before the client's data
// channel is, takes GCM ciphers only, and knows video only as a simulcast group.
func WithStrict() Option { return func(c *sfu.Config) { c.Strict = true } }

// WithLogger sets the logger of the server and of the WebRTC stack below it. By
// default nothing is logged.
func WithLogger(l *slog.Logger) Option { return func(c *sfu.Config) { c.Logger = l } }

// WithListenIP sets the local address of the server's sockets. The default is
// 127.0.0.1.
func WithListenIP(ip string) Option { return func(c *sfu.Config) { c.ListenIP = ip } }

// WithNetwork sets the network of every participant: up is from the client to the
// server, down the reverse. [Participant.SetNetwork] changes it for one.
func WithNetwork(up, down Network) Option {
	return func(c *sfu.Config) { c.Up, c.Down = up.shape(), down.shape() }
}

// WithSeed seeds the random numbers behind loss and jitter, so that a test repeats.
// The default is 0.
func WithSeed(seed uint64) Option { return func(c *sfu.Config) { c.Seed = seed } }

// WithForwarding sends the media of every participant to all the others. By default
// a participant receives nothing.
func WithForwarding() Option { return func(c *sfu.Config) { c.Forward = true } }

// WithSilence drops everything that a client sends and is sent for d after its join,
// as a server does that is not reachable yet.
func WithSilence(d time.Duration) Option { return func(c *sfu.Config) { c.SilentFor = d } }

// WithTransportTimeout sets how long a participant is kept that is silent or has not
// connected yet. The default is 40 s, as in production.
func WithTransportTimeout(d time.Duration) Option {
	return func(c *sfu.Config) { c.TransportTimeout = d }
}

// Network is what one direction of a participant's path does to datagrams. The zero
// value delivers all of them at once.
type Network struct {
	// Loss, Duplicate and Reorder are probabilities from 0 to 1: that a datagram is
	// lost, arrives twice, or arrives 20 ms after its successors.
	Loss, Duplicate, Reorder float64
	// Delay is added to every datagram, and up to Jitter more. The order is kept.
	Delay, Jitter time.Duration
	// Rate is the capacity in bits per second, with UDP and IP headers. Up to 64 KiB
	// wait for it; more is lost. Zero is no limit.
	Rate uint64
}

func (n Network) shape() netem.Shape {
	return netem.Shape{
		Loss: n.Loss, Duplicate: n.Duplicate, Reorder: n.Reorder,
		Delay: n.Delay, Jitter: n.Jitter, Rate: n.Rate,
	}
}
