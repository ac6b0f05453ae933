// Package subprocess runs a [sfu] server in a process of its own, so that a
// benchmark measures the library alone and a test has a network in between.
//
// The process is the test binary itself: its TestMain calls [Main] first.
package subprocess

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/gotgcall/gotgcall/internal/sfu"
)

// The environment of the server's process.
const (
	serverVariable  = "GOTGCALL_TEST_SERVER"  // not empty: this process is a server
	listenVariable  = "GOTGCALL_TEST_LISTEN"  // the address it listens on
	forwardVariable = "GOTGCALL_TEST_FORWARD" // not empty: it forwards media between its participants
)

// Main serves and exits if [Start] started this process. Otherwise it returns at once.
func Main() {
	if os.Getenv(serverVariable) == "" {
		return
	}
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve answers join payloads, one a line, until the input ends.
func serve(in io.Reader, out io.Writer) error {
	server, err := sfu.New(sfu.Config{
		ListenIP: os.Getenv(listenVariable), Forward: os.Getenv(forwardVariable) != "",
	})
	if err != nil {
		return err
	}
	defer server.Close()
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		answer, err := server.Join(context.Background(), lines.Text())
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, answer); err != nil {
			return err
		}
	}
	return lines.Err()
}

// Options configure a server. The zero value listens on 127.0.0.1 and forwards nothing.
type Options struct {
	ListenIP string
	Forward  bool     // participants receive what the others send
	Command  []string // a command line that runs the server, such as "ip netns exec x"
}

// Server is a server in another process.
type Server struct {
	in  io.Writer
	out *bufio.Reader
}

// Start starts a server. It ends with the test.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	args := append(o.Command[:len(o.Command):len(o.Command)], os.Args[0])
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), serverVariable+"=1", listenVariable+"="+o.ListenIP)
	if o.Forward {
		cmd.Env = append(cmd.Env, forwardVariable+"=1")
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return &Server{in, bufio.NewReader(out)}
}

// Join answers a join payload.
func (s *Server) Join(t testing.TB, params string) string {
	t.Helper()
	if _, err := fmt.Fprintln(s.in, params); err != nil {
		t.Fatal(err)
	}
	answer, err := s.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return answer
}
