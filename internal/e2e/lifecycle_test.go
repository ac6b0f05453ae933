package e2e_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

func TestOneOfAHundredCreateCallsWins(t *testing.T) {
	t.Parallel()
	s := newFixture(t, sfu.Config{})
	var won atomic.Int32
	var all sync.WaitGroup
	for range 100 {
		all.Add(1)
		go func() {
			defer all.Done()
			_, err := s.CreateCall(chat)
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, gotgcall.ErrConnectionExists) {
				t.Error(err)
			}
		}()
	}
	all.Wait()
	require.EqualValues(t, 1, won.Load())
}

func TestSecondConnectHarmsNothing(t *testing.T) {
	t.Parallel()
	s, remote := connected(t, sfu.Config{})
	require.ErrorIs(t, s.Connect(chat, "{}"), gotgcall.ErrConnectionExists)
	path := tones(t, "a.wav", mediatest.AudioSpec{Seconds: 1})
	require.NoError(t, s.play(t, chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{}), 1)[0].err)
	s.leave(t, chat, remote)
}

func TestFailedConnectFreesTheChat(t *testing.T) {
	t.Parallel()
	s := newFixture(t, sfu.Config{})
	for answer, want := range map[string]error{
		"":                               gotgcall.ErrInvalidParams,
		"{}":                             gotgcall.ErrInvalidParams,
		`{"stream":true}`:                gotgcall.ErrUnsupportedCallMode,
		`{"stream":true,"rtmp":true}`:    gotgcall.ErrUnsupportedCallMode,
		`{"transport":{"ufrag":"a b"}}`:  gotgcall.ErrInvalidParams,
		strings.Repeat("[", 100_000):     gotgcall.ErrInvalidParams,
		`{"transport":{"ufrag":"abcd"}}`: gotgcall.ErrInvalidParams,
	} {
		_, err := s.CreateCall(chat)
		require.NoError(t, err)
		require.ErrorIs(t, s.Connect(chat, answer), want)
		require.Equal(t, gotgcall.Connecting, <-s.states)
		require.Equal(t, gotgcall.Failed, <-s.states)
		require.Empty(t, s.Calls())
	}
	s.join(t, chat)
}

// TestConnectionEventsSayWhy: Disconnected and the last state carry their reason,
// the others none.
func TestConnectionEventsSayWhy(t *testing.T) {
	t.Parallel()
	s := newFixture(t, sfu.Config{}, gotgcall.WithICETimeouts(time.Second, time.Second, 200*time.Millisecond))
	infos := make(chan gotgcall.NetworkInfo, 64)
	s.OnConnectionChange(func(_ int64, info gotgcall.NetworkInfo) { infos <- info })
	next := func(want gotgcall.ConnState) error {
		t.Helper()
		info := <-infos
		require.Equal(t, want, info.State)
		return info.Err
	}

	remote := s.join(t, chat)
	require.NoError(t, next(gotgcall.Connecting))
	require.NoError(t, next(gotgcall.Connected))
	remote.Network().BlackOut(time.Hour)
	require.ErrorContains(t, next(gotgcall.Disconnected), "nothing heard")
	err := next(gotgcall.Failed)
	require.ErrorIs(t, err, gotgcall.ErrConnectionFailed)
	require.ErrorContains(t, err, "nothing heard")

	_, err = s.CreateCall(chat)
	require.NoError(t, err)
	err = s.Connect(chat, "{}")
	require.ErrorIs(t, err, gotgcall.ErrInvalidParams)
	require.NoError(t, next(gotgcall.Connecting))
	require.ErrorIs(t, next(gotgcall.Failed), gotgcall.ErrInvalidParams)

	remote = s.join(t, chat)
	require.NoError(t, next(gotgcall.Connecting))
	require.NoError(t, next(gotgcall.Connected))
	s.leave(t, chat, remote)
	require.NoError(t, next(gotgcall.Closed))
}

func TestUnknownChatIsNotFound(t *testing.T) {
	t.Parallel()
	s := newFixture(t, sfu.Config{})
	for name, err := range everyMethod(s.Client, 7) {
		require.ErrorIs(t, err, gotgcall.ErrConnectionNotFound, name)
	}
}

func TestEveryMethodFailsAfterClose(t *testing.T) {
	t.Parallel()
	s, remote := connected(t, sfu.Config{})
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	<-remote.Done()
	errs := everyMethod(s.Client, chat)
	_, errs["CreateCall"] = s.CreateCall(chat)
	errs["StartRTMP"] = s.StartRTMP(chat, "rtmp://127.0.0.1/s/key")
	for name, err := range errs {
		require.ErrorIs(t, err, gotgcall.ErrClosed, name)
	}
	require.Empty(t, s.Calls())
}

// everyMethod calls every method for a chat that has a call and returns how it
// failed.
func everyMethod(c *gotgcall.Client, chat int64) map[string]error {
	errs := make(map[string]error)
	errs["Connect"] = c.Connect(chat, "{}")
	errs["SetStreamSources"] = c.SetStreamSources(chat, gotgcall.FromFile("x", gotgcall.EncodeOptions{}))
	errs["SetNextSource"] = c.SetNextSource(chat, gotgcall.FromFile("x", gotgcall.EncodeOptions{}))
	errs["SetNextSource of nil"] = c.SetNextSource(chat, nil)
	_, errs["Pause"] = c.Pause(chat)
	_, errs["Resume"] = c.Resume(chat)
	_, errs["Mute"] = c.Mute(chat)
	_, errs["Unmute"] = c.Unmute(chat)
	_, errs["GetState"] = c.GetState(chat)
	_, errs["Time"] = c.Time(chat)
	_, errs["AudioSSRC"] = c.AudioSSRC(chat)
	errs["Stop"] = c.Stop(chat)
	return errs
}

func TestNewRefusesWhatItCannotUse(t *testing.T) {
	t.Parallel()
	_, err := gotgcall.New(gotgcall.WithFFmpegPath(filepath.Join(t.TempDir(), "ffmpeg")))
	require.ErrorIs(t, err, gotgcall.ErrFFmpegSpawn)
	require.ErrorContains(t, err, "install ffmpeg")
	const list = "printf 'Encoders:\\n ------\\n A....D libopus x\\n V....D libvpx x\\n'"
	for body, words := range map[string]string{
		"exec false":                                          "exit status 1",
		"echo ffmpeg version 4.3.7 >&2\n" + list:              "4.4 or newer",
		"printf 'Encoders:\\n ------\\n A....D libopus x\\n'": "without libvpx",
		"echo ffmpeg version 5.1-tiny >&2\n" + list:           "",
	} {
		client, err := gotgcall.New(gotgcall.WithFFmpegPath(fakeProgram(t, body)))
		if words == "" {
			require.NoError(t, err)
			err = client.StartRTMP(chat, "rtmp://127.0.0.1/s/key")
			require.NoError(t, client.Close())
			words = "without libx264 and aac"
		}
		require.ErrorIs(t, err, gotgcall.ErrFFmpegSpawn)
		require.ErrorContains(t, err, words)
		require.ErrorContains(t, err, "install ffmpeg")
	}
	for name, opt := range map[string]gotgcall.Option{
		"nil option": nil,
		"nil logger": gotgcall.WithLogger(nil),
		"no path":    gotgcall.WithFFmpegPath(""),
		"no buffer":  gotgcall.WithDispatchBuffer(0),
		"cert pool":  gotgcall.WithDTLSCertPool(-1),
	} {
		_, err := gotgcall.New(opt)
		require.ErrorIs(t, err, gotgcall.ErrInvalidParams, name)
	}
}

// TestBadSourcesLeaveTheCallAlone: each is refused with the right error while the
// first source plays on, to its own end.
func TestBadSourcesLeaveTheCallAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, mediatest.WriteEmpty(at("empty.mp3")))
	require.NoError(t, mediatest.WriteText(at("text.mp3")))
	good := movie(t, "movie.mp4", mediatest.MovieSpec{Width: 160, Height: 90, FPS: "10", Duration: time.Second})
	require.NoError(t, mediatest.TruncateMP4(good, at("cut.mp4")))

	s, remote := playing(t, sfu.Config{}, gotgcall.FromFile(tones(t, "a.wav", mediatest.AudioSpec{Seconds: 8}), gotgcall.EncodeOptions{}))
	var audio gotgcall.EncodeOptions
	for name, c := range map[string]struct {
		src  gotgcall.Source
		want error
	}{
		"nil":              {nil, gotgcall.ErrInvalidParams},
		"missing":          {gotgcall.FromFile(at("missing"), audio), gotgcall.ErrFile},
		"directory":        {gotgcall.FromFile(dir, audio), gotgcall.ErrFile},
		"empty":            {gotgcall.FromFile(at("empty.mp3"), audio), gotgcall.ErrFile},
		"text":             {gotgcall.FromFile(at("text.mp3"), audio), gotgcall.ErrFile},
		"truncated":        {gotgcall.FromFile(at("cut.mp4"), audio), gotgcall.ErrFile},
		"unreachable":      {gotgcall.FromURL("http://127.0.0.1:1/a.mp3", audio), gotgcall.ErrFile},
		"file url":         {gotgcall.FromURL("file://"+good, audio), gotgcall.ErrInvalidParams},
		"bare path":        {gotgcall.FromURL(good, audio), gotgcall.ErrInvalidParams},
		"no path":          {gotgcall.FromFile("", audio), gotgcall.ErrInvalidParams},
		"shell quote":      {gotgcall.FromShell(`ffmpeg -i "x`, gotgcall.TrackAudio), gotgcall.ErrInvalidParams},
		"shell empty":      {gotgcall.FromShells("", ""), gotgcall.ErrInvalidParams},
		"negative bitrate": {gotgcall.FromFile(good, gotgcall.EncodeOptions{AudioBitrateKbps: -1}), gotgcall.ErrInvalidParams},
	} {
		err := s.SetStreamSources(chat, c.src)
		require.ErrorIs(t, err, c.want, name)
	}
	var process *gotgcall.FFmpegError
	require.ErrorAs(t, s.SetStreamSources(chat, gotgcall.FromFile(at("text.mp3"), audio)), &process)
	require.NotEmpty(t, process.Stderr, "ffmpeg's own words")

	require.NoError(t, s.awaitEnds(t, 1)[0].err)
	packets, _ := s.leave(t, chat, remote)
	s.checkTones(t, packets, 8*time.Second)
}

func TestVideoOfAnAudioFileIsReportedAbsent(t *testing.T) {
	t.Parallel()
	s, remote := playing(t, sfu.Config{}, gotgcall.FromFile(tones(t, "a.mp3", mediatest.AudioSpec{Seconds: 2, CoverArt: true}), gotgcall.EncodeOptions{Tracks: both}))
	state, err := s.GetState(chat)
	require.NoError(t, err)
	require.True(t, state.VideoStopped)
	require.Equal(t, []streamEnd{{chat, gotgcall.Audio, gotgcall.Microphone, nil}}, s.awaitEnds(t, 1))
	packets, _ := s.leave(t, chat, remote)
	s.checkTones(t, packets, 2*time.Second)
	require.Empty(t, s.ends)
}

// TestSourceSetBeforeConnectPlaysFromItsStart: a bot arms the source, then joins.
func TestSourceSetBeforeConnectPlaysFromItsStart(t *testing.T) {
	t.Parallel()
	s := newFixture(t, sfu.Config{})
	params, err := s.CreateCall(chat)
	require.NoError(t, err)
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(tones(t, "a.wav", mediatest.AudioSpec{Seconds: 3}), gotgcall.EncodeOptions{})))
	time.AfterFunc(time.Second, func() {
		answer, err := s.server.Join(context.Background(), params)
		if err == nil {
			err = s.Connect(chat, answer)
		}
		if err != nil {
			t.Error(err)
		}
	})
	require.NoError(t, s.awaitEnds(t, 1)[0].err)
	ssrc, err := s.AudioSSRC(chat)
	require.NoError(t, err)
	packets, _ := s.leave(t, chat, s.server.Participant(ssrc))
	s.checkTones(t, packets, 3*time.Second)
}

// fakeFFmpeg is a shell script that tells its version and encoders as the real one
// does, and for anything else does what a test asks for.
func fakeFFmpeg(t testing.TB, body string) string {
	t.Helper()
	return fakeProgram(t, `[ "$1" = -encoders ] && exec ffmpeg "$@"`+"\n"+body)
}

func fakeProgram(t testing.TB, body string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a shell script stands for ffmpeg")
	}
	script := filepath.Join(t.TempDir(), "ffmpeg")
	require.NoError(t, mediatest.WriteProgram(script, body))
	return script
}

func TestKilledFFmpegIsACrash(t *testing.T) {
	t.Parallel()
	// The script plays, and ends itself as the kernel's out-of-memory killer would.
	script := fakeFFmpeg(t, `echo last words >&2; ffmpeg "$@" & sleep 1; kill -9 $!; kill -9 $$`)
	s, remote := playing(t, sfu.Config{}, gotgcall.FromFile(tones(t, "a.wav", mediatest.AudioSpec{Seconds: 60}), gotgcall.EncodeOptions{}), gotgcall.WithFFmpegPath(script))
	end := s.awaitEnds(t, 1)[0]
	require.ErrorIs(t, end.err, gotgcall.ErrFFmpegCrashed)
	var process *gotgcall.FFmpegError
	require.ErrorAs(t, end.err, &process)
	require.Equal(t, "killed", process.Signal)
	require.Contains(t, process.Stderr, "last words")
	s.leave(t, chat, remote)
	require.Empty(t, s.ends, "once")
}

func TestStopEndsWhatPlaysAndFreesTheChat(t *testing.T) {
	t.Parallel()
	s := newFixture(t, sfu.Config{})
	path := tones(t, "a.wav", mediatest.AudioSpec{Seconds: 60})
	for range 3 {
		remote := s.join(t, chat)
		require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{})))
		s.leave(t, chat, remote)
		end := s.awaitEnds(t, 1)[0]
		require.ErrorIs(t, end.err, gotgcall.ErrStopped)
		require.Equal(t, gotgcall.Connecting, <-s.states)
		require.Equal(t, gotgcall.Connected, <-s.states)
		require.Equal(t, gotgcall.Closed, <-s.states)
	}
}

func TestReplacedSourceReportsNoEnd(t *testing.T) {
	t.Parallel()
	s, remote := connected(t, sfu.Config{})
	long := tones(t, "long.wav", mediatest.AudioSpec{Seconds: 60})
	for range 5 {
		require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(long, gotgcall.EncodeOptions{})))
	}
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(tones(t, "short.wav", mediatest.AudioSpec{Seconds: 1}), gotgcall.EncodeOptions{})))
	require.NoError(t, s.awaitEnds(t, 1)[0].err)
	require.Empty(t, s.ends)
	packets, _ := s.leave(t, chat, remote)
	require.NoError(t, mediatest.Inspect(packets).Err(), "one stream, contiguous")
}

// TestVerbsInsideCallbacks: any method may be called from a callback, Close too.
func TestVerbsInsideCallbacks(t *testing.T) {
	t.Parallel()
	s := newFixture(t, sfu.Config{})
	path := tones(t, "a.wav", mediatest.AudioSpec{Seconds: 1})
	played := make(chan struct{})
	count := 0
	s.OnStreamEnd(func(chat int64, _ gotgcall.StreamType, _ gotgcall.Device, err error) {
		if err != nil {
			return
		}
		if count++; count == 3 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			close(played)
			return
		}
		if err := s.SetStreamSources(chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{})); err != nil {
			t.Error(err)
		}
	})
	s.join(t, chat)
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{})))
	<-played
}

// TestNothingIsLeftAfter200Calls runs the whole life of a call 200 times and
// compares goroutines, descriptors and children with what there was before.
func TestNothingIsLeftAfter200Calls(t *testing.T) {
	// Not parallel: it counts what the process has.
	path := tones(t, "a.wav", mediatest.AudioSpec{Seconds: 5})
	s := newFixture(t, sfu.Config{}, gotgcall.WithSharedUDPMux())
	cycle := func(chat int64) {
		remote := s.join(t, chat)
		require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{})))
		require.NoError(t, s.Stop(chat))
		<-remote.Done()
	}
	for i := range 5 { // what is made once
		cycle(int64(i))
	}
	before := usage(t)
	for i := range 200 {
		cycle(int64(i))
	}
	require.Eventually(t, func() bool {
		now := usage(t)
		return now.goroutines <= before.goroutines+2 && now.descriptors <= before.descriptors && now.children == 0
	}, 20*time.Second, 50*time.Millisecond, "before %+v, after %+v", before, usage(t))
}

type counts struct{ goroutines, descriptors, children int }

func usage(t *testing.T) counts {
	t.Helper()
	c := counts{goroutines: runtime.NumGoroutine()}
	if fds, err := os.ReadDir("/proc/self/fd"); err == nil {
		c.descriptors = len(fds)
	}
	threads, _ := filepath.Glob("/proc/self/task/*/children")
	for _, name := range threads {
		b, err := os.ReadFile(name)
		if err == nil {
			c.children += len(strings.Fields(string(b)))
		}
	}
	return c
}
