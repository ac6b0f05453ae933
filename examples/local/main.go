// This program is the library's demo: a page on which a browser plays into calls of this
// machine, hears and sees them, breaks their network and measures what happens. It needs
// no Telegram account: each call has its own server, which checks all that arrives.
//
//	go run ./examples/local              opens the page, until Ctrl-C
//	go run ./examples/local song.mp3     plays a file or a URL too, ends with it, and
//	                                     fails when what arrived is not what was played
//
// What a bot does is in internal/studio/call.go: it joins, connects, plays, and joins again
// after a loss. A bot differs from it in one function, join.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gotgcall/gotgcall/examples/local/internal/studio"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

const sampleLength = 20 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	var err error
	if len(os.Args) == 3 && os.Args[1] == studio.LoadFlag {
		calls, _ := strconv.Atoi(os.Args[2]) // 0, which is refused
		err = studio.RunLoad(context.Background(), calls, os.Stdin, os.Stdout)
	} else {
		err = run(ctx, os.Args[1:], os.Stdout, sfu.Config{}, sampleLength)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", strings.ReplaceAll(err.Error(), "\n", "\n       "))
		os.Exit(1)
	}
}
