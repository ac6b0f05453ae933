package sfu

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// loggerFactory leads pion's log into ours, one level down: what pion warns of is
// routine in a test of losses.
type loggerFactory struct {
	log *slog.Logger
}

// NewLogger gives the logger of one of pion's parts.
func (f loggerFactory) NewLogger(scope string) logging.LeveledLogger {
	return leveledLogger{f.log.With("scope", scope)}
}

const levelTrace = slog.LevelDebug - 4

type leveledLogger struct {
	log *slog.Logger
}

func (l leveledLogger) print(level slog.Level, format string, args ...any) {
	if ctx := context.Background(); l.log.Enabled(ctx, level) {
		l.log.Log(ctx, level, fmt.Sprintf(format, args...))
	}
}

func (l leveledLogger) Trace(msg string)                  { l.print(levelTrace, "%s", msg) }
func (l leveledLogger) Tracef(format string, args ...any) { l.print(levelTrace, format, args...) }
func (l leveledLogger) Debug(msg string)                  { l.print(levelTrace, "%s", msg) }
func (l leveledLogger) Debugf(format string, args ...any) { l.print(levelTrace, format, args...) }
func (l leveledLogger) Info(msg string)                   { l.print(slog.LevelDebug, "%s", msg) }
func (l leveledLogger) Infof(format string, args ...any)  { l.print(slog.LevelDebug, format, args...) }
func (l leveledLogger) Warn(msg string)                   { l.print(slog.LevelDebug, "%s", msg) }
func (l leveledLogger) Warnf(format string, args ...any)  { l.print(slog.LevelDebug, format, args...) }
func (l leveledLogger) Error(msg string)                  { l.print(slog.LevelWarn, "%s", msg) }
func (l leveledLogger) Errorf(format string, args ...any) { l.print(slog.LevelWarn, format, args...) }
