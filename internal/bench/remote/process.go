package remote

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// A request is one line of JSON, and so is its reply.
type request struct {
	Op     string // a method of Process
	Params string // of join
	N      int    // a call, or a number of speakers
}

type reply struct {
	Error  string
	Answer string
	At     time.Time
	Ports  []int
	Report Report
}

// firstWithin is how long a first packet may take.
const firstWithin = 20 * time.Second

// Serve serves requests until the input ends. It is the whole life of the process that
// [Start] starts.
func Serve(addresses int, in io.Reader, out io.Writer) error {
	s, err := newServer(addresses)
	if err != nil {
		return err
	}
	lines, encode := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var r request
		if err := lines.Decode(&r); err != nil {
			return s.close() // the parent is gone
		}
		answer, err := s.serve(r)
		if err != nil {
			answer.Error = err.Error()
		}
		if err := encode.Encode(answer); err != nil {
			return errors.Join(err, s.close())
		}
	}
}

func (s *server) serve(r request) (answer reply, err error) {
	switch r.Op {
	case "join":
		answer.Answer, err = s.join(r.Params)
	case "speakers":
		s.speakers.Store(int32(r.N))
	case "ports":
		for _, socket := range s.sockets {
			answer.Ports = append(answer.Ports, socket.port())
		}
	case "mark":
		s.list()[r.N].expect()
	case "first":
		answer.At, err = s.list()[r.N].first()
	case "record":
		s.record()
	case "report":
		answer.Report = s.report()
	default:
		err = fmt.Errorf("unknown request %q", r.Op)
	}
	return answer, err
}

// expect begins to wait for a first packet.
func (c *call) expect() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.marked = make(chan time.Time, 1)
	c.arrivals.mark = &mark{c.arrivals.size, c.marked}
}

// first returns when the packet came that was expected.
func (c *call) first() (time.Time, error) {
	timer := time.NewTimer(firstWithin)
	defer timer.Stop()
	c.mu.Lock()
	marked := c.marked
	c.mu.Unlock()
	select {
	case at := <-marked:
		return at, nil
	case <-timer.C:
		return time.Time{}, fmt.Errorf("no packet within %s", firstWithin)
	}
}

// Process is the process of the far side. Its methods are not safe for concurrent use.
type Process struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	encode *json.Encoder
	decode *json.Decoder
}

// Start runs this program with the arguments "server" and addresses. The caller must Close
// it.
func Start(addresses int) (*Process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, "server", strconv.Itoa(addresses))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	return &Process{cmd, in, json.NewEncoder(in), json.NewDecoder(out)}, nil
}

// PID returns the process' number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Close ends the process.
func (p *Process) Close() error {
	_ = p.in.Close()
	return p.cmd.Wait()
}

func (p *Process) ask(r request) (answer reply, err error) {
	if err := p.encode.Encode(r); err != nil {
		return answer, fmt.Errorf("ask the server: %w", err)
	}
	if err := p.decode.Decode(&answer); err != nil {
		return answer, fmt.Errorf("the server's answer: %w", err)
	}
	if answer.Error != "" {
		err = errors.New(answer.Error)
	}
	return answer, err
}

// Join answers a join payload. Calls count from 0.
func (p *Process) Join(params string) (string, error) {
	answer, err := p.ask(request{Op: "join", Params: params})
	return answer.Answer, err
}

// Speakers sets how many others speak in each call.
func (p *Process) Speakers(n int) error {
	_, err := p.ask(request{Op: "speakers", N: n})
	return err
}

// Ports returns the ports of 127.0.0.1 that are the servers' addresses.
func (p *Process) Ports() ([]int, error) {
	answer, err := p.ask(request{Op: "ports"})
	return answer.Ports, err
}

// Mark begins to wait for the first packet of another source: one of pictures, or one of sound
// that is not as long as the last.
func (p *Process) Mark(call int) error {
	_, err := p.ask(request{Op: "mark", N: call})
	return err
}

// First returns when the packet arrived that [Process.Mark] waits for.
func (p *Process) First(call int) (time.Time, error) {
	answer, err := p.ask(request{Op: "first", N: call})
	return answer.At, err
}

// Record begins to note what arrives.
func (p *Process) Record() error {
	_, err := p.ask(request{Op: "record"})
	return err
}

// Report returns what has arrived since [Process.Record].
func (p *Process) Report() (Report, error) {
	answer, err := p.ask(request{Op: "report"})
	return answer.Report, err
}
