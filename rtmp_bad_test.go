package gotgcall_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// processes are the command lines of all processes that name a text.
func processes(t *testing.T, text string) (lines []string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, file := range files {
		line, _ := os.ReadFile(file) // it may have ended
		if bytes.Contains(line, []byte(text)) {
			lines = append(lines, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return lines
}

// TestRTMPBadServers: each ends the call with its reason, and leaves no process.
func TestRTMPBadServers(t *testing.T) {
	t.Parallel()
	song := tones(t, "song.wav", mediatest.AudioSpec{Seconds: 60})
	server := newReceiver(t, streamKey)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // it accepts, in the kernel, and says nothing
	require.NoError(t, err)
	t.Cleanup(func() { silent.Close() })
	for _, test := range []struct {
		name, addr, key string
		states          []gotgcall.ConnState
		want            []error
		says            string
	}{
		{"refused", freeAddr(t), streamKey, []gotgcall.ConnState{gotgcall.Failed}, []error{gotgcall.ErrConnectionFailed}, "Connection refused"},
		{"wrong key", server.addr, "2099:wrongKEY_9", []gotgcall.ConnState{gotgcall.Failed}, []error{gotgcall.ErrConnectionFailed}, "does not take the stream"},
		{"silent", silent.Addr().String(), streamKey, []gotgcall.ConnState{gotgcall.Timeout}, []error{gotgcall.ErrConnectionFailed, gotgcall.ErrConnectionTimeout}, "has not taken"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			log := &lockedBuffer{}
			s := newStage(t, sfu.Config{}, gotgcall.WithRTMPRetry(0), gotgcall.WithConnectTimeout(2*time.Second),
				gotgcall.WithLogger(slog.New(slog.NewTextHandler(log, nil))), gotgcall.WithFFmpegStderrLog())
			require.NoError(t, s.StartRTMP(chat, "rtmp://"+test.addr+"/s/"+test.key))
			require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(song, small(gotgcall.TrackAudio))))
			s.requireStates(t, append([]gotgcall.ConnState{gotgcall.Connecting}, test.states...)...)
			reason := s.awaitEnds(t, 1)[0].err
			t.Log(reason)
			for _, want := range test.want {
				require.ErrorIs(t, reason, want)
			}
			require.ErrorContains(t, reason, test.says)
			require.NotContains(t, reason.Error()+log.String(), test.key)
			require.Empty(t, s.Calls(), "the chat is free again")
			require.NoError(t, s.Close())
			require.Empty(t, processes(t, "rtmp://"+test.addr))
		})
	}
}

// TestRTMPStopsWhateverHangs: a server that stops reading before it is up, and in
// mid-stream.
func TestRTMPStopsWhateverHangs(t *testing.T) {
	t.Parallel()
	song := tones(t, "song.wav", mediatest.AudioSpec{Seconds: 60})
	way := newRelay(t, newReceiver(t, streamKey).addr, nil)
	s := newStage(t, sfu.Config{})
	for _, when := range []string{"before it is up", "in mid-stream"} {
		if when == "before it is up" {
			way.hang()
		}
		require.NoError(t, s.StartRTMP(chat, "rtmp://"+way.addr()+"/s/"+streamKey))
		require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(song, small(gotgcall.TrackAudio))))
		s.requireStates(t, gotgcall.Connecting)
		if when == "in mid-stream" {
			s.requireStates(t, gotgcall.Connected)
			way.hang()
			<-time.After(500 * time.Millisecond)
		}
		began := time.Now()
		require.NoError(t, s.Stop(chat))
		t.Logf("%s: Stop took %s", when, time.Since(began))
		require.ErrorIs(t, s.awaitEnds(t, 1)[0].err, gotgcall.ErrStopped)
		s.requireStates(t, gotgcall.Closed)
		require.Empty(t, processes(t, "rtmp://"+way.addr()))
		way.resume()
	}
}

// TestRTMPFailsWhenCutOff and may not try again.
func TestRTMPFailsWhenCutOff(t *testing.T) {
	t.Parallel()
	way := newRelay(t, newReceiver(t, streamKey).addr, nil)
	s := newStage(t, sfu.Config{}, gotgcall.WithRTMPRetry(0))
	require.NoError(t, s.StartRTMP(chat, "rtmp://"+way.addr()+"/s/"+streamKey))
	clip := movie(t, "movie.mkv", mediatest.MovieSpec{Width: 160, Height: 90, FPS: "25", Duration: 60 * time.Second})
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(clip, small(both))))
	s.requireStates(t, gotgcall.Connecting, gotgcall.Connected)
	way.cut()
	s.requireStates(t, gotgcall.Disconnected, gotgcall.Failed)
	for _, end := range s.awaitEnds(t, 2) {
		require.ErrorIs(t, end.err, gotgcall.ErrConnectionFailed)
		var words *gotgcall.FFmpegError
		require.ErrorAs(t, end.err, &words)
		require.NotContains(t, end.err.Error(), streamKey)
		t.Log(end.err)
	}
	require.NoError(t, s.Close())
	require.Empty(t, s.ends)
	require.Empty(t, processes(t, "rtmp://"+way.addr()))
}

// TestRTMPGivesUpAServerThatReadsNothing once the buffers on the way are full.
func TestRTMPGivesUpAServerThatReadsNothing(t *testing.T) {
	t.Parallel()
	server := newReceiver(t, streamKey)
	way := newRelay(t, server.addr, nil)
	noise := filepath.Join(t.TempDir(), "noise.mkv")
	atDesk(func() {
		command(t, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "nullsrc=s=160x90:r=25:d=60,geq=random(1)*255:128:128", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "10", noise)
	})
	s := newStage(t, sfu.Config{}, gotgcall.WithRTMPRetry(0))
	options := small(both)
	options.VideoBitrateKbps = 8000
	require.NoError(t, s.StartRTMP(chat, "rtmp://"+way.addr()+"/s/"+streamKey))
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(noise, options)))
	s.requireStates(t, gotgcall.Connecting, gotgcall.Connected)
	way.hang()
	s.requireStates(t, gotgcall.Disconnected, gotgcall.Failed)
	reason := s.awaitEnds(t, 1)[0].err
	require.ErrorIs(t, reason, gotgcall.ErrConnectionFailed)
	require.ErrorContains(t, reason, "less than half")
	require.NoError(t, s.Close())
	require.Empty(t, processes(t, "rtmp://"+way.addr()))
}

// TestRTMPKeyIsSecret looks for the key where others could read it.
func TestRTMPKeyIsSecret(t *testing.T) {
	t.Parallel()
	const key = "2099:secret-KEY_4711"
	server := newReceiver(t, key)
	log := &lockedBuffer{}
	s := newStage(t, sfu.Config{}, gotgcall.WithLogger(slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))), gotgcall.WithFFmpegStderrLog())
	require.NoError(t, s.StartRTMP(chat, server.url(key)))
	song := tones(t, "song.wav", mediatest.AudioSpec{Seconds: 1})
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(song, small(gotgcall.TrackAudio))))
	s.requireStates(t, gotgcall.Connecting, gotgcall.Connected)
	require.Len(t, processes(t, server.addr+"/s"), 1, "the pusher")
	require.Empty(t, processes(t, key))
	require.NoError(t, s.awaitEnds(t, 1)[0].err)
	require.NoError(t, s.Stop(chat))
	require.NotContains(t, log.String(), key)
	require.Equal(t, key, <-server.published, "the server got it all the same")
}

// TestRTMPS publishes through TLS, to a server whose certificate is verified.
func TestRTMPS(t *testing.T) {
	// Not parallel: it sets SSL_CERT_FILE.
	server := newReceiver(t, streamKey)
	certificate, authority := selfSigned(t)
	way := newRelay(t, server.addr, func(c net.Conn) net.Conn {
		return tls.Server(c, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	})
	_, port, err := net.SplitHostPort(way.addr())
	require.NoError(t, err)
	url := "rtmps://localhost:" + port + "/s/" + streamKey
	song := tones(t, "song.wav", mediatest.AudioSpec{Seconds: 2})

	s := newStage(t, sfu.Config{}, gotgcall.WithRTMPRetry(0))
	require.NoError(t, s.StartRTMP(chat, url))
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(song, small(gotgcall.TrackAudio))))
	s.requireStates(t, gotgcall.Connecting, gotgcall.Failed)
	reason := s.awaitEnds(t, 1)[0].err
	require.ErrorIs(t, reason, gotgcall.ErrConnectionFailed)
	require.ErrorContains(t, reason, "certificate")
	require.Empty(t, server.published)

	t.Setenv("SSL_CERT_FILE", authority)
	require.NoError(t, s.StartRTMP(chat, url))
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(song, small(gotgcall.TrackAudio))))
	s.requireStates(t, gotgcall.Connecting, gotgcall.Connected)
	require.NoError(t, s.awaitEnds(t, 1)[0].err)
	disturbed := s.leaveRTMP(t)
	size, all := smallSize()
	got := judge(t, server.recordings(t, 1)[0], size, all)
	got.requireSteady(t, 25, disturbed)
	require.Len(t, got.sound.Tones(), 2)
}

// selfSigned makes a certificate of localhost and the file of its authority.
func selfSigned(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "authority.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// TestRTMPToFFmpeg publishes to the other receiver nobody here wrote.
func TestRTMPToFFmpeg(t *testing.T) {
	t.Parallel()
	addr, path := freeAddr(t), filepath.Join(t.TempDir(), "got.flv")
	var stderr bytes.Buffer
	cmd := exec.Command(ffmpeg, "-v", "error", "-nostdin", "-listen", "1", "-i", "rtmp://"+addr+"/s/"+streamKey, "-c", "copy", path)
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	s := newStage(t, sfu.Config{}) // until it listens it refuses: that is tried again
	require.NoError(t, s.StartRTMP(chat, "rtmp://"+addr+"/s/"+streamKey))
	clip := movie(t, "movie.mkv", mediatest.MovieSpec{Width: 160, Height: 90, FPS: "25", Duration: 3 * time.Second})
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(clip, small(both))))
	for _, end := range s.awaitEnds(t, 2) {
		require.NoError(t, end.err)
	}
	disturbed := s.leaveRTMP(t)
	require.NoError(t, cmd.Wait(), stderr.String())
	size, all := smallSize()
	got := judge(t, path, size, all)
	got.requireSteady(t, 25, disturbed)
	require.Len(t, got.sound.Beeps(), 2)
	requireEach(t, got.numbered(), disturbed)
	require.InDelta(t, 75, len(got.numbered()), float64(disturbed))
}

func TestRTMPHasItsOwnMode(t *testing.T) {
	t.Parallel()
	s := newStage(t, sfu.Config{})
	const url = "rtmp://127.0.0.1:9/s/" + streamKey
	require.NoError(t, s.StartRTMP(chat, url))
	require.ErrorIs(t, s.Connect(chat, "{}"), gotgcall.ErrWrongMode)
	_, err := s.AudioSSRC(chat)
	require.ErrorIs(t, err, gotgcall.ErrWrongMode)
	_, err = s.Rejoin(chat)
	require.ErrorIs(t, err, gotgcall.ErrWrongMode)
	_, err = s.CreateCall(chat)
	require.ErrorIs(t, err, gotgcall.ErrConnectionExists)
	err = s.StartRTMP(chat, url)
	require.ErrorIs(t, err, gotgcall.ErrConnectionExists)
	require.NotErrorIs(t, err, gotgcall.ErrWrongMode)
	require.Contains(t, s.Calls(), chat, "nothing of that harmed it")
	require.ErrorIs(t, s.SetStreamSources(chat, gotgcall.FromShell("cat a.ogg", gotgcall.TrackAudio)), gotgcall.ErrInvalidParams)
	require.ErrorIs(t, s.SetStreamSources(chat, nil), gotgcall.ErrInvalidParams)
	require.ErrorIs(t, s.SetStreamSources(chat, gotgcall.FromFile("none.mp3", gotgcall.EncodeOptions{})), gotgcall.ErrFile)
	changed, err := s.Pause(chat)
	require.NoError(t, err)
	require.True(t, changed, "before any source, as for any call")
	require.ErrorIs(t, s.SeekTo(chat, 0), gotgcall.ErrNoSource)
	require.NoError(t, s.Stop(chat))
	s.requireStates(t, gotgcall.Closed)
	require.ErrorIs(t, s.Stop(chat), gotgcall.ErrConnectionNotFound)

	for i, bad := range []string{"", "http://a/s/key", "rtmp://a/s/", "rtmp://a/key", "file:///etc/passwd", fmt.Sprint("rtmp:///s/", streamKey)} {
		err := s.StartRTMP(int64(i), bad)
		require.ErrorIs(t, err, gotgcall.ErrInvalidParams, bad)
		require.NotContains(t, err.Error(), streamKey)
	}
	_, err = gotgcall.New(gotgcall.WithRTMPRetry(-1))
	require.ErrorIs(t, err, gotgcall.ErrInvalidParams)
	s.join(t, 99)
	require.ErrorIs(t, s.StartRTMP(99, url), gotgcall.ErrConnectionExists)
	require.ErrorIs(t, s.StartRTMP(99, url), gotgcall.ErrWrongMode)
}
