package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/examples/local/internal/studio"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/internal/sfu/netem"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == studio.LoadFlag {
		main() // the process of silent calls
		return
	}
	goleak.VerifyTestMain(m)
}

func tones(t *testing.T, seconds int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tones.mp3")
	require.NoError(t, mediatest.MakeTones(t.Context(), "", path, mediatest.AudioSpec{Seconds: seconds}))
	return path
}

func movie(t *testing.T, spec mediatest.MovieSpec) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "movie.mp4")
	spec.Width, spec.Height, spec.FPS, spec.Duration = 320, 180, "25", 2*time.Second
	require.NoError(t, mediatest.MakeMovie(t.Context(), "", path, spec))
	return path
}

// lastLine is the final line of what the program printed.
func lastLine(out *bytes.Buffer) string {
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	return lines[len(lines)-1]
}

func TestProgramTellsWhatArrived(t *testing.T) {
	t.Parallel()
	// An encoder of MP3 may add a packet.
	const sound = `received 2\.\d s of audio in 10\d packets`
	for name, c := range map[string]struct{ path, want string }{
		"sound":    {tones(t, 2), `^` + sound + `, nothing lost, no rule broken$`},
		"movie":    {movie(t, mediatest.MovieSpec{}), `^` + sound + ` and 50 pictures of 320x180, nothing lost, no rule broken$`},
		"silent":   {movie(t, mediatest.MovieSpec{NoAudio: true}), `^received 50 pictures of 320x180, nothing lost, no rule broken$`},
		"built in": {"", `^` + sound + ` and 50 pictures of 640x360, nothing lost, every tone and picture in its place$`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := []string{c.path}
			if c.path == "" {
				args = []string{"-sample"}
			}
			var out bytes.Buffer
			err := run(t.Context(), args, &out, sfu.Config{}, 2*time.Second)
			for tries := 1; tries < 5 && errors.Is(err, errTooSlow); tries++ {
				t.Log(err)
				out.Reset()
				err = run(t.Context(), args, &out, sfu.Config{}, 2*time.Second)
			}
			require.NoError(t, err)
			require.Regexp(t, c.want, lastLine(&out))
			require.Contains(t, out.String(), "hear it at http://127.0.0.1:")
			require.Regexp(t, `(?m)^ +0:0[0-3] +\d+ kbit/s +\d+ packets  0 lost$`, out.String())
		})
	}
}

func TestProgramFailsWhenPacketsAreLost(t *testing.T) {
	t.Parallel()
	lossy := sfu.Config{Up: netem.Shape{MediaLoss: 0.3}, Seed: 1}
	var out bytes.Buffer
	err := run(t.Context(), []string{movie(t, mediatest.MovieSpec{})}, &out, lossy, 0)
	require.ErrorContains(t, err, "packets were lost")
	require.Regexp(t, `^received .*, \d+ of \d+ packets lost$`, lastLine(&out))
}

func TestProgramFailsWithoutAFile(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := run(t.Context(), []string{filepath.Join(t.TempDir(), "song.mp3")}, &out, sfu.Config{}, 0)
	require.ErrorIs(t, err, gotgcall.ErrFile)
	require.Empty(t, out.String())
	require.Error(t, run(t.Context(), []string{"a", "b"}, &out, sfu.Config{}, 0))
}

// watch runs the program and gives each line it prints to fn.
func watch(t *testing.T, ctx context.Context, args []string, fn func(line string)) error {
	t.Helper()
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { // ends with the program, which is awaited below
		err := run(ctx, args, w, sfu.Config{}, 0)
		w.Close()
		done <- err
	}()
	for lines := bufio.NewScanner(r); lines.Scan(); {
		fn(lines.Text())
	}
	return <-done
}

func TestProgressWhenACallEnds(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	arrived := totals{packets: 100, bytes: 100_000}
	p := newProgress(&out, func() totals { return arrived }, "")
	p.show(0)
	p.shown, p.bytes = time.Now().Add(-time.Second), arrived.bytes
	arrived = totals{} // that of the calls that are left
	p.show(time.Second)
	require.Equal(t, "    0:01      0 kbit/s        0 packets  0 lost\n", out.String())
}

func TestInterruptedProgramStopsCleanly(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var last string
	err := watch(t, ctx, []string{tones(t, 60)}, func(line string) {
		if strings.Contains(line, "kbit/s") {
			interrupt()
		}
		last = line
	})
	require.NoError(t, err)
	require.Regexp(t, `^received \d\.\d s of audio in \d+ packets, nothing lost$`, last)
}

func TestInterruptBeforeTheStart(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	require.NoError(t, run(ctx, []string{"-sample"}, io.Discard, sfu.Config{}, time.Second))
	require.NoError(t, run(ctx, nil, io.Discard, sfu.Config{}, 0))
	require.NoError(t, run(ctx, []string{tones(t, 1)}, io.Discard, sfu.Config{}, 0))
}

func TestPageLetsABrowserListen(t *testing.T) {
	t.Parallel()
	call, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, call.GracefulClose()) })
	heard := make(chan *rtp.Packet, 1)
	call.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		if packet, _, err := track.ReadRTP(); err == nil && track.Kind() == webrtc.RTPCodecTypeAudio {
			heard <- packet
		}
	})
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		_, err := call.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		require.NoError(t, err)
	}
	err = watch(t, t.Context(), []string{movie(t, mediatest.MovieSpec{})}, func(line string) {
		if url, ok := strings.CutPrefix(line, "hear it at "); ok {
			require.Contains(t, request(t, http.MethodGet, url+"receive.js", ""), "RTCPeerConnection")
			listen(t, call, url+"api/calls/1/listen")
		}
	})
	if !errors.Is(err, errTooSlow) { // another test has that
		require.NoError(t, err)
	}
	require.NotEmpty(t, (<-heard).Payload)
}

func listen(t *testing.T, call *webrtc.PeerConnection, url string) {
	t.Helper()
	offer, err := call.CreateOffer(nil)
	require.NoError(t, err)
	gathered := webrtc.GatheringCompletePromise(call)
	require.NoError(t, call.SetLocalDescription(offer))
	<-gathered
	answer := request(t, http.MethodPost, url, call.LocalDescription().SDP)
	require.NoError(t, call.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
}

func request(t *testing.T, method, url, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Close = true // leaves no goroutine
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, string(answer))
	return string(answer)
}

// TestReceiverNoticesDamage plays packets that no decoder takes.
func TestReceiverNoticesDamage(t *testing.T) {
	t.Parallel()
	far := newReceiver(nil)
	far.packets <- arrival{mediatest.Packet{Payload: []byte{0xff, 0x3f}, Arrival: time.Now()}, gotgcall.Audio}
	far.close()
	err := far.check(t.Context(), played{length: time.Second, packets: 5, ends: map[gotgcall.StreamType]error{
		gotgcall.Video: nil, gotgcall.Audio: gotgcall.ErrFFmpegCrashed,
	}})
	require.ErrorContains(t, err, "the sound is damaged")
	require.ErrorContains(t, err, "no video arrived")
	require.ErrorContains(t, err, "5 packets were lost", "none came after them")
	require.ErrorContains(t, err, "it lasted 0s at the far end, 1s here")
	require.ErrorIs(t, err, gotgcall.ErrFFmpegCrashed)
}
