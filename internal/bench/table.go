package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/internal/bench/load"
)

// table collects what is measured and prints it meanwhile.
type table struct {
	o      options
	about  string // the commit and the machine
	setups []load.Setup
	rows   []load.Result
}

func newTable(o options) *table {
	t := &table{o: o, about: describe()}
	fmt.Println(t.about)
	return t
}

// measure measures a plan, and the floor of each row of ready Opus.
func (t *table) measure(ctx context.Context, plan load.Plan) error {
	floors := map[string]time.Duration{}
	for _, r := range plan.Rows {
		size, ms := load.PacketSize(r.Source)
		if size == 0 {
			continue
		}
		model := load.Model{
			Sessions: plan.Calls, Addresses: plan.Addresses, Bytes: size, Milliseconds: ms, Window: plan.Window,
		}
		if err := child(ctx, "floor", model, func(e event) { floors[r.Source] = e.Floor }); err != nil {
			return err
		}
	}
	return child(ctx, "client", plan, func(e event) {
		switch {
		case e.Setup != nil:
			t.setups = append(t.setups, *e.Setup)
			fmt.Printf("%d calls: CreateCall %s ms, Connect %s ms (p50 / p99)\n", e.Setup.Calls, e.Setup.Create, e.Setup.Connect)
		case e.Row != nil:
			e.Row.Floor = floors[e.Row.Source]
			t.rows = append(t.rows, *e.Row)
			fmt.Println(line(*e.Row))
		}
	})
}

// line is a row in words.
func line(r load.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%5d calls  %-18s %d speaking ", r.Calls, r.Source, r.Speakers)
	if r.Skipped != "" {
		return b.String() + " " + r.Skipped
	}
	for _, f := range figures(r) {
		if f.known {
			fmt.Fprintf(&b, "  %s %s", f.text(), f.unit)
		}
	}
	return b.String()
}

// write writes what the flags ask for.
func (t *table) write() error {
	if t.o.csv != "" {
		if err := os.WriteFile(t.o.csv, []byte(t.csv()), 0o600); err != nil {
			return err
		}
	}
	if t.o.benchfmt != "" {
		if err := appendTo(t.o.benchfmt, t.benchfmt()); err != nil {
			return err
		}
	}
	if !t.o.docs {
		return nil
	}
	if err := replace("ARCHITECTURE.md", t.markdown()); err != nil {
		return err
	}
	return replace("README.md", t.summary())
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
