package ytdlp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/examples/bot/internal/guard"
)

const (
	maxStdout = 8 << 20  // the JSON of a video with many formats has 1.5 MB
	maxStderr = 64 << 10 // its tail
	maxSlots  = 256      // descriptors

	// exitDelay is how long a run may keep its output open once it has ended.
	exitDelay = 2 * time.Second
)

// job is one run.
type job struct {
	work    string   // its directory
	args    []string // without the target
	target  string   // what comes after --; may be empty
	timeout time.Duration
	guarded bool // it goes to the network
}

// enter waits for a place to run. The caller must call leave.
func (p *Program) enter(ctx context.Context) (leave func(), err error) {
	select {
	case p.places <- struct{}{}:
		return func() { <-p.places }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// run runs yt-dlp, kills it with all its children when it is over or ctx is, and returns
// what it printed.
func (p *Program) run(ctx context.Context, j job) ([]byte, error) {
	home := filepath.Join(j.work, ".home")
	if err := os.Mkdir(home, 0o700); err != nil {
		return nil, fmt.Errorf("yt-dlp: %w", err)
	}
	args, err := p.argv(j, home)
	if err != nil {
		return nil, err
	}
	env := environment(home)
	var session *guard.Session
	if j.guarded {
		session = p.proxy.Open(guard.Limits{Bytes: 2 * p.cfg.MaxBytes})
		defer session.Close()
		env = append(env, session.Env()...)
	}
	out, words, err := execute(ctx, j.timeout, home, env, args)
	if err == nil {
		return out, nil
	}
	return nil, explain(err, words, session)
}

// argv returns the whole command line.
func (p *Program) argv(j job, home string) ([]string, error) {
	var argv []string
	if p.limiter != "" {
		// Twice: a picture and its sound are merged into a third file.
		argv = append(argv, p.limiter, fmt.Sprintf("--fsize=%d", 2*p.cfg.MaxBytes), "--core=0",
			fmt.Sprintf("--nofile=%d", maxSlots), "--")
	}
	argv = append(append(argv, p.path), j.args...)
	if j.target == "" {
		return argv, nil
	}
	if p.cfg.Cookies != "" {
		cookies, err := readCookies(p.cfg.Cookies) // each time: they are renewed now and then
		if err != nil {
			return nil, err
		}
		path, err := cookies.copyFor(j.target, home)
		if err != nil {
			return nil, err
		}
		if path != "" {
			argv = append(argv, "--cookies", path)
		}
	}
	return append(argv, "--", j.target), nil
}

// environment returns what a run sees of this process's environment, which holds the
// bot's secrets: next to nothing.
func environment(home string) []string {
	env := []string{"HOME=" + home, "TMPDIR=" + home, "LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1"}
	for _, name := range []string{"PATH", "SYSTEMROOT"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// execute runs a command in a process group and returns its output, and the tail of its
// standard error.
func execute(ctx context.Context, timeout time.Duration, dir string, env, argv []string) ([]byte, string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ctx, stop := context.WithTimeoutCause(ctx, timeout, ErrTimeout)
	defer stop()
	stdout := &limited{cancel: cancel}
	stderr := &tail{}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, stdout, stderr
	cmd.WaitDelay = exitDelay
	inGroup(cmd)
	err := cmd.Run()
	if cmd.Process != nil {
		killGroup(cmd.Process.Pid) // what the program has left running
	}
	switch {
	case ctx.Err() != nil:
		return nil, stderr.String(), context.Cause(ctx)
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return nil, stderr.String(), err
	}
	return stdout.kept, stderr.String(), nil
}

// limited keeps up to maxStdout bytes and ends the run with ErrOutput at more.
type limited struct {
	kept   []byte
	cancel context.CancelCauseFunc
}

func (l *limited) Write(p []byte) (int, error) {
	if len(l.kept)+len(p) > maxStdout {
		l.cancel(fmt.Errorf("%w: too much of it", ErrOutput))
		return 0, io.ErrShortWrite
	}
	l.kept = append(l.kept, p...)
	return len(p), nil
}

// tail keeps the last maxStderr bytes.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if len(t.b) > 2*maxStderr {
		t.b = append(t.b[:0], t.b[len(t.b)-maxStderr:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.ToValidUTF8(string(t.b), "") }

// explain turns a failed run into an error by which a caller decides.
func explain(err error, words string, session *guard.Session) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	if session != nil && session.Refused() != nil {
		return session.Refused()
	}
	last := lastError(words)
	for sign, meaning := range map[string]error{
		"Sign in to confirm":                ErrSignIn,
		"cookies":                           ErrSignIn,
		"login required":                    ErrSignIn,
		"Unsupported URL":                   ErrUnsupported,
		"no video formats":                  ErrUnsupported,
		"not available. Use --list-formats": ErrUnsupported,
	} {
		if strings.Contains(strings.ToLower(last), strings.ToLower(sign)) {
			return fmt.Errorf("%w: %w", meaning, &FailedError{Words: last})
		}
	}
	if last == "" {
		last = exit.Error()
	}
	return &FailedError{Words: last}
}

// lastError returns the last line that yt-dlp called an error, without that word.
func lastError(words string) string {
	last := ""
	for line := range strings.SplitSeq(words, "\n") {
		if _, message, ok := strings.Cut(line, "ERROR: "); ok {
			last = strings.TrimSpace(message)
		}
	}
	return last
}
