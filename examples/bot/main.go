// This is a music bot: it plays files, links and searches into the video chats of
// Telegram groups. README.md says how to set it up.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/gotgcall/gotgcall/examples/bot/internal/service"
)

const usage = `usage: bot [settings]          runs the bot
       bot [settings] login    logs in an account that plays

A setting may come from the environment instead: -max-file is GOTGCALL_MAX_FILE.

`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	err := start(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "error:", strings.ReplaceAll(err.Error(), "\n", "\n       "))
		os.Exit(1)
	}
}

// start is the program: it reads what it asks for from in, and writes its log to out.
func start(ctx context.Context, args, environ []string, in *os.File, out io.Writer) error {
	s, rest, err := parseSettings(args, environ, func(name string) { _ = os.Unsetenv(name) }, out)
	if err != nil {
		return err
	}
	log := newLog(s, out)
	s.service.Logger = log
	switch {
	case len(rest) == 0:
		return s.serve(ctx, log)
	case len(rest) == 1 && rest[0] == "login":
		return s.login(ctx, log, terminal{in: in, out: out})
	}
	return fmt.Errorf("%q is no command: see -h", strings.Join(rest, " "))
}

func newLog(s settings, w io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: s.logLevel}
	if s.logJSON {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// serve runs the bot until ctx ends.
func (s settings) serve(ctx context.Context, log *slog.Logger) (err error) {
	var a accounts
	defer func() { err = errors.Join(err, a.close()) }()
	if err := a.open(ctx, s, log); err != nil {
		if ctx.Err() != nil {
			return nil // interrupted by the owner
		}
		return err
	}
	cfg := s.service
	cfg.Messenger, cfg.Accounts = a.messenger, a.playing
	return service.Run(ctx, cfg)
}
