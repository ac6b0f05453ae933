package e2e_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/message"
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

// processes are those whose command line or environment, as a file of /proc, has a
// text. This one is left out.
func processes(t *testing.T, name, text string) (lines []string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	files, err := filepath.Glob("/proc/[0-9]*/" + name)
	require.NoError(t, err)
	for _, file := range files {
		line, _ := os.ReadFile(file) // it may have ended
		if bytes.Contains(line, []byte(text)) {
			lines = append(lines, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return lines
}

// TestRTMPBadServers: each ends the call with its reason, in no time where it says
// that it does not want the stream, and leaves no process.
func TestRTMPBadServers(t *testing.T) {
	t.Parallel()
	const wrong = "2099:wrongKEY_9"
	song := tones(t, "song.wav", mediatest.AudioSpec{Seconds: 60})
	silent, err := net.Listen("tcp", "127.0.0.1:0") // it accepts, in the kernel, and says nothing
	require.NoError(t, err)
	t.Cleanup(func() { silent.Close() })
	failed, refused := []error{gotgcall.ErrConnectionFailed}, []error{gotgcall.ErrConnectionFailed, gotgcall.ErrPublishRefused}
	for _, test := range []struct {
		name, key string
		addr      func(*testing.T) string
		retry     time.Duration
		state     gotgcall.ConnState
		want      []error
		says      string
	}{
		{"dead", streamKey, freeAddr, 2 * time.Second, gotgcall.Failed, failed, "connection refused"},
		{"wrong key", wrong, func(t *testing.T) string { return newReceiver(t, streamKey).addr }, time.Hour, gotgcall.Failed, refused, "hung up when it was given the stream key"},
		{"wrong key, says so", wrong, func(t *testing.T) string { return newGatekeeper(t, streamKey, nil).addr }, time.Hour, gotgcall.Failed, refused, "NetStream.Publish.Unauthorized"},
		{"silent", streamKey, func(*testing.T) string { return silent.Addr().String() }, 0, gotgcall.Timeout, []error{gotgcall.ErrConnectionFailed, gotgcall.ErrConnectionTimeout}, "has not taken"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			log := &lockedBuffer{}
			addr := test.addr(t)
			s := newFixture(t, sfu.Config{}, gotgcall.WithRTMPRetry(test.retry), gotgcall.WithConnectTimeout(2*time.Second),
				gotgcall.WithLogger(slog.New(slog.NewJSONHandler(log, nil))), gotgcall.WithFFmpegStderrLog())
			infos := make(chan gotgcall.NetworkInfo, 16)
			s.OnConnectionChange(func(_ int64, info gotgcall.NetworkInfo) { infos <- info })
			require.NoError(t, s.StartRTMP(chat, "rtmp://"+addr+"/s/"+test.key))
			require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(song, small(gotgcall.TrackAudio))))
			require.Equal(t, gotgcall.NetworkInfo{State: gotgcall.Connecting}, <-infos)
			last := <-infos
			require.Equal(t, test.state, last.State)
			reason := s.awaitEnds(t, 1)[0].err
			require.Equal(t, reason, last.Err)
			t.Log(reason)
			for _, want := range test.want {
				require.ErrorIs(t, reason, want)
			}
			require.ErrorContains(t, reason, test.says)
			require.NotContains(t, reason.Error()+log.String(), test.key)
			if test.retry > 0 {
				require.Contains(t, log.String(), `"server":"rtmp://`+addr+`/s"`, "it was tried again")
			}
			require.Empty(t, s.Calls(), "the chat is free again")
			require.NoError(t, s.Close())
		})
	}
}

// TestRTMPWithoutAnEncoder fails at once, in ffmpeg's words, and connects to nobody.
func TestRTMPWithoutAnEncoder(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("it takes a shell")
	}
	real, err := exec.LookPath(ffmpeg)
	require.NoError(t, err)
	for _, encoder := range []string{"libx264", "aac"} {
		path := filepath.Join(t.TempDir(), "ffmpeg")
		script := "case \"$*\" in *no_duration_filesize*) exec " + real +
			" $(echo \"$*\" | sed 's/ " + encoder + " / none_such /;s/expr:[^ ]*/1/') ;; esac\nexec " + real + " \"$@\"\n"
		require.NoError(t, mediatest.WriteProgram(path, script))
		s := newFixture(t, sfu.Config{}, gotgcall.WithRTMPRetry(time.Hour), gotgcall.WithFFmpegPath(path))
		require.NoError(t, s.StartRTMP(chat, "rtmp://"+freeAddr(t)+"/s/"+streamKey))
		song := tones(t, "song.wav", mediatest.AudioSpec{Seconds: 60})
		require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(song, small(gotgcall.TrackAudio))))
		s.requireStates(t, gotgcall.Connecting, gotgcall.Failed)
		reason := s.awaitEnds(t, 1)[0].err
		t.Log(reason)
		require.ErrorIs(t, reason, gotgcall.ErrFFmpegCrashed)
		require.ErrorContains(t, reason, "Unknown encoder 'none_such'")
	}
}

// TestRTMPFormatIsThatOfTheFirstSource that can be played: those that cannot leave
// nothing.
func TestRTMPFormatIsThatOfTheFirstSource(t *testing.T) {
	t.Parallel()
	server := newReceiver(t, streamKey)
	s := newFixture(t, sfu.Config{})
	require.NoError(t, s.StartRTMP(chat, server.url(streamKey)))
	require.ErrorIs(t, s.SetStreamSources(chat, gotgcall.FromFile("none.mp4", gotgcall.EncodeOptions{VideoWidth: 1920, VideoHeight: 1080})), gotgcall.ErrFile)
	require.ErrorIs(t, s.SetStreamSources(chat, gotgcall.FromShell("cat a.ogg", gotgcall.TrackAudio)), gotgcall.ErrInvalidParams)
	song := tones(t, "song.wav", mediatest.AudioSpec{Seconds: 1})
	err := s.SetStreamSources(chat, gotgcall.FromFile(song, gotgcall.EncodeOptions{VideoWidth: 7680, VideoHeight: 4320}))
	require.ErrorIs(t, err, gotgcall.ErrInvalidParams)
	require.ErrorContains(t, err, "too large")
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(song, small(gotgcall.TrackAudio))))
	require.NoError(t, s.awaitEnds(t, 1)[0].err)
	disturbed := s.leaveRTMP(t)
	size, all := smallSize()
	got := judge(t, server.recordings(t, 1)[0], size, all)
	require.Contains(t, got.probe, "width=160|height=90")
	got.requireSteady(t, 25, disturbed)
}

// TestRTMPIsPublishedFromTheStartAgain to a server that hangs up: with all headers,
// a key frame, and times that begin at 0.
func TestRTMPIsPublishedFromTheStartAgain(t *testing.T) {
	t.Parallel()
	type publication struct {
		kinds []string
		times []time.Duration
	}
	got := make(chan publication, 64)
	server := newGatekeeper(t, streamKey, func(c *gortmplib.ServerConn, _ net.Conn) {
		var p publication
		for len(p.kinds) < 60 {
			m, err := c.Read()
			if err != nil {
				break
			}
			switch m := m.(type) {
			case *message.DataAMF0:
				p.kinds, p.times = append(p.kinds, "metadata"), append(p.times, 0)
			case *message.Video:
				p.kinds, p.times = append(p.kinds, fmt.Sprintf("video %d key %t", m.Type, m.IsKeyFrame)), append(p.times, m.DTS)
			case *message.Audio:
				p.kinds, p.times = append(p.kinds, fmt.Sprintf("audio %d", m.AACType)), append(p.times, m.DTS)
			}
		}
		got <- p
	})
	clip := movie(t, "movie.mkv", mediatest.MovieSpec{Width: 160, Height: 90, FPS: "25", Duration: 60 * time.Second})
	s := newFixture(t, sfu.Config{})
	require.NoError(t, s.StartRTMP(chat, server.url(streamKey)))
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(clip, small(both))))
	s.requireStates(t, gotgcall.Connecting)
	for range 2 {
		s.requireStates(t, gotgcall.Connected, gotgcall.Disconnected)
		p := <-got
		require.Equal(t, "metadata", p.kinds[0])
		require.ElementsMatch(t, []string{"video 0 key true", "audio 0"}, p.kinds[1:3])
		video := slices.IndexFunc(p.kinds, func(k string) bool { return strings.HasPrefix(k, "video 1") })
		require.Equal(t, "video 1 key true", p.kinds[video])
		require.Zero(t, p.times[video])
		require.IsNonDecreasing(t, p.times)
		require.Less(t, p.times[len(p.times)-1], 10*time.Second)
	}
	require.NoError(t, s.Stop(chat))
}

// TestRTMPStopsWhateverHangs, at once.
func TestRTMPStopsWhateverHangs(t *testing.T) {
	t.Parallel()
	song := tones(t, "song.wav", mediatest.AudioSpec{Seconds: 60})
	for _, test := range []struct {
		name string
		addr func(*testing.T) string
		up   bool
	}{
		{"dead", freeAddr, false},
		{"silent", func(t *testing.T) string {
			way := newRelay(t, freeAddr(t), nil)
			way.hang()
			return way.addr()
		}, false},
		{"reads nothing", func(t *testing.T) string {
			hang := make(chan struct{})
			server := newGatekeeper(t, streamKey, func(*gortmplib.ServerConn, net.Conn) { <-hang })
			t.Cleanup(func() { close(hang) })
			return server.addr
		}, true},
		{"reads slowly", func(t *testing.T) string {
			over := make(chan struct{})
			server := newGatekeeper(t, streamKey, func(_ *gortmplib.ServerConn, c net.Conn) {
				ticker := time.NewTicker(100 * time.Millisecond)
				defer ticker.Stop()
				for _, err := c.Read(make([]byte, 50)); err == nil; _, err = c.Read(make([]byte, 50)) {
					select {
					case <-ticker.C:
					case <-over:
						return
					}
				}
			})
			t.Cleanup(func() { close(over) })
			return server.addr
		}, true},
		{"hangs up", func(t *testing.T) string {
			return newGatekeeper(t, streamKey, func(*gortmplib.ServerConn, net.Conn) {}).addr
		}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newFixture(t, sfu.Config{})
			require.NoError(t, s.StartRTMP(chat, "rtmp://"+test.addr(t)+"/s/"+streamKey))
			require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(song, small(gotgcall.TrackAudio))))
			s.requireStates(t, gotgcall.Connecting)
			if test.up {
				s.requireStates(t, gotgcall.Connected)
			}
			<-time.After(time.Second)
			began := time.Now()
			require.NoError(t, s.Stop(chat))
			t.Logf("Stop took %s", time.Since(began))
			require.Less(t, time.Since(began), 10*time.Second)
			require.ErrorIs(t, s.awaitEnds(t, 1)[0].err, gotgcall.ErrStopped)
		})
	}
}

// TestRTMPFailsWhenCutOff and may not try again.
func TestRTMPFailsWhenCutOff(t *testing.T) {
	t.Parallel()
	way := newRelay(t, newReceiver(t, streamKey).addr, nil)
	s := newFixture(t, sfu.Config{}, gotgcall.WithRTMPRetry(0))
	require.NoError(t, s.StartRTMP(chat, "rtmp://"+way.addr()+"/s/"+streamKey))
	clip := movie(t, "movie.mkv", mediatest.MovieSpec{Width: 160, Height: 90, FPS: "25", Duration: 60 * time.Second})
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(clip, small(both))))
	s.requireStates(t, gotgcall.Connecting, gotgcall.Connected)
	way.cut()
	s.requireStates(t, gotgcall.Disconnected, gotgcall.Failed)
	for _, end := range s.awaitEnds(t, 2) {
		require.ErrorIs(t, end.err, gotgcall.ErrConnectionFailed)
		require.ErrorContains(t, end.err, "the server hung up")
		require.NotContains(t, end.err.Error(), streamKey)
		t.Log(end.err)
	}
	require.NoError(t, s.Close())
	require.Empty(t, s.ends)
}

// TestRTMPGivesUpAServerThatReadsNothing once the buffers on the way are full.
func TestRTMPGivesUpAServerThatReadsNothing(t *testing.T) {
	t.Parallel()
	server := newReceiver(t, streamKey)
	way := newRelay(t, server.addr, nil)
	noise := filepath.Join(t.TempDir(), "noise.mkv")
	serially(func() {
		command(t, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "nullsrc=s=160x90:r=25:d=60,geq=random(1)*255:128:128", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "10", noise)
	})
	s := newFixture(t, sfu.Config{}, gotgcall.WithRTMPRetry(0))
	options := small(both)
	options.VideoBitrateKbps = 8000
	require.NoError(t, s.StartRTMP(chat, "rtmp://"+way.addr()+"/s/"+streamKey))
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(noise, options)))
	s.requireStates(t, gotgcall.Connecting, gotgcall.Connected)
	way.hang()
	s.requireStates(t, gotgcall.Disconnected, gotgcall.Failed)
	reason := s.awaitEnds(t, 1)[0].err
	require.ErrorIs(t, reason, gotgcall.ErrConnectionFailed)
	require.Regexp(t, "the server (takes less than half|has taken nothing)", reason.Error(), "or the system has seen it first")
	require.NoError(t, s.Close())
}

// TestRTMPToFFmpeg publishes to the other receiver nobody here wrote.
func TestRTMPToFFmpeg(t *testing.T) {
	t.Parallel()
	addr, path := freeAddr(t), filepath.Join(t.TempDir(), "got.flv")
	var stderr bytes.Buffer
	cmd := exec.Command(ffmpeg, "-v", "warning", "-nostdin", "-listen", "1", "-i", "rtmp://"+addr+"/s/"+streamKey, "-c", "copy", path)
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	s := newFixture(t, sfu.Config{}) // until it listens it refuses: that is tried again
	require.NoError(t, s.StartRTMP(chat, "rtmp://"+addr+"/s/"+streamKey))
	clip := movie(t, "movie.mkv", mediatest.MovieSpec{Width: 160, Height: 90, FPS: "25", Duration: 3 * time.Second})
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(clip, small(both))))
	for _, end := range s.awaitEnds(t, 2) {
		require.NoError(t, end.err)
	}
	disturbed := s.leaveRTMP(t)
	require.NoError(t, cmd.Wait(), stderr.String())
	require.NotContains(t, stderr.String(), "Unexpected", "it takes any app and key, and says so")
	size, all := smallSize()
	got := judge(t, path, size, all)
	got.requireSteady(t, 25, disturbed)
	require.Len(t, got.sound.Beeps(), 2)
	requireEach(t, got.numbered(), disturbed)
	require.InDelta(t, 75, len(got.numbered()), float64(disturbed))
}

func TestRTMPHasItsOwnMode(t *testing.T) {
	t.Parallel()
	s := newFixture(t, sfu.Config{})
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
