package gotgcall

import (
	"fmt"
	"log/slog"
	"time"
)

// The defaults, and the figures that no option changes yet.
const (
	defaultFFmpeg         = "ffmpeg"
	defaultDispatchBuffer = 256
	defaultCertPool       = 8

	// connectTimeout is the gate Telegram's clients use between the join and
	// the first media.
	connectTimeout = 10 * time.Second
	// disconnectedAfter, failedAfter and keepaliveEvery are ICE's. A minute
	// outlasts what mobile carriers and Wi-Fi handovers take; Telegram drops
	// a silent participant after 40 to 50 s.
	disconnectedAfter = 7 * time.Second
	failedAfter       = 60 * time.Second
	keepaliveEvery    = 2 * time.Second
)

// Option configures a Client; see the With functions.
type Option func(*config)

type config struct {
	ffmpegPath      string
	logger          *slog.Logger
	dispatchBuffer  int
	certPool        int
	sharedSockets   bool
	ffmpegStderrLog bool
}

// newConfig applies the options to the defaults and checks the result.
func newConfig(opts []Option) (config, error) {
	cfg := config{
		ffmpegPath:     defaultFFmpeg,
		logger:         slog.New(slog.DiscardHandler),
		dispatchBuffer: defaultDispatchBuffer,
		certPool:       defaultCertPool,
	}
	for _, opt := range opts {
		if opt == nil {
			return cfg, fmt.Errorf("%w: nil option", ErrInvalidParams)
		}
		opt(&cfg)
	}
	switch {
	case cfg.ffmpegPath == "":
		return cfg, fmt.Errorf("%w: WithFFmpegPath: empty path", ErrInvalidParams)
	case cfg.logger == nil:
		return cfg, fmt.Errorf("%w: WithLogger: nil logger", ErrInvalidParams)
	case cfg.dispatchBuffer < 1:
		return cfg, fmt.Errorf("%w: WithDispatchBuffer: %d", ErrInvalidParams, cfg.dispatchBuffer)
	case cfg.certPool < 0:
		return cfg, fmt.Errorf("%w: WithDTLSCertPool: %d", ErrInvalidParams, cfg.certPool)
	}
	return cfg, nil
}

// WithFFmpegPath sets the ffmpeg binary: a path, or a name to look up in PATH.
// The default is "ffmpeg".
func WithFFmpegPath(path string) Option {
	return func(c *config) { c.ffmpegPath = path }
}

// WithLogger sets where the Client logs what it does and what goes wrong beside
// the errors it returns. The default is to log nothing; a nil logger is refused
// by New.
func WithLogger(logger *slog.Logger) Option {
	return func(c *config) { c.logger = logger }
}

// WithDispatchBuffer sets how many events may wait for the callbacks before a
// warning is logged: a callback is too slow, or blocks. Events are never dropped.
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
