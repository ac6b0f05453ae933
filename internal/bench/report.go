package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/gotgcall/gotgcall/internal/bench/load"
	"github.com/gotgcall/gotgcall/internal/bench/usage"
)

// describe names the commit and the machine.
func describe() string {
	commit := "an unknown commit"
	if out, err := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=10").Output(); err == nil {
		commit = "commit " + strings.TrimSpace(string(out))
	}
	machine := fmt.Sprintf("%d cores", runtime.NumCPU())
	if name := usage.Machine(); name != "" {
		machine += " of " + name
	}
	return fmt.Sprintf("Measured at %s on %s, %s/%s, %s", commit, machine, runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// The generated part of a document lies between two lines.
const (
	begin = "<!-- made by make bench FULL=1: begin -->\n"
	end   = "<!-- made by make bench FULL=1: end -->\n"
)

// replace writes the generated part of a document.
func replace(path, text string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(raw), begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return fmt.Errorf("%s has no lines %q and %q", path, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return os.WriteFile(path, []byte(before+begin+text+end+after), 0o600)
}

// columns are the figures of the table in ARCHITECTURE.md, by name; joined ones share a column.
var columns = [][]string{
	{"processor"},
	{"user", "system", "children"},
	{"× floor"},
	{"calls per core"},
	{"µs/packet"},
	{"allocs/packet"},
	{"heap kB", "RSS kB"},
	{"goroutines"},
	{"threads"},
	{"descriptors"},
	{"first p50", "first p99"},
	{"switch p50", "switch p99"},
	{"late p50", "late p99", "late max"},
}

var headings = []string{
	"ms", "user / system / children", "× floor", "calls per core", "µs/packet", "allocs/packet",
	"heap / RSS kB", "goroutines", "threads", "fds", "first packet ms", "switch ms", "late ms",
}

// markdown returns the table of ARCHITECTURE.md.
func (t *table) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s.\n\n", t.about)
	b.WriteString("| calls | source | speakers | " + strings.Join(headings, " | ") + " |\n")
	b.WriteString(strings.Repeat("|---", len(headings)+3) + "|\n")
	for _, r := range t.rows {
		fmt.Fprintf(&b, "| %d | %s | %d |", r.Calls, r.Source, r.Speakers)
		switch {
		case r.Skipped != "":
			b.WriteString(" " + r.Skipped + " |" + strings.Repeat(" |", len(columns)-1))
		case r.Overloaded():
			fmt.Fprintf(&b, " the machine does not carry it: %.0f %% of the packets |%s",
				100*r.Carried(), strings.Repeat(" |", len(columns)-1))
		default:
			known := byName(r)
			for _, names := range columns {
				var texts []string
				for _, name := range names {
					if f := known[name]; f.known {
						texts = append(texts, f.text())
					}
				}
				b.WriteString(" " + strings.Join(texts, " / ") + " |")
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("\n| calls | CreateCall ms, p50 / p99 | Connect ms, p50 / p99 |\n|---|---|---|\n")
	for _, s := range t.setups {
		fmt.Fprintf(&b, "| %d | %s | %s |\n", s.Calls, s.Create, s.Connect)
	}
	return b.String()
}

func byName(r load.Result) map[string]figure {
	m := map[string]figure{}
	for _, f := range figures(r) {
		m[f.name] = f
	}
	return m
}

// summary returns the table of README.md.
func (t *table) summary() string {
	var b strings.Builder
	b.WriteString("| a call that plays | processor time per second | calls per core | heap and RSS |\n|---|---|---|---|\n")
	for _, source := range []string{load.Idle, load.Ready20, load.Ready60, load.PassThrough, load.MP3} {
		for _, r := range t.rows {
			if r.Source != source || r.Calls != 200 || r.Speakers > 0 || r.Skipped != "" || r.Overloaded() {
				continue
			}
			f := byName(r)
			name := source
			if source == load.Idle {
				name = "nothing"
			}
			fmt.Fprintf(&b, "| %s | %s ms | %s | %s and %s kB |\n", name,
				f["processor"].text(), f["calls per core"].text(), f["heap kB"].text(), f["RSS kB"].text())
		}
	}
	fmt.Fprintf(&b, "\nWith 200 calls, by `make bench FULL=1`; [all figures](ARCHITECTURE.md#figures).\n%s.\n", t.about)
	return b.String()
}

// csv returns a line for each row.
func (t *table) csv() string {
	var b strings.Builder
	for i, r := range t.rows {
		list := figures(r)
		if i == 0 {
			b.WriteString("calls,source,speakers,note")
			for _, f := range list {
				b.WriteString("," + f.unit)
			}
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%d,%q,%d,%q", r.Calls, r.Source, r.Speakers, r.Skipped)
		for _, f := range list {
			b.WriteString(",")
			if f.known && r.Skipped == "" {
				fmt.Fprintf(&b, "%g", f.value)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// benchfmt returns the rows as Go's benchmarks are printed, for benchstat.
func (t *table) benchfmt() string {
	var b strings.Builder
	fmt.Fprintf(&b, "goos: %s\ngoarch: %s\npkg: github.com/gotgcall/gotgcall\ncpu: %s\n", runtime.GOOS, runtime.GOARCH, usage.Machine())
	for _, r := range t.rows {
		if r.Skipped != "" || r.Overloaded() {
			continue
		}
		source := strings.NewReplacer(", ", "-", " ", "-").Replace(r.Source)
		fmt.Fprintf(&b, "BenchmarkCalls/source=%s/calls=%d/speakers=%d 1", source, r.Calls, r.Speakers)
		for _, f := range figures(r) {
			if f.known {
				fmt.Fprintf(&b, " %g %s", f.value, f.unit)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}
