package proc

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/gotgcall/gotgcall/models"
)

// stderrGrace bounds how long Wait waits for standard error to be closed once
// the process has ended: a daemon that left the process group may hold it open
// for ever.
const stderrGrace = time.Second

// niceness is by how much a program is nicer than this process: its output is seconds
// ahead, and packets are due.
const niceness = 5

// stderrBuffer holds a few lines.
const stderrBuffer = 2 << 10

// Config says what to run.
type Config struct {
	// Path is the program: a path, or a name to look up in PATH.
	Path string
	// Args are its arguments, without the program's own name.
	Args []string
	// Stdin is what the program reads; nil is nothing. Files are its further
	// descriptors, from 3; there are none on Windows. The caller closes all of
	// them once Start has returned.
	Stdin *os.File
	Files []*os.File
	// Buffer is how many bytes standard output may hold before the program
	// waits, where the system can be asked (Linux); 0 for what it gives.
	Buffer int
	// OnStderr, when not nil, is given each line of standard error as it
	// comes, from one goroutine, without the line's end. What it returns is
	// kept for the error of Wait, if it is not empty. It must not block and
	// must not call Wait.
	OnStderr func(line string) (kept string)
}

// Process is a running child process, the leader of its process group.
// All methods may be called from any goroutine.
type Process struct {
	// immutable after Start
	cmd    *exec.Cmd
	stdout *os.File
	stderr *os.File
	log    *tail
	logged chan struct{} // closed by the reader of stderr

	mu    sync.Mutex // guards ended; held while a signal is sent
	ended bool       // the group must no longer be signalled

	done chan struct{} // closed by the waiter once err is set
	err  error
}

// Start runs a program at a lower priority than this process's: nicer by 5 and, on Linux,
// a batch job; below normal on Windows. An error wraps models.ErrFFmpegSpawn. The caller
// must Close Stdout, and Kill the process unless Wait has returned.
func Start(c Config) (*Process, error) {
	// StdoutPipe will not do: Wait closes it when the process ends, whether
	// or not the tail of the output has been read.
	stdout, childStdout, err := Pipe(c.Buffer)
	if err != nil {
		return nil, err
	}
	defer childStdout.Close()
	// Package exec would read it with a buffer of 32 KiB.
	stderr, childStderr, err := Pipe(0)
	if err != nil {
		stdout.Close()
		return nil, err
	}
	defer childStderr.Close()

	p := &Process{
		cmd:    exec.Command(c.Path, c.Args...),
		stdout: stdout,
		stderr: stderr,
		log:    &tail{onLine: c.OnStderr},
		logged: make(chan struct{}),
		done:   make(chan struct{}),
	}
	if c.Stdin != nil {
		p.cmd.Stdin = c.Stdin
	}
	p.cmd.ExtraFiles = c.Files
	p.cmd.Stdout = childStdout
	p.cmd.Stderr = childStderr
	p.cmd.SysProcAttr = groupAttr()
	// Colours would hide ffmpeg's words, also where the environment asks for them.
	p.cmd.Env = append(os.Environ(), "AV_LOG_FORCE_NOCOLOR=1")
	if err := p.cmd.Start(); err != nil {
		stdout.Close()
		stderr.Close()
		return nil, fmt.Errorf("%w: %w", models.ErrFFmpegSpawn, err)
	}
	lowerPriority(p.cmd.Process.Pid)

	// Both stop when the process ends, which Kill brings about: the waiter waits
	// for the reader, and Wait for the waiter.
	go p.readStderr()
	go p.wait()
	return p, nil
}

// Pipe returns the ends of a pipe that holds buffer bytes before a writer waits,
// where the system can be asked (Linux); 0 is what it gives. An error wraps
// models.ErrFFmpegSpawn.
func Pipe(buffer int) (r, w *os.File, err error) {
	r, w, err = os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", models.ErrFFmpegSpawn, err)
	}
	resizePipe(r, buffer)
	return r, w, nil
}

// Stdout is the reading end of the process's standard output. It stays readable
// to its last byte after the process has ended. The caller must Close it, which
// also interrupts a Read.
func (p *Process) Stdout() *os.File { return p.stdout }

// Kill ends the process and everything it started that is still in its group,
// at once; on Windows the process alone, for want of a job object. It does nothing
// when the process has ended already.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		killGroup(p.cmd.Process)
	}
}

// Wait waits until the process has ended. It returns nil for exit status 0 and
// an *models.FFmpegError otherwise, the same to every caller.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// Done is closed when the process has ended and Wait no longer blocks.
func (p *Process) Done() <-chan struct{} { return p.done }

// readStderr reads standard error to its end.
func (p *Process) readStderr() {
	defer close(p.logged)
	buffer := make([]byte, stderrBuffer)
	for {
		n, err := p.stderr.Read(buffer)
		p.log.write(buffer[:n])
		if err != nil {
			return
		}
	}
}

// wait reaps the process. What the process left behind in its group is killed
// before the reap: afterwards the process id, which names the group, may belong
// to somebody else.
func (p *Process) wait() {
	defer close(p.done)
	if awaitExit(p.cmd.Process.Pid) {
		p.mu.Lock()
		killGroup(p.cmd.Process)
		p.ended = true
		p.mu.Unlock()
	}
	err := p.cmd.Wait()
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()

	held := time.AfterFunc(stderrGrace, func() { p.stderr.Close() })
	<-p.logged
	held.Stop()
	p.stderr.Close()
	p.err = p.exitError(err)
}

// exitError returns the error of Wait, given that of the command.
func (p *Process) exitError(err error) error {
	state := p.cmd.ProcessState
	if state == nil {
		return fmt.Errorf("%w: wait: %w", models.ErrInternal, err)
	}
	if state.Success() {
		return nil
	}
	failure := &models.FFmpegError{ExitCode: state.ExitCode(), Stderr: p.log.text()}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		failure.Signal = status.Signal().String()
	}
	return failure
}
