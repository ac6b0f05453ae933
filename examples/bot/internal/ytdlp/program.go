package ytdlp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/examples/bot/internal/guard"
)

// MinVersion is the oldest version that is run: older ones have holes that a page can
// use, and do not know how YouTube works today.
const MinVersion = "2026.07.04"

// The errors by which a caller decides.
var (
	// ErrMissing: yt-dlp is not installed.
	ErrMissing = errors.New("yt-dlp is not installed")
	// ErrCookies: the file of cookies can be read by others, or not at all.
	ErrCookies = errors.New("the file of cookies cannot be used")
	// ErrSignIn: the site wants the visitor to sign in.
	ErrSignIn = errors.New("the site asks to sign in")
	// ErrUnsupported: yt-dlp finds no media on the page.
	ErrUnsupported = errors.New("no media on the page")
	// ErrNothing: the search or the playlist is empty.
	ErrNothing = errors.New("nothing was found")
	// ErrUnfit: the entry is live, too long or too large.
	ErrUnfit = errors.New("live, too long or too large")
	// ErrBusy: other runs did not end in time.
	ErrBusy = errors.New("yt-dlp is busy")
	// ErrTimeout: the run took too long.
	ErrTimeout = errors.New("yt-dlp took too long")
	// ErrOutput: yt-dlp printed too much, no JSON, or a file that is elsewhere.
	ErrOutput = errors.New("yt-dlp answered with nonsense")
)

// VersionError is the error of a yt-dlp that is too old.
type VersionError struct{ Version string }

// Error names the version and the oldest one that is run.
func (e *VersionError) Error() string {
	return fmt.Sprintf("yt-dlp is of version %s, and %s is needed", e.Version, MinVersion)
}

// FailedError is a failure in yt-dlp's own words.
type FailedError struct{ Words string }

// Error returns the words.
func (e *FailedError) Error() string { return "yt-dlp: " + e.Words }

// Config says which yt-dlp runs, and its bounds. A zero field has the default.
type Config struct {
	Path       string // the program; "yt-dlp" in PATH
	AnyVersion bool   // versions before MinVersion run, too
	Cookies    string // a file in Netscape's format, of mode 0600; none

	// Dir is for what runs need while they last, a copy of the cookies above all. It is
	// made, for this user alone, and what earlier runs left in it is removed. The default
	// is the system's, where what a killed bot leaves stays.
	Dir string

	MaxLength time.Duration // of an entry; 4 h
	MaxBytes  int64         // of a file; 500 MiB
	MaxItems  int           // of a playlist; 50

	LookupTimeout   time.Duration // 20 s
	DownloadTimeout time.Duration // at most; 10 min
}

// Program is an installed yt-dlp, or the reason why there is none. All methods may be
// called from any goroutine.
type Program struct {
	// immutable after Find
	cfg     Config
	proxy   *guard.Proxy
	path    string
	limiter string // the prlimit program; may be empty
	runtime string // of JavaScript, as yt-dlp calls it; may be empty
	err     error  // why it cannot be used
	version string

	places chan struct{} // one element per run
	chats  turns
}

// AtOnce is how many runs there are at a time.
const AtOnce = 2

// Find looks for yt-dlp and asks for its version. What is wrong with it, or with the
// file of cookies, is the error of every later call, and of [Program.Err].
func Find(ctx context.Context, cfg Config, proxy *guard.Proxy) *Program {
	cfg.setDefaults()
	p := &Program{cfg: cfg, proxy: proxy, places: make(chan struct{}, AtOnce)}
	p.limiter, _ = exec.LookPath("prlimit")
	for _, r := range runtimes {
		if _, err := exec.LookPath(r.program); err == nil {
			p.runtime = r.name
			break
		}
	}
	p.err = p.find(ctx)
	return p
}

func (c *Config) setDefaults() {
	if c.Path == "" {
		c.Path = "yt-dlp"
	}
	if c.MaxLength <= 0 {
		c.MaxLength = 4 * time.Hour
	}
	if c.MaxBytes <= 0 {
		c.MaxBytes = 500 << 20
	}
	if c.MaxItems <= 0 {
		c.MaxItems = 50
	}
	if c.LookupTimeout <= 0 {
		c.LookupTimeout = 20 * time.Second
	}
	if c.DownloadTimeout <= 0 {
		c.DownloadTimeout = 10 * time.Minute
	}
}

func (p *Program) find(ctx context.Context) error {
	path, err := exec.LookPath(p.cfg.Path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMissing, err)
	}
	p.path = path
	if p.cfg.Cookies != "" {
		if _, err := readCookies(p.cfg.Cookies); err != nil {
			return err
		}
	}
	if err := p.clear(); err != nil {
		return err
	}
	work, err := p.workspace()
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	out, err := p.run(ctx, job{work: work, args: []string{"--version"}, timeout: p.cfg.LookupTimeout})
	if err != nil {
		return err
	}
	p.version = strings.TrimSpace(string(out))
	if !p.cfg.AnyVersion && older(p.version, MinVersion) {
		return &VersionError{Version: p.version}
	}
	return nil
}

// runPrefix begins the names of runs' directories.
const runPrefix = "yt-dlp-run-"

// workspace makes a directory for a run.
func (p *Program) workspace() (string, error) {
	dir, err := os.MkdirTemp(p.cfg.Dir, runPrefix)
	if err != nil {
		return "", fmt.Errorf("yt-dlp: %w", err)
	}
	return dir, nil
}

// clear makes the directory for runs, and removes what is left of earlier ones.
func (p *Program) clear() error {
	if p.cfg.Dir == "" {
		return nil
	}
	dir, err := filepath.Abs(p.cfg.Dir) // runs have a working directory of their own
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return fmt.Errorf("yt-dlp: %w", err)
	}
	p.cfg.Dir = dir
	left, err := filepath.Glob(filepath.Join(p.cfg.Dir, runPrefix+"*"))
	for _, dir := range left {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	if err != nil {
		return fmt.Errorf("yt-dlp: %w", err)
	}
	return nil
}

// Err returns why yt-dlp cannot be used, or nil.
func (p *Program) Err() error { return p.err }

// Version returns the program's version, or "".
func (p *Program) Version() string { return p.version }

// Hint returns advice for the owner of the bot, or "".
func (p *Program) Hint() string {
	if p.err == nil && p.runtime == "" {
		return "no JavaScript runtime was found, which YouTube needs: install deno, node, bun or quickjs"
	}
	return ""
}

// runtimes are the JavaScript runtimes that yt-dlp knows, best first.
var runtimes = []struct{ program, name string }{
	{"deno", "deno"}, {"node", "node"}, {"bun", "bun"}, {"qjs", "quickjs"},
}

// runtimeArgs names the JavaScript runtime: yt-dlp looks for none but deno by itself.
func (p *Program) runtimeArgs() []string {
	const since = "2025.11.12" // of yt-dlp, which did not know the option before
	if p.runtime == "" || p.runtime == "deno" || older(p.version, since) {
		return nil
	}
	return []string{"--js-runtimes", p.runtime}
}

// older reports whether a version, numbers with dots, is before another. One that is no
// version is.
func older(version, than string) bool {
	have, want := numbers(version), numbers(than)
	return slices.Compare(have, want) < 0
}

func numbers(version string) []int {
	var all []int
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			break
		}
		all = append(all, n)
	}
	return all
}
