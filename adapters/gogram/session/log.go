package session

import (
	"context"
	"io"
	"log/slog"

	"github.com/amarnathcjd/gogram/telegram"
)

// newLogger returns a gogram logger that writes to l, warnings and errors only if
// quiet. A line of gogram holds no secret below the level of traces, which are never
// asked for.
func newLogger(l *slog.Logger, quiet bool) telegram.Logger {
	level := gogramLevel(l)
	if quiet {
		level = max(level, telegram.LogWarn)
	}
	return telegram.NewLogger(level, telegram.LoggerConfig{
		Output:    io.Discard, // what the formatter returns
		Formatter: formatter{l},
	})
}

// gogramLevel returns the lowest level that l takes.
func gogramLevel(l *slog.Logger) telegram.LogLevel {
	for _, at := range []struct {
		slog   slog.Level
		gogram telegram.LogLevel
	}{
		{slog.LevelDebug, telegram.LogDebug},
		{slog.LevelInfo, telegram.LogInfo},
		{slog.LevelWarn, telegram.LogWarn},
	} {
		if l.Enabled(context.Background(), at.slog) {
			return at.gogram
		}
	}
	return telegram.LogError
}

type formatter struct{ log *slog.Logger }

// Format hands a line on to slog and returns nothing to print.
func (f formatter) Format(e *telegram.LogEntry) string {
	level := slog.LevelError
	switch e.Level {
	case telegram.LogTrace, telegram.LogDebug:
		level = slog.LevelDebug
	case telegram.LogInfo:
		level = slog.LevelInfo
	case telegram.LogWarn:
		level = slog.LevelWarn
	}
	attrs := make([]slog.Attr, 0, len(e.Fields)+1)
	for k, v := range e.Fields {
		attrs = append(attrs, slog.Any(k, v))
	}
	if e.Error != nil {
		attrs = append(attrs, slog.Any("err", e.Error))
	}
	f.log.LogAttrs(context.Background(), level, e.Message, attrs...)
	return ""
}
