package e2e_test

import (
	"context"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/internal/webtest"
)

func TestRadioPlaysOnInACallAndEndsWithTheReason(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile(tones(t, "radio.ts", mediatest.AudioSpec{Seconds: 4, Options: []string{"-c:a", "aac"}}))
	require.NoError(t, err)
	radio := func(body []byte) webtest.Answer {
		return webtest.Answer{Status: "ICY 200 OK", Header: []string{"icy-name: x"}, Framing: webtest.Closing, Body: body}
	}
	half := len(file) / 188 / 2 * 188
	server := webtest.Start(t, func(n int, _ *http.Request) webtest.Answer {
		switch n {
		case 0:
			return radio(file[:half])
		case 1:
			return webtest.Answer{Drop: true}
		case 2:
			return radio(file[half:])
		default:
			return webtest.Answer{Status: "HTTP/1.0 404 Not On Air"}
		}
	})
	const stall = 2 * time.Second
	s, _ := playing(t, sfu.Config{}, gotgcall.FromURL(server.URL, gotgcall.EncodeOptions{}), gotgcall.WithStallTimeout(stall))
	end := s.awaitEnds(t, 1)[0]
	require.ErrorIs(t, end.err, gotgcall.ErrFile)
	require.NotErrorIs(t, end.err, gotgcall.ErrStalled)
	require.ErrorContains(t, end.err, "404 Not On Air")
	st, err := s.Stats(chat)
	require.NoError(t, err)
	require.EqualValues(t, 1, st.SourceRestarts)
	require.InDelta(t, 4*50, st.Audio.Packets, 30, "all that the server gave")
}

func TestFileThatIsLostInACallIsAnError(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile(tones(t, "lost.mp3", mediatest.AudioSpec{Seconds: 4, Options: []string{"-b:a", "128k"}}))
	require.NoError(t, err)
	server := webtest.Start(t, func(n int, q *http.Request) webtest.Answer {
		a := webtest.Part(q, file)
		if n > 0 {
			return webtest.Answer{Status: "HTTP/1.1 503 Tired"}
		}
		a.Cut = len(file) / 2
		return a
	})
	s, _ := playing(t, sfu.Config{}, gotgcall.FromURL(server.URL, gotgcall.EncodeOptions{}), gotgcall.WithStallTimeout(2*time.Second))
	end := s.awaitEnds(t, 1)[0]
	require.ErrorIs(t, end.err, gotgcall.ErrFile)
	require.ErrorContains(t, end.err, "503 Tired")
}

func TestPolicyAndCertificateOptions(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile(tones(t, "short.mp3", mediatest.AudioSpec{Seconds: 1}))
	require.NoError(t, err)
	server := webtest.StartTLS(t, func(_ int, q *http.Request) webtest.Answer { return webtest.Part(q, file) })
	source := gotgcall.FromURL(server.URL+"/x?s3cret", gotgcall.EncodeOptions{})
	for name, test := range map[string]struct {
		options []gotgcall.Option
		want    error
	}{
		"a certificate of nobody": {nil, gotgcall.ErrFile},
		"any certificate":         {[]gotgcall.Option{gotgcall.WithInsecureTLS()}, nil},
		"public addresses only":   {[]gotgcall.Option{gotgcall.WithURLPolicy(gotgcall.PublicOnly), gotgcall.WithInsecureTLS()}, gotgcall.ErrNotPublic},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFixture(t, sfu.Config{}, test.options...)
			_, err := s.CreateCall(chat)
			require.NoError(t, err)
			err = s.SetStreamSources(chat, source)
			require.ErrorIs(t, err, test.want)
			if err != nil {
				require.NotContains(t, err.Error(), "s3cret")
			}
		})
	}
}

func TestRTMPSourcePlaysByAForwarderThatThePolicySaw(t *testing.T) {
	t.Parallel()
	server := newReceiver(t, "src")
	publisher := exec.Command(ffmpeg, "-nostdin", "-loglevel", "error", "-re", "-f", "lavfi", "-i", "sine", "-c:a", "aac", "-f", "flv",
		"rtmp://"+server.addr+"/s/src")
	require.NoError(t, publisher.Start())
	defer func() {
		_ = publisher.Process.Kill()
		_ = publisher.Wait()
	}()
	<-server.published
	asked := make(chan netip.AddrPort, 100)
	policy := func(_ context.Context, _ string, address netip.AddrPort) error {
		asked <- address
		return nil
	}
	for _, options := range [][]gotgcall.Option{nil, {gotgcall.WithURLPolicy(policy)}} {
		s, _ := playing(t, sfu.Config{}, gotgcall.FromURL("rtmp://"+server.addr+"/s/src", gotgcall.EncodeOptions{}), options...)
		require.Eventually(t, func() bool {
			st, err := s.Stats(chat)
			return err == nil && st.Audio.Packets > 20
		}, 30*time.Second, 10*time.Millisecond)
		require.NoError(t, s.Stop(chat))
	}
	require.Equal(t, server.addr, (<-asked).String())
}
