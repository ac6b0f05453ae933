package foreign

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/internal/sfu/netem"
	"github.com/gotgcall/gotgcall/internal/sfu/oracle"
)

// openBrowser starts Chromium with a script. It ends with the test.
func openBrowser(t *testing.T, script string) *browser {
	t.Helper()
	b, err := newBrowser(program(t, "chromium", "chromium-browser", "google-chrome"), script)
	require.NoError(t, err)
	t.Cleanup(b.close)
	return b
}

// during are the moments between which sound came.
func (h heardByBrowser) during(t *testing.T) []moment {
	t.Helper()
	var playing []moment
	for i := 1; i < len(h.Moments); i++ {
		if m := h.Moments[i]; m.Packets > h.Moments[i-1].Packets && h.Moments[i-1].Packets > 0 {
			playing = append(playing, m)
		}
	}
	require.Greater(t, len(playing), 20, "a movie of 10 s has 40")
	return playing[:len(playing)-1] // the sound ended within the last one
}

// concealed is the share of the sound that was made up.
func (h heardByBrowser) concealed(t *testing.T) float64 {
	t.Helper()
	playing := h.during(t)
	first, last := playing[0], playing[len(playing)-1]
	return float64(last.Concealed-first.Concealed) / float64(last.Samples-first.Samples)
}

// skew is the median distance of picture and sound.
func (h heardByBrowser) skew(t *testing.T) float64 {
	t.Helper()
	var all []float64
	for _, m := range h.during(t) {
		if m.Skew != 0 { // 0 before there is a sender report of both
			all = append(all, m.Skew)
		}
	}
	require.NotEmpty(t, all)
	slices.Sort(all)
	return all[len(all)/2]
}

// play plays a movie through a server into a browser, and says what that heard, and
// what reached the server.
func play(t *testing.T, cfg sfu.Config, spec mediatest.MovieSpec, options gotgcall.EncodeOptions) (heardByBrowser, oracle.PlayoutReport) {
	t.Helper()
	const chat = int64(-1001234567890)
	path := t.TempDir() + "/movie.mp4"
	require.NoError(t, mediatest.MakeMovie(t.Context(), "ffmpeg", path, spec))
	var arrived oracle.Playout
	cfg.OnRTP = func(_ *sfu.Participant, pkt sfu.Packet) { arrived.Add(pkt) }
	server, err := sfu.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	client, err := gotgcall.New()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	ends := make(chan error, 2)
	client.OnStreamEnd(func(_ int64, _ gotgcall.StreamType, _ gotgcall.Device, err error) { ends <- err })
	params, err := client.CreateCall(chat)
	require.NoError(t, err)
	answer, err := server.Join(t.Context(), params)
	require.NoError(t, err)
	require.NoError(t, client.Connect(chat, answer))
	b := openBrowser(t, listenerScript)
	offer, err := b.offer()
	require.NoError(t, err)
	sdp, err := server.Listen(t.Context(), offer)
	require.NoError(t, err)
	require.NoError(t, b.answer(sdp))
	options.Tracks = gotgcall.TrackAudio | gotgcall.TrackVideo
	require.NoError(t, client.SetStreamSources(chat, gotgcall.FromFile(path, options)))
	for range 2 {
		select {
		case err := <-ends:
			require.NoError(t, err)
		case <-t.Context().Done():
			require.FailNow(t, "the movie did not end")
		}
	}
	got, err := b.settle()
	require.NoError(t, err)
	p := server.Participants()[0]
	require.Empty(t, p.Violations())
	return got, arrived.Video(p.SSRC()+1, p.SSRC()+2, 500*time.Millisecond)
}

// demands are what a play has to meet.
type demands struct {
	decoded   float64 // share of the pictures, at least
	concealed float64 // share of the sound, at most
	freezes   uint64  // at most
	skew      float64 // of picture and sound, at most, in milliseconds
}

func (d demands) check(t *testing.T, got heardByBrowser, arrived oracle.PlayoutReport, frames int) error {
	t.Helper()
	concealed, skew := got.concealed(t), got.skew(t)
	t.Logf("%+v, concealed %.4f, skew %.0f ms; %+v", got.Video, concealed, skew, arrived)
	for _, demand := range []struct {
		what string
		met  bool
	}{
		// The very last packet of a lossy line is not missed: nothing comes after it.
		{"all pictures were sent", arrived.Frames >= frames-1 && arrived.Frames <= frames},
		{"pictures arrived in time", arrived.Share() > d.decoded},
		{"pictures were decoded", float64(got.Video.FramesDecoded) > d.decoded*float64(frames)},
		{"no freeze", got.Video.FreezeCount <= d.freezes},
		{"the sound is loud", got.Audio.TotalAudioEnergy > 0.1},
		{"the sound is whole", concealed <= d.concealed},
		{"sound and picture are together", math.Abs(skew) <= d.skew},
	} {
		if !demand.met {
			return errors.New("not so: " + demand.what)
		}
	}
	return nil
}

// load returns how many programs have waited for each processor in the last minute, or
// have had it: 0 where the system does not say.
func load() float64 {
	var minute float64
	text, _ := os.ReadFile("/proc/loadavg")
	_, _ = fmt.Sscan(string(text), &minute)
	return minute / float64(runtime.NumCPU())
}

// TestChromiumHearsAndSeesWhatIsPlayed plays again what did not go well: a machine with
// much else to do conceals sound and drops pictures by itself.
func TestChromiumHearsAndSeesWhatIsPlayed(t *testing.T) {
	const (
		frames = 300
		tries  = 3
	)
	spec := mediatest.MovieSpec{Width: 640, Height: 360, Duration: 10 * time.Second, Tones: true}
	for name, test := range map[string]struct {
		cfg     sfu.Config
		options gotgcall.EncodeOptions
		demands
	}{
		"good line": {sfu.Config{}, gotgcall.EncodeOptions{}, demands{decoded: 0.99, concealed: 0.005, skew: 40}},
		"H.264, long packets": {
			sfu.Config{},
			gotgcall.EncodeOptions{VideoEncoder: gotgcall.H264, PacketMs: 60},
			demands{decoded: 0.99, concealed: 0.005, skew: 60},
		},
		// Lost sound is not repeated, and the browser stretches what it has.
		"lossy line": {sfu.Config{
			NACK: true, Up: netem.Shape{MediaLoss: 0.05, Delay: 30 * time.Millisecond}, Seed: 1,
		}, gotgcall.EncodeOptions{}, demands{decoded: 0.98, concealed: 0.10, freezes: 1, skew: 150}},
	} {
		t.Run(name, func(t *testing.T) {
			var failed error
			for try := range tries {
				played := t.Run(fmt.Sprint("play ", try+1), func(t *testing.T) {
					got, arrived := play(t, test.cfg, spec, test.options)
					require.Equal(t, [2]int{640, 360}, [2]int{got.Video.FrameWidth, got.Video.FrameHeight})
					failed = test.check(t, got, arrived, frames)
				})
				if !played || failed == nil {
					return
				}
				t.Log(failed)
			}
			if busy := load(); busy > 2 {
				t.Skipf("%v: nobody can judge a browser that shares its processor with %.1f others", failed, busy)
			}
			require.NoError(t, failed)
		})
	}
}

// TestChromiumPassesTheStrictestServer: it joins as Telegram's web clients do. What
// that server demands is then not only what our own client happens to do.
func TestChromiumPassesTheStrictestServer(t *testing.T) {
	cfg := sfu.Config{Strict: true, ICE: sfu.Controlled, NACK: true}
	ear := newEar(&cfg)
	server, err := sfu.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	b := openBrowser(t, memberScript)
	join, err := call[string](b, "join", tones(4), 640, 360)
	require.NoError(t, err)
	answer, err := server.Join(t.Context(), join)
	require.NoError(t, err)
	p := server.Participants()[0]
	_, err = call[bool](b, "accept", answer)
	require.NoError(t, err)
	ear.checkTones(t, p.SSRC(), 4)
	ear.checkVideo(t, join)
	require.Equal(t, "AEAD_AES_256_GCM", p.Stats().SRTPProfile)
	t.Log(p.Violations())
	for _, violation := range p.Violations() {
		// A browser numbers its channels by its side of DTLS (RFC 8832 §6); Telegram's
		// clients always say 0.
		require.Contains(t, violation, `data channel: "data" on stream 1`)
	}
}
