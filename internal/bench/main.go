// Command bench measures what calls cost: it plays into many calls from one process, whose
// servers are another one, and writes a table.
//
//	go run ./internal/bench -calls 200 -rows ready20,idle
//
// The flag -docs writes the table into ARCHITECTURE.md and README.md; -csv and -benchfmt
// write files, the latter for benchstat.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gotgcall/gotgcall/internal/bench/load"
	"github.com/gotgcall/gotgcall/internal/bench/remote"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "server":
			return serve(args[1:])
		case "client":
			return measure(args[1:])
		case "floor":
			return floor(args[1:])
		}
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	t := newTable(o)
	media, err := os.MkdirTemp("", "gotgcall-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(media)
	if err := load.Make(ctx, o.ffmpeg, media, o.sources()); err != nil {
		return err
	}
	if o.profiles != "" {
		if err := os.MkdirAll(o.profiles, 0o755); err != nil {
			return err
		}
	}
	var failed []error
	for _, n := range o.calls {
		err := t.measure(ctx, o.plan(n, media))
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		if err != nil { // the others may do
			failed = append(failed, fmt.Errorf("%d calls: %w", n, err))
		}
	}
	return errors.Join(append(failed, t.write())...)
}

// serve is the process of the servers.
func serve(args []string) error {
	addresses, err := strconv.Atoi(strings.Join(args, ""))
	if err != nil {
		return err
	}
	return remote.Serve(addresses, os.Stdin, os.Stdout)
}

// event is a line of a measuring process.
type event struct {
	Setup *load.Setup
	Row   *load.Result
	Floor time.Duration
}

// measure is the process that plays.
func measure(args []string) error {
	var plan load.Plan
	if err := json.Unmarshal([]byte(strings.Join(args, " ")), &plan); err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	var failed error
	emit := func(e event) {
		if err := out.Encode(e); err != nil {
			failed = err
		}
	}
	if err := load.Run(plan, func(s load.Setup) { emit(event{Setup: &s}) }, func(r load.Result) { emit(event{Row: &r}) }); err != nil {
		return err
	}
	return failed
}

// floor is the process of the floor model. It returns the processor time of a call-second in
// nanoseconds.
func floor(args []string) error {
	var m load.Model
	if err := json.Unmarshal([]byte(strings.Join(args, " ")), &m); err != nil {
		return err
	}
	used, took, err := load.Floor(m)
	if err != nil {
		return err
	}
	perCall := used.Seconds() / took.Seconds() / float64(m.Sessions)
	return json.NewEncoder(os.Stdout).Encode(event{Floor: time.Duration(perCall * float64(time.Second))})
}

// child runs this program as another process, until ctx is done, and passes each line of its
// output to on.
func child(ctx context.Context, mode string, argument any, on func(event)) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	raw, err := json.Marshal(argument)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, mode, string(raw))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	for decode := json.NewDecoder(out); ; {
		var e event
		if err := decode.Decode(&e); err != nil {
			break // it has ended
		}
		on(e)
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w", mode, err)
	}
	return nil
}
