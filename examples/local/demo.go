package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/examples/local/internal/console"
	"github.com/gotgcall/gotgcall/examples/local/internal/studio"
	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/internal/sfu/page"
)

// settings are what the command line says.
type settings struct {
	listen, folder string
	sample, open   bool
	name           string // of a file or URL; empty: none
}

func parse(args []string, terminal bool) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("local", flag.ExitOnError)
	flags.StringVar(&s.listen, "listen", "127.0.0.1:0", "`address` of the page; one that others reach plays no URL of a local network")
	flags.StringVar(&s.folder, "folder", "", "`folder` whose files the page offers, and where it stores uploads; by default a temporary one")
	flags.BoolVar(&s.sample, "sample", false, "play a generated sample, and check every tone and picture of it")
	flags.BoolVar(&s.open, "open", terminal, "open the page in a browser")
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: local [flags] [file or URL]")
		flags.PrintDefaults()
	}
	_ = flags.Parse(args) // exits on an error
	if flags.NArg() > 1 || flags.NArg() == 1 && s.sample {
		return s, errors.New("want one file, one URL or the sample")
	}
	s.name = flags.Arg(0)
	return s, nil
}

// run is the program. Its error says how what arrived differs from what was played.
func run(ctx context.Context, args []string, stdout io.Writer, cfg sfu.Config, length time.Duration) error {
	set, err := parse(args, isTerminal(stdout))
	if err != nil {
		return err
	}
	var made *sample
	if set.sample {
		fmt.Fprintf(stdout, "making a sample of %v: each second a tone, in each picture its number\n", length)
		if made, err = makeSample(ctx, length); err != nil {
			return unlessDone(ctx, err)
		}
		defer made.remove()
		set.name = made.path
	}
	far := newReceiver(made)
	defer far.close()
	p := &play{ends: make(chan streamEnd, maxEnds), far: far}
	cfg.OnRTP = far.onRTP
	if p.studio, err = studio.New(studio.Config{
		Folder: set.folder, PublicOnly: !isLoopback(set.listen), Server: cfg, OnEnd: p.ended,
	}); err != nil {
		return err
	}
	defer p.studio.Close()
	handler, err := console.Handler(p.studio)
	if err != nil {
		return err
	}
	web, err := page.Serve(set.listen, handler)
	if err != nil {
		return err
	}
	defer web.Close()
	bar := newProgress(stdout, p.totals, "hear it at "+web.URL()+"\n")
	if set.name == "" {
		if set.folder == "" {
			p.studio.MakeSamples()
		}
	} else if p.call, err = p.studio.Open(ctx, input(set.name)); err != nil {
		return unlessDone(ctx, err)
	}
	if set.open {
		openBrowser(ctx, web.URL())
	}
	strict := p.watch(ctx, bar)
	bar.end()
	web.Close()
	if err := p.studio.Close(); err != nil {
		return err
	}
	if strict {
		return far.report(ctx, p.result(), stdout)
	}
	line, err := p.studio.Verdict()
	fmt.Fprintln(stdout, line)
	return err
}

// input is what a name of the command line means.
func input(name string) studio.Input {
	if strings.Contains(name, "://") {
		return studio.Input{Kind: "url", Value: name}
	}
	return studio.Local(name)
}

// isLoopback reports whether an address is reached from this machine alone.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil || host == "localhost" {
		return err == nil
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// unlessDone is nil when what failed was called off.
func unlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// streamEnd is the end of one track.
type streamEnd struct {
	track gotgcall.StreamType
	err   error
}
