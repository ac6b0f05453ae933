package peer

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// pionLog passes pion's log to slog at Debug level, if at all: what pion warns about
// is internal to it, and what matters reaches the caller as an error.
type pionLog struct {
	logger *slog.Logger
	on     bool
}

// NewLogger makes pionLog a [logging.LoggerFactory].
func (l *pionLog) NewLogger(scope string) logging.LeveledLogger {
	return &scopedLog{l, scope}
}

type scopedLog struct {
	to    *pionLog
	scope string
}

func (s *scopedLog) debugf(format string, args ...any) {
	if s.to.on && s.to.logger.Enabled(context.Background(), slog.LevelDebug) {
		s.to.logger.Debug(fmt.Sprintf(format, args...), "pion", s.scope)
	}
}

// Trace and the rest make scopedLog a [logging.LeveledLogger]. Trace and Debug are
// dropped: they print each packet.
func (s *scopedLog) Trace(string)                      {}
func (s *scopedLog) Tracef(string, ...any)             {}
func (s *scopedLog) Debug(string)                      {}
func (s *scopedLog) Debugf(string, ...any)             {}
func (s *scopedLog) Info(msg string)                   { s.debugf("%s", msg) }
func (s *scopedLog) Infof(format string, args ...any)  { s.debugf(format, args...) }
func (s *scopedLog) Warn(msg string)                   { s.debugf("%s", msg) }
func (s *scopedLog) Warnf(format string, args ...any)  { s.debugf(format, args...) }
func (s *scopedLog) Error(msg string)                  { s.debugf("%s", msg) }
func (s *scopedLog) Errorf(format string, args ...any) { s.debugf(format, args...) }
