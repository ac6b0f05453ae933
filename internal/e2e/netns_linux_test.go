package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/e2e/subprocess"
	"github.com/gotgcall/gotgcall/internal/e2e/synthetic"
)

// TestLostLocalAddressEndsTheCall: the server is in a network of its own, and the
// address the client reaches it from goes away. The call ends within the timeouts
// and says why.
func TestLostLocalAddressEndsTheCall(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("ip"); err != nil || os.Getuid() != 0 {
		t.Skip("it takes root and ip(8) to make a network")
	}
	const local, remote = "10.231.77.1", "10.231.77.2"
	ns := fmt.Sprintf("gotgcall%d", os.Getpid())
	near, far := "gtc"+fmt.Sprint(os.Getpid()%100000), "gtf"+fmt.Sprint(os.Getpid()%100000)
	ip := func(line string) {
		t.Helper()
		out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput()
		require.NoError(t, err, "ip %s: %s", line, out)
	}
	if out, err := exec.Command("ip", "netns", "add", ns).CombinedOutput(); err != nil {
		t.Skipf("no network namespaces here: %s", out)
	}
	defer ip("netns del " + ns)
	ip("link add " + near + " type veth peer name " + far)
	ip("link set " + far + " netns " + ns)
	ip("addr add " + local + "/30 dev " + near)
	ip("link set " + near + " up")
	ip("-n " + ns + " addr add " + remote + "/30 dev " + far)
	ip("-n " + ns + " link set " + far + " up")
	ip("-n " + ns + " link set lo up")

	server := subprocess.Start(t, subprocess.Options{
		ListenIP: remote, Command: []string{"ip", "netns", "exec", ns},
	})
	client, err := gotgcall.New(gotgcall.WithICETimeouts(time.Second, 2*time.Second, 200*time.Millisecond))
	require.NoError(t, err)
	defer client.Close()
	ends := make(chan error, 1)
	states := make(chan gotgcall.ConnState, 16)
	client.OnStreamEnd(func(_ int64, _ gotgcall.StreamType, _ gotgcall.Device, err error) { ends <- err })
	client.OnConnectionChange(func(_ int64, info gotgcall.NetworkInfo) { states <- info.State })
	params, err := client.CreateCall(chat)
	require.NoError(t, err)
	require.NoError(t, client.Connect(chat, server.Join(t, params)))
	require.NoError(t, client.SetStreamSources(chat, synthetic.Source{Size: 200}))
	ip("addr del " + local + "/30 dev " + near)
	err = <-ends
	require.ErrorIs(t, err, gotgcall.ErrConnectionFailed)
	require.ErrorContains(t, err, "the local address "+local+" is gone")
	for _, want := range []gotgcall.ConnState{gotgcall.Connecting, gotgcall.Connected, gotgcall.Disconnected, gotgcall.Failed} {
		require.Equal(t, want, <-states)
	}
	require.Empty(t, client.Calls())
}
