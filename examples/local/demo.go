package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/internal/sfu/page"
)

// run plays what args name, or a sample of a length, into a server. Its error
// says how what arrived there differs from what was played.
func run(ctx context.Context, args []string, stdout io.Writer, cfg sfu.Config, length time.Duration) error {
	flags := flag.NewFlagSet("local", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:0", "`address` of the page on which a browser can listen; empty for none")
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: local [-listen address] [file or URL]")
		flags.PrintDefaults()
	}
	_ = flags.Parse(args) // exits on an error
	if flags.NArg() > 1 {
		return fmt.Errorf("%d names, want one file or URL", flags.NArg())
	}
	client, err := gotgcall.New()
	if err != nil {
		return err
	}
	defer client.Close()
	name, sample := flags.Arg(0), (*sample)(nil)
	if name == "" {
		fmt.Fprintf(stdout, "making a sample of %v: each second a tone, in each picture its number\n", length)
		if sample, err = makeSample(ctx, length); err != nil {
			return unlessDone(ctx, err)
		}
		defer sample.remove()
		name = sample.path
	}
	opts := gotgcall.EncodeOptions{Tracks: gotgcall.TrackAudio | gotgcall.TrackVideo} // of these, what it has
	src := gotgcall.FromFile(name, opts)
	if strings.Contains(name, "://") {
		src = gotgcall.FromURL(name, opts)
	}
	far, err := newReceiver(cfg, sample)
	if err != nil {
		return err
	}
	defer far.close()
	web, err := page.Open(*listen, far.server.Listen)
	if err != nil {
		return err
	}
	defer web.Close()
	bar := newProgress(stdout, far, web.Invitation())
	p, err := play(ctx, client, far.server.Join, src, bar.show)
	bar.end()
	if err != nil {
		return unlessDone(ctx, err)
	}
	return far.report(ctx, p, stdout)
}

// unlessDone is nil when what failed was called off.
func unlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
