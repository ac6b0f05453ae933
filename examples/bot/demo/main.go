// This program runs the whole music bot on this machine, in a Telegram that is part of
// it: a chat in the terminal, and a call that a browser hears. It needs no account.
//
//	go run ./demo            then type /play, /help or the number of a button
//	go run ./demo -script    plays, pauses, skips and stops by itself, and judges that
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error:", strings.ReplaceAll(err.Error(), "\n", "\n       "))
		os.Exit(1)
	}
}

// run is the program.
func run(ctx context.Context, args []string, in io.Reader, out io.Writer) (err error) {
	flags := flag.NewFlagSet("demo", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:0", "`address` of the page on which a browser can listen; empty for none")
	script := flags.Bool("script", false, "play, pause, skip and stop without a user, and say whether all of it was right")
	verbose := flags.Bool("v", false, "show the bot's log")
	_ = flags.Parse(args) // exits on an error
	s, err := newStage(*verbose)
	if err != nil {
		return err
	}
	defer s.remove()
	return s.run(ctx, func(ctx context.Context) error {
		if *script {
			return s.script(ctx, out)
		}
		return s.talk(ctx, *listen, in, out)
	})
}
