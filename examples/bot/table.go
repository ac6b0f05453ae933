package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// prefix begins the names of all environment variables.
const prefix = "GOTGCALL_"

// table is a set of flags, each of which may be given by the environment instead. A
// secret is never an argument, which others on the machine could read: it is the
// content of a file, or of a variable.
type table struct {
	flags   *flag.FlagSet
	secrets map[string]*string // by the name of their variable
	first   []string           // flags that are described first
}

func newTable(program string) *table {
	return &table{flags: flag.NewFlagSet(program, flag.ContinueOnError), secrets: make(map[string]*string)}
}

// envName returns the environment variable of a flag.
func envName(name string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// secret defines a setting that is read from a file, -name-file, or from a variable.
func (t *table) secret(to *string, name, usage string) {
	t.secrets[envName(name)] = to
	t.flags.Func(name+"-file", "`file` with the "+usage+"; or "+envName(name)+" has it", func(path string) error {
		const largest = 4 << 10
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		content, err := io.ReadAll(io.LimitReader(f, largest))
		if err != nil {
			return err
		}
		if *to = strings.TrimSpace(string(content)); *to == "" {
			return fmt.Errorf("%s is empty", path)
		}
		return nil
	})
}

// parse reads arguments, then variables for the flags that were not among them, and
// returns the arguments that are none. The variables of secrets are unset: programs that
// the bot starts do not get them.
func (t *table) parse(args, environ []string, unset func(string), help io.Writer) ([]string, error) {
	t.flags.SetOutput(io.Discard)
	t.flags.Usage = func() {}
	var rest []string
	for len(args) > 0 { // flags may follow a command
		err := t.flags.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			t.print(help)
		}
		if err != nil {
			return nil, err
		}
		if args = t.flags.Args(); len(args) > 0 {
			rest, args = append(rest, args[0]), args[1:]
		}
	}
	var err error
	given := make(map[string]bool)
	t.flags.Visit(func(f *flag.Flag) { given[envName(f.Name)] = true })
	byEnv := make(map[string]*flag.Flag)
	t.flags.VisitAll(func(f *flag.Flag) { byEnv[envName(f.Name)] = f })
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		secret, isSecret := t.secrets[name]
		f := byEnv[name]
		switch {
		case !strings.HasPrefix(name, prefix):
		case isSecret:
			unset(name)
			if !given[name+"_FILE"] && value != "" {
				*secret = strings.TrimSpace(value)
			}
		case f == nil:
			err = errors.Join(err, fmt.Errorf("%s is no setting: see -h", name))
		case !given[name] && value != "":
			if e := f.Value.Set(value); e != nil {
				err = errors.Join(err, fmt.Errorf("%s: %w", name, e))
			}
		}
	}
	return rest, err
}

// row is a setting as it is described.
type row struct{ flag, env, standard, usage string }

// rows describes all settings, the most needed first, the others by name.
func (t *table) rows() (rows []row) {
	for _, name := range t.first {
		rows = append(rows, describe(t.flags.Lookup(name)))
	}
	t.flags.VisitAll(func(f *flag.Flag) {
		if !slices.Contains(t.first, f.Name) {
			rows = append(rows, describe(f))
		}
	})
	return rows
}

func describe(f *flag.Flag) row {
	kind, usage := flag.UnquoteUsage(f)
	r := row{flag: "-" + f.Name, env: envName(f.Name), standard: f.DefValue, usage: usage}
	if kind != "" && !isBool(f) {
		r.flag += " " + kind
	}
	switch {
	case r.standard == "0", r.standard == "false":
		r.standard = ""
	case strings.HasSuffix(r.standard, "h0m0s"):
		r.standard = strings.TrimSuffix(r.standard, "0m0s")
	case strings.HasSuffix(r.standard, "m0s"):
		r.standard = strings.TrimSuffix(r.standard, "0s")
	}
	return r
}

func isBool(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

func (t *table) print(w io.Writer) {
	fmt.Fprint(w, usage)
	tabs := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range t.rows() {
		line := r.usage
		if r.standard != "" {
			line += " (" + r.standard + ")"
		}
		fmt.Fprintf(tabs, "  %s\t%s\n", r.flag, line)
	}
	_ = tabs.Flush() // w is the terminal
}

// values is a setting of several values, separated by commas.
type values[T any] struct {
	to    *[]T
	parse func(string) (T, error)
	text  string
}

func (v *values[T]) String() string { return v.text }

func (v *values[T]) Set(s string) error {
	var all []T
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		value, err := v.parse(part)
		if err != nil {
			return err
		}
		all = append(all, value)
	}
	*v.to, v.text = all, s
	return nil
}

// list defines a setting of several values.
func list[T any](t *table, to *[]T, name, usage string, parse func(string) (T, error), standard string) {
	t.flags.Var(&values[T]{to: to, parse: parse, text: standard}, name, usage)
}

// size is a setting of a size.
type size struct{ to *int64 }

func (b size) String() string {
	if b.to == nil {
		return ""
	}
	switch n := *b.to; {
	case n >= 1<<30 && n%(1<<30) == 0:
		return strconv.FormatInt(n>>30, 10) + "G"
	case n >= 1<<20 && n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + "M"
	default:
		return strconv.FormatInt(n, 10)
	}
}

func (b size) Set(s string) error {
	number, shift := s, 0
	for suffix, by := range map[string]int{"K": 10, "M": 20, "G": 30} {
		if rest, ok := strings.CutSuffix(strings.ToUpper(s), suffix); ok {
			number, shift = rest, by
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 || n > 1<<62>>shift {
		return fmt.Errorf("%q is no size such as 300M or 2G", s)
	}
	*b.to = n << shift
	return nil
}

// bytes defines a setting of a number of bytes.
func (t *table) bytes(to *int64, name string, standard int64, usage string) {
	*to = standard
	t.flags.Var(size{to}, name, usage)
}
