package peer

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/pion/logging"
)

// pionLog sends pion's log to slog at Debug level: what pion warns of is its
// inner life, and what matters of it reaches the caller as an error. It keeps why
// a handshake failed, which pion says nowhere else.
type pionLog struct {
	logger    *slog.Logger
	handshake atomic.Pointer[string]
}

// NewLogger serves pion as logging.LoggerFactory.
func (l *pionLog) NewLogger(scope string) logging.LeveledLogger {
	return &scopedLog{l, scope}
}

// handshakeFailure is what went wrong after ICE was up.
func (l *pionLog) handshakeFailure() string {
	if s := l.handshake.Load(); s != nil {
		return *s
	}
	return "no reason given"
}

type scopedLog struct {
	to    *pionLog
	scope string
}

func (s *scopedLog) debugf(format string, args ...any) {
	if s.to.logger.Enabled(context.Background(), slog.LevelDebug) {
		s.to.logger.Debug(fmt.Sprintf(format, args...), "pion", s.scope)
	}
}

func (s *scopedLog) warnf(format string, args ...any) {
	if s.scope == "pc" && strings.HasPrefix(format, "Failed to start manager") {
		msg := fmt.Sprint(args...)
		s.to.handshake.Store(&msg)
	}
	s.debugf(format, args...)
}

// Trace and the rest are logging.LeveledLogger. Trace and Debug are dropped:
// they print each packet.
func (s *scopedLog) Trace(string)                      {}
func (s *scopedLog) Tracef(string, ...any)             {}
func (s *scopedLog) Debug(string)                      {}
func (s *scopedLog) Debugf(string, ...any)             {}
func (s *scopedLog) Info(msg string)                   { s.debugf("%s", msg) }
func (s *scopedLog) Infof(format string, args ...any)  { s.debugf(format, args...) }
func (s *scopedLog) Warn(msg string)                   { s.warnf("%s", msg) }
func (s *scopedLog) Warnf(format string, args ...any)  { s.warnf(format, args...) }
func (s *scopedLog) Error(msg string)                  { s.warnf("%s", msg) }
func (s *scopedLog) Errorf(format string, args ...any) { s.warnf(format, args...) }
