package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

// TestRTMPKeyIsSecret looks for the key where others could read it.
func TestRTMPKeyIsSecret(t *testing.T) {
	t.Parallel()
	const key = "2099:secret-KEY_4711"
	server := newReceiver(t, key)
	log := &lockedBuffer{}
	s := newFixture(t, sfu.Config{}, gotgcall.WithLogger(slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))), gotgcall.WithFFmpegStderrLog())
	require.NoError(t, s.StartRTMP(chat, server.url(key)))
	song := tones(t, "song.wav", mediatest.AudioSpec{Seconds: 1})
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(song, small(gotgcall.TrackAudio))))
	s.requireStates(t, gotgcall.Connecting, gotgcall.Connected)
	for _, file := range []string{"cmdline", "environ"} {
		require.Empty(t, processes(t, file, key))
		require.Empty(t, processes(t, file, server.addr+"/s"))
	}
	require.NotEmpty(t, processes(t, "cmdline", "no_duration_filesize"), "the encoder")
	require.NoError(t, s.awaitEnds(t, 1)[0].err)
	require.NoError(t, s.Stop(chat))
	require.NotContains(t, log.String(), key)
	require.Equal(t, key, <-server.published, "the server got it all the same")
}

// rtmpsVariable names the directory of a certificate, for the part of TestRTMPS that
// runs in a process of its own: the authorities are read once.
const rtmpsVariable = "GOTGCALL_RTMPS"

// TestRTMPS publishes through TLS, to a server whose certificate is verified.
func TestRTMPS(t *testing.T) {
	t.Parallel()
	if os.Getenv(rtmpsVariable) != "" {
		publishRTMPS(t, os.Getenv(rtmpsVariable), func(s *fixture) {
			s.requireStates(t, gotgcall.Connecting, gotgcall.Connected)
			require.NoError(t, s.awaitEnds(t, 1)[0].err)
			require.NoError(t, s.Stop(chat))
		})
		return
	}
	dir := t.TempDir()
	selfSigned(t, dir)
	publishRTMPS(t, dir, func(s *fixture) {
		s.requireStates(t, gotgcall.Connecting, gotgcall.Failed)
		reason := s.awaitEnds(t, 1)[0].err
		require.ErrorIs(t, reason, gotgcall.ErrConnectionFailed)
		require.ErrorContains(t, reason, "certificate")
	})
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("the system's authorities are the only ones")
	}
	child := exec.Command(os.Args[0], "-test.run=^TestRTMPS$")
	child.Env = append(os.Environ(), rtmpsVariable+"="+dir, "SSL_CERT_FILE="+filepath.Join(dir, "cert.pem"))
	out, err := child.CombinedOutput()
	require.NoError(t, err, string(out))
}

func publishRTMPS(t *testing.T, dir string, judge func(*fixture)) {
	t.Helper()
	certificate, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	require.NoError(t, err)
	server := newGatekeeper(t, streamKey, func(c *gortmplib.ServerConn, _ net.Conn) {
		for {
			if _, err := c.Read(); err != nil {
				return
			}
		}
	})
	way := newRelay(t, server.addr, func(c net.Conn) net.Conn {
		return tls.Server(c, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	})
	_, port, err := net.SplitHostPort(way.addr())
	require.NoError(t, err)
	s := newFixture(t, sfu.Config{}, gotgcall.WithRTMPRetry(time.Hour))
	require.NoError(t, s.StartRTMP(chat, "rtmps://localhost:"+port+"/s/"+streamKey))
	song := tones(t, "song.wav", mediatest.AudioSpec{Seconds: 2})
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(song, small(gotgcall.TrackAudio))))
	judge(s)
}

// selfSigned makes a certificate of localhost, its own authority, and its key.
func selfSigned(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
	}
}
