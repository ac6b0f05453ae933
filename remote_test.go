package gotgcall_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/sfutest"
)

// serverVariable makes the test binary a server, in a process of its own, so that a
// benchmark measures the library alone, or a test has a network in between.
const (
	serverVariable = "GOTGCALL_TEST_SERVER"
	listenVariable = "GOTGCALL_TEST_LISTEN" // the address it listens on
	crowdVariable  = "GOTGCALL_TEST_CROWD"  // not empty: it forwards to each what the others send
)

// serve answers join payloads, one a line, until the input ends.
func serve(in io.Reader, out io.Writer) error {
	server, err := sfutest.New(sfutest.Config{ListenIP: os.Getenv(listenVariable), Forward: os.Getenv(crowdVariable) != ""})
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

// remote is a server in another process.
type remote struct {
	in  io.Writer
	out *bufio.Reader
}

// newRemote starts one, of a crowd whose members hear each other or of strangers, with
// the command line before it, if any.
func newRemote(b testing.TB, listen string, crowd bool, before ...string) remote {
	b.Helper()
	args := append(before, os.Args[0])
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), serverVariable+"=1", listenVariable+"="+listen)
	if crowd {
		cmd.Env = append(cmd.Env, crowdVariable+"=1")
	}
	in, err := cmd.StdinPipe()
	require.NoError(b, err)
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	b.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return remote{in, bufio.NewReader(out)}
}

func (r remote) join(b testing.TB, params string) string {
	b.Helper()
	_, err := fmt.Fprintln(r.in, params)
	require.NoError(b, err)
	answer, err := r.out.ReadString('\n')
	require.NoError(b, err)
	return answer
}
