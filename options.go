package gotgcall

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/internal/ffmpeg"
	"github.com/gotgcall/gotgcall/internal/record"
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
			return fmt.Errorf("%w: WithNetworkTypes: %q: a call uses UDP; want UDP4, UDP6 or both", ErrInvalidParams, t)
		}
	}
	for _, s := range c.iceServers {
		if err := checkServer(s); err != nil {
			return fmt.Errorf("%w: WithICEServers: %w", ErrInvalidParams, err)
		}
	}
	return nil
}

// checkServer returns what is wrong with the URLs of a server (RFC 7064, RFC 7065).
func checkServer(s ICEServer) error {
	if len(s.URLs) == 0 {
		return errors.New("ice server without a url")
	}
	for _, url := range s.URLs {
		scheme, host, _ := strings.Cut(url, ":")
		switch scheme {
		case "stun", "stuns", "turn", "turns":
		default:
			return fmt.Errorf("ice server %q: not a stun or turn url", url)
		}
		if host == "" {
			return fmt.Errorf("ice server %q: no host", url)
		}
		if strings.HasPrefix(scheme, "turn") && (s.Username == "" || s.Credential == "") {
			return fmt.Errorf("ice server %q: no username or credential", url)
		}
	}
	return nil
}

func (c *config) mediaEnv(build ffmpeg.Build) media.Env {
	return media.Env{
		FFmpegPath:   c.ffmpegPath,
		Logger:       c.logger,
		LogStderr:    c.ffmpegStderrLog,
		StallTimeout: c.stallTimeout,
		URLPolicy:    c.urlPolicy,
		InsecureTLS:  c.insecureTLS,
		Opener:       source.New(build),
		Sinks:        record.Opener{},
	}
}

// WithFFmpegPath sets the ffmpeg binary: a path, or a name to look up in PATH.
// The default is "ffmpeg".
func WithFFmpegPath(path string) Option {
	return func(c *config) { c.ffmpegPath = path }
}

// WithLogger sets where the Client logs its work, and failures that no method returns.
// The logger's handler may call the Client. The default is to log nothing; [New]
// refuses a nil logger.
func WithLogger(logger *slog.Logger) Option {
	return func(c *config) { c.logger = logger }
}

// WithDispatchBuffer sets how many events may wait for the callbacks before a
// warning is logged: a callback is slow, or blocks. It is not a limit: events are
// never dropped. The default is 256; n is at least 1.
func WithDispatchBuffer(n int) Option {
	return func(c *config) { c.dispatchBuffer = n }
}

// WithDTLSCertPool sets how many DTLS certificates are generated in advance, for a
// burst of that many calls of [Client.CreateCall]. The default is 8; 0 generates
// each certificate when it is needed.
func WithDTLSCertPool(n int) Option {
	return func(c *config) { c.certPool = n }
}

// WithSharedUDPMux lets calls share UDP sockets, which is the default: one socket serves
// calls to different addresses of Telegram's servers, and calls to one address get
// different sockets.
func WithSharedUDPMux() Option {
	return func(*config) {}
}

// WithConnectTimeout sets after how long [Client.Connect] fails with
// [ErrConnectionTimeout]. The default is 10 s; d is above zero.
func WithConnectTimeout(d time.Duration) Option {
	return func(c *config) { c.connectTimeout = d }
}

// WithStallTimeout sets how long a source may deliver no frame, while it is opened or
// while it plays, before it ends with [ErrStalled]. The default is 30 s; d is above
// zero.
func WithStallTimeout(d time.Duration) Option {
	return func(c *config) { c.stallTimeout = d }
}

// WithURLPolicy sets the policy that allows or refuses each address before [FromURL]
// connects to it: after names are resolved, and for redirects, playlist entries and
// retries too. [PublicOnly] is one. The default is to allow all, local networks
// included. With a policy the proxies of the environment (HTTP_PROXY, …) are not used,
// as they would connect unseen. Commands of [FromShell] are not subject to it.
func WithURLPolicy(policy URLPolicy) Option {
	return func(c *config) { c.urlPolicy = policy }
}

// WithInsecureTLS accepts any certificate of the servers that [FromURL] fetches from:
// anyone on the network path can then read and change the media. The default is to
// verify certificates.
func WithInsecureTLS() Option {
	return func(c *config) { c.insecureTLS = true }
}

// WithRTMPRetry sets for how long an RTMP call tries to reach its server, at first
// and after each loss of the connection, before it is Failed. It waits 1, 2, 4 and
// then 8 s between two attempts. The default is 60 s; 0 allows one attempt. A refused
// stream key is retried once: see [Client.StartRTMP].
func WithRTMPRetry(d time.Duration) Option {
	return func(c *config) { c.rtmpRetry = d }
}

// WithICETimeouts sets how long the server may be silent before a connection that was
// up is Disconnected (default 7 s, noticed up to one keepalive later), how much longer
// before it is Failed (38 s), and the interval of the checks that the server answers
// (2 s). All are above zero. Connect has a limit of its own, see [WithConnectTimeout].
// Telegram drops a participant who is silent for 40 to 50 s, so longer times only
// delay [Client.Rejoin]. When the old connection is lost during a Rejoin, its Connect
// has to come within failed.
func WithICETimeouts(disconnected, failed, keepalive time.Duration) Option {
	return func(c *config) { c.disconnected, c.failed, c.keepalive = disconnected, failed, keepalive }
}

// WithICEServers adds STUN and TURN servers. Telegram's servers need none, as they
// have public addresses. A TURN server helps where a firewall blocks other UDP.
func WithICEServers(servers []ICEServer) Option {
	return func(c *config) { c.iceServers = servers }
}

// WithNetworkTypes limits connections to [UDP4] or [UDP6]. The default is both.
func WithNetworkTypes(types ...NetworkType) Option {
	return func(c *config) { c.networkTypes = types }
}

// WithDebugLogs adds the log of pion, the WebRTC stack, to the Client's logger, at
// Debug level. Without WithLogger it logs everything to standard error.
func WithDebugLogs() Option {
	return func(c *config) { c.debugLogs = true }
}

// WithFFmpegStderrLog logs the standard error of ffmpeg, line by line, at Info level.
func WithFFmpegStderrLog() Option {
	return func(c *config) { c.ffmpegStderrLog = true }
}
