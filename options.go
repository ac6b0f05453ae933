package gotgcall

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/gotgcall/gotgcall/internal/source"
	"github.com/gotgcall/gotgcall/media"
)

// The defaults.
const (
	defaultFFmpeg         = "ffmpeg"
	defaultDispatchBuffer = 256
	defaultCertPool       = 8

	// defaultConnectTimeout is the gate Telegram's clients use between the join
	// and the first media.
	defaultConnectTimeout = 10 * time.Second
	// defaultStallTimeout outlasts the reconnects of a live source.
	defaultStallTimeout = 30 * time.Second
	// defaultRTMPRetry outlasts a restart of the server or of a router.
	defaultRTMPRetry = 60 * time.Second

	// The ICE timeouts. Telegram drops a participant who is silent for 40 to
	// 50 s: a connection that has been for 45 leads nowhere.
	defaultDisconnected = 7 * time.Second
	defaultFailed       = 38 * time.Second
	defaultKeepalive    = 2 * time.Second
)

// Option configures a Client; see the With functions.
type Option func(*config)

type config struct {
	ffmpegPath      string
	logger          *slog.Logger
	debugLogs       bool
	ffmpegStderrLog bool
	dispatchBuffer  int
	certPool        int
	connectTimeout  time.Duration
	stallTimeout    time.Duration
	urlPolicy       URLPolicy
	insecureTLS     bool
	rtmpRetry       time.Duration
	sharedSockets   bool
	iceServers      []ICEServer
	networkTypes    []NetworkType

	disconnected, failed, keepalive time.Duration
}

// newConfig applies the options to the defaults and checks the result.
func newConfig(opts []Option) (config, error) {
	silent := slog.New(slog.DiscardHandler)
	cfg := config{
		ffmpegPath:     defaultFFmpeg,
		logger:         silent,
		dispatchBuffer: defaultDispatchBuffer,
		certPool:       defaultCertPool,
		connectTimeout: defaultConnectTimeout,
		stallTimeout:   defaultStallTimeout,
		rtmpRetry:      defaultRTMPRetry,
		disconnected:   defaultDisconnected,
		failed:         defaultFailed,
		keepalive:      defaultKeepalive,
	}
	for _, opt := range opts {
		if opt == nil {
			return cfg, fmt.Errorf("%w: nil option", ErrInvalidParams)
		}
		opt(&cfg)
	}
	if cfg.debugLogs && cfg.logger == silent {
		cfg.logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return cfg, cfg.check()
}

func (c *config) check() error {
	switch {
	case c.ffmpegPath == "":
		return fmt.Errorf("%w: WithFFmpegPath: empty path", ErrInvalidParams)
	case c.logger == nil:
		return fmt.Errorf("%w: WithLogger: nil logger", ErrInvalidParams)
	case c.dispatchBuffer < 1:
		return fmt.Errorf("%w: WithDispatchBuffer: %d", ErrInvalidParams, c.dispatchBuffer)
	case c.certPool < 0:
		return fmt.Errorf("%w: WithDTLSCertPool: %d", ErrInvalidParams, c.certPool)
	case c.connectTimeout <= 0:
		return fmt.Errorf("%w: WithConnectTimeout: %s", ErrInvalidParams, c.connectTimeout)
	case c.stallTimeout <= 0:
		return fmt.Errorf("%w: WithStallTimeout: %s", ErrInvalidParams, c.stallTimeout)
	case c.rtmpRetry < 0:
		return fmt.Errorf("%w: WithRTMPRetry: %s", ErrInvalidParams, c.rtmpRetry)
	case c.disconnected <= 0 || c.failed <= 0 || c.keepalive <= 0:
		return fmt.Errorf("%w: WithICETimeouts: %s, %s, %s", ErrInvalidParams, c.disconnected, c.failed, c.keepalive)
	}
	for _, t := range c.networkTypes {
		if t != UDP4 && t != UDP6 {
			return fmt.Errorf("%w: WithNetworkTypes: %q", ErrInvalidParams, t)
		}
	}
	for _, s := range c.iceServers {
		if err := s.Check(); err != nil {
			return fmt.Errorf("%w: WithICEServers: %w", ErrInvalidParams, err)
		}
	}
	return nil
}

func (c *config) mediaEnv() media.Env {
	return media.Env{
		FFmpegPath:   c.ffmpegPath,
		Logger:       c.logger,
		LogStderr:    c.ffmpegStderrLog,
		StallTimeout: c.stallTimeout,
		URLPolicy:    c.urlPolicy,
		InsecureTLS:  c.insecureTLS,
		Opener:       source.Opener{},
	}
}

// WithFFmpegPath sets the ffmpeg binary: a path, or a name to look up in PATH.
// The default is "ffmpeg".
func WithFFmpegPath(path string) Option {
	return func(c *config) { c.ffmpegPath = path }
}

// WithLogger sets where the Client logs what it does and what goes wrong beside
// the errors it returns. Its handler may call the Client. The default is to log
// nothing; a nil logger is refused by New.
func WithLogger(logger *slog.Logger) Option {
	return func(c *config) { c.logger = logger }
}

// WithDispatchBuffer sets how many events may wait for the callbacks before a
// warning is logged: a callback is too slow, or blocks. It bounds nothing: events
// are never dropped.
// The default is 256; at least 1.
func WithDispatchBuffer(n int) Option {
	return func(c *config) { c.dispatchBuffer = n }
}

// WithDTLSCertPool sets how many DTLS certificates are kept ready, which spares a
// burst of that many CreateCalls the key generation. The default is 8; 0 makes
// each certificate when it is needed.
func WithDTLSCertPool(n int) Option {
	return func(c *config) { c.certPool = n }
}

// WithSharedUDPMux lets calls share UDP sockets: one socket serves all calls that
// go to different addresses of Telegram's servers, and calls to one address get
// different sockets. For a hundred calls and more; without it each call has a
// socket of its own.
func WithSharedUDPMux() Option {
	return func(c *config) { c.sharedSockets = true }
}

// WithConnectTimeout bounds [Client.Connect], which then fails with
// [ErrConnectionTimeout]. The default is 10 s; it is above zero.
func WithConnectTimeout(d time.Duration) Option {
	return func(c *config) { c.connectTimeout = d }
}

// WithStallTimeout sets how long a source may give nothing, while it is opened or
// while it plays, before it ends with [ErrStalled]. The default is 30 s; it is above
// zero.
func WithStallTimeout(d time.Duration) Option {
	return func(c *config) { c.stallTimeout = d }
}

// WithURLPolicy sets what decides about each address before FromURL connects to
// it: after names are resolved, and for redirects, playlist entries and retries
// too. PublicOnly is one. The default is to allow all, local networks included.
// With a policy the proxies of the environment (HTTP_PROXY, …) are not used, as it
// could not see where they connect to. Commands of FromShell are not subject to it.
func WithURLPolicy(policy URLPolicy) Option {
	return func(c *config) { c.urlPolicy = policy }
}

// WithInsecureTLS accepts any certificate of the servers that FromURL fetches from.
// Whoever is on the way can then read and change what is fetched. The default is to
// verify certificates.
func WithInsecureTLS() Option {
	return func(c *config) { c.insecureTLS = true }
}

// WithRTMPRetry sets for how long an RTMP call tries to reach its server, at first
// and again after it was cut off, before it is Failed. It waits 1, 2, 4 and then 8 s
// between two tries. The default is 60 s; 0 means that the first try is the last. A
// refused stream key is not tried for so long: see [Client.StartRTMP].
func WithRTMPRetry(d time.Duration) Option {
	return func(c *config) { c.rtmpRetry = d }
}

// WithICETimeouts sets for how long nothing may come from the server before a
// connection that was up is Disconnected (default 7 s, noticed up to one keepalive
// later), how much longer before it is Failed (38 s), and how often the server is
// asked for a sign of life (2 s). All are above zero. Connect has its own limit, see
// [WithConnectTimeout]. Telegram drops a participant who is silent for 40 to 50 s, so
// longer times only delay [Client.Rejoin]. A Rejoin has as long as failed for its
// Connect when the old connection is lost meanwhile.
func WithICETimeouts(disconnected, failed, keepalive time.Duration) Option {
	return func(c *config) { c.disconnected, c.failed, c.keepalive = disconnected, failed, keepalive }
}

// WithICEServers adds STUN and TURN servers. Telegram's servers need none: they
// have public addresses. A TURN server helps where UDP goes nowhere else.
func WithICEServers(servers []ICEServer) Option {
	return func(c *config) { c.iceServers = servers }
}

// WithNetworkTypes limits connections to UDP4 or UDP6. The default is both.
func WithNetworkTypes(types ...NetworkType) Option {
	return func(c *config) { c.networkTypes = types }
}

// WithDebugLogs adds the log of pion, the WebRTC stack, to the Client's logger, at
// Debug level. Without WithLogger it logs everything to standard error.
func WithDebugLogs() Option {
	return func(c *config) { c.debugLogs = true }
}

// WithFFmpegStderrLog logs what ffmpeg writes to its standard error, line by line,
// at Info level.
func WithFFmpegStderrLog() Option {
	return func(c *config) { c.ffmpegStderrLog = true }
}
