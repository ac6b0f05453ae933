package e2e_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/internal/webtest"
)

// story is what the callbacks hear, one word for each event, in order.
type story struct {
	mu     sync.Mutex // guards what follows
	words  []string
	listen chan string
}

func (s *fixture) tell() *story {
	st := &story{listen: make(chan string, 1<<16)}
	s.OnConnectionChange(func(_ int64, info gotgcall.NetworkInfo) { st.add(info.State.String()) })
	s.OnStreamEnd(func(int64, gotgcall.StreamType, gotgcall.Device, error) { st.add("end") })
	return st
}

func (st *story) add(word string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.words = append(st.words, word)
	st.listen <- word
}

// until waits for a word and returns the story so remote.
func (st *story) until(t *testing.T, word string) string {
	t.Helper()
	for heard := ""; heard != word; {
		select {
		case heard = <-st.listen:
		case <-t.Context().Done():
			t.Fatalf("no %q in %q", word, st.words)
		}
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	return strings.Join(st.words, " ")
}

// TestNothingOfACallReachesTheNext: the bot rejoins as soon as it hears of the loss,
// and hears nothing more of the lost call.
func TestNothingOfACallReachesTheNext(t *testing.T) {
	t.Parallel()
	path := tones(t, "a.wav", mediatest.AudioSpec{Seconds: 60})
	for _, react := range []string{"end", "failed"} {
		t.Run("on "+react, func(t *testing.T) {
			t.Parallel()
			s := newFixture(t, sfu.Config{})
			st := s.tell()
			rejoined := make(chan error, 1)
			once := sync.OnceFunc(func() {
				params, err := s.Rejoin(chat)
				go func() {
					if err == nil {
						var answer string
						if answer, err = s.server.Join(context.Background(), params); err == nil {
							err = s.Connect(chat, answer)
						}
					}
					rejoined <- err
				}()
			})
			s.OnStreamEnd(func(int64, gotgcall.StreamType, gotgcall.Device, error) {
				st.add("end")
				if react == "end" {
					once()
				}
			})
			s.OnConnectionChange(func(_ int64, info gotgcall.NetworkInfo) {
				st.add(info.State.String())
				if info.State == gotgcall.Failed && react == "failed" {
					once()
				}
			})
			first := s.join(t, chat)
			require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{})))
			first.Kick()
			require.NoError(t, <-rejoined)
			require.NoError(t, s.Stop(chat))
			require.Equal(t, "connecting connected end failed connecting connected end closed", st.until(t, "closed"))
		})
	}
}

// TestLivesOfAChatDoNotMix stops and creates a chat's calls from two goroutines, a
// thousand times: the events of each call come together, and in order.
func TestLivesOfAChatDoNotMix(t *testing.T) {
	t.Parallel()
	s := newFixture(t, sfu.Config{})
	st := s.tell()
	const lives = 1000
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range lives {
			params, err := s.CreateCall(chat)
			for errors.Is(err, gotgcall.ErrConnectionExists) {
				params, err = s.CreateCall(chat)
			}
			if err != nil {
				t.Error(err)
				return
			}
			if i%10 != 0 {
				_ = s.Connect(chat, "{}") // or it is stopped first
				continue
			}
			answer, err := s.server.Join(context.Background(), params)
			if err == nil {
				_ = s.Connect(chat, answer)
			}
		}
	}()
	for stopping := true; stopping; {
		select {
		case <-done:
			stopping = false
		default:
		}
		_ = s.Stop(chat)
	}
	ending := make(chan struct{})
	s.OnUpgrade(func(int64, gotgcall.MediaState) { close(ending) })
	_, err := s.CreateCall(7)
	require.NoError(t, err)
	_, err = s.Mute(7) // the last event of all
	require.NoError(t, err)
	<-ending
	st.mu.Lock()
	defer st.mu.Unlock()
	all := strings.Join(st.words, " ")
	life := regexp.MustCompile(`^(closed|connecting (connected )?(closed|failed))( |$)`)
	count := 0
	for rest := all; rest != ""; count++ {
		one := life.FindString(rest)
		require.NotEmpty(t, one, "%.100s", rest)
		rest = rest[len(one):]
	}
	require.GreaterOrEqual(t, count, lives)
}

// TestPlaceSurvivesASilentServer: what is played between the last packet that arrives
// and the end of the call is played again.
func TestPlaceSurvivesASilentServer(t *testing.T) {
	t.Parallel()
	s, remote := playing(t, sfu.Config{}, gotgcall.FromFile(tones(t, "a.wav", mediatest.AudioSpec{Seconds: 20}), gotgcall.EncodeOptions{}), gotgcall.WithICETimeouts(2*time.Second, 3*time.Second, 100*time.Millisecond))
	s.awaitPosition(t, chat, 3*time.Second)
	remote.Network().BlackOut(time.Hour)
	at, err := s.Position(chat)
	require.NoError(t, err)
	require.ErrorIs(t, s.awaitEnds(t, 1)[0].err, gotgcall.ErrConnectionFailed)
	params, err := s.Rejoin(chat)
	require.NoError(t, err)
	again, err := s.Position(chat)
	require.NoError(t, err)
	t.Logf("lost at %s, rejoined at %s", at, again)
	require.InDelta(t, at.Seconds(), again.Seconds(), 1, "not 5 s later")
	s.leave(t, chat, s.rejoin(t, chat, params))
}

// TestCountersGoOnOverARejoin: of a live call and of a lost one.
func TestCountersGoOnOverARejoin(t *testing.T) {
	t.Parallel()
	s, first := playing(t, sfu.Config{}, gotgcall.FromFile(tones(t, "a.wav", mediatest.AudioSpec{Seconds: 60}), gotgcall.EncodeOptions{}))
	var last gotgcall.Stats
	check := func(step string) {
		t.Helper()
		now, err := s.Stats(chat)
		require.NoError(t, err)
		require.GreaterOrEqual(t, now.Audio.Packets, last.Audio.Packets, step)
		require.GreaterOrEqual(t, now.Audio.Bytes, last.Audio.Bytes, step)
		require.Positive(t, now.ConnectTime, step)
		last = now
	}
	s.awaitPosition(t, chat, time.Second)
	check("playing")
	require.GreaterOrEqual(t, last.Audio.Packets, uint64(50))
	params, err := s.Rejoin(chat)
	require.NoError(t, err)
	check("asked to rejoin")
	second := s.rejoin(t, chat, params)
	check("rejoined")
	<-first.Done()
	check("the old connection is gone")
	_, err = s.Rejoin(chat)
	require.NoError(t, err)
	require.ErrorIs(t, s.Connect(chat, "{}"), gotgcall.ErrInvalidParams)
	check("a rejoin failed")
	sent := s.received(first.SSRC())
	second.Kick()
	require.ErrorIs(t, s.awaitEnds(t, 1)[0].err, gotgcall.ErrConnectionFailed)
	params, err = s.Rejoin(chat)
	require.NoError(t, err)
	now, err := s.Stats(chat)
	require.NoError(t, err)
	require.GreaterOrEqual(t, now.Audio.Packets, last.Audio.Packets)
	require.GreaterOrEqual(t, now.Audio.Packets, uint64(len(sent)))
	third := s.rejoin(t, chat, params)
	check("rejoined once lost")
	s.leave(t, chat, third)
}

// TestUpgradeIsRepeatedOnConnected: what was set before the join, which Telegram could
// not be told, comes again when the connection is up.
func TestUpgradeIsRepeatedOnConnected(t *testing.T) {
	t.Parallel()
	s := newFixture(t, sfu.Config{})
	events := make(chan any, 64)
	s.OnUpgrade(func(_ int64, state gotgcall.MediaState) { events <- state })
	s.OnConnectionChange(func(_ int64, info gotgcall.NetworkInfo) { events <- info.State })
	params, err := s.CreateCall(chat)
	require.NoError(t, err)
	_, err = s.Mute(chat)
	require.NoError(t, err)
	remote := s.rejoin(t, chat, params)
	params, err = s.Rejoin(chat)
	require.NoError(t, err)
	second := s.rejoin(t, chat, params)
	<-remote.Done()
	second.Kick()
	muted := gotgcall.MediaState{Muted: true, VideoStopped: true, PresentationPaused: true}
	for _, want := range []any{muted, gotgcall.Connecting, gotgcall.Connected, muted, gotgcall.Connecting, gotgcall.Connected, muted, gotgcall.Failed} {
		require.Equal(t, want, <-events)
	}
	params, err = s.Rejoin(chat)
	require.NoError(t, err)
	third := s.rejoin(t, chat, params)
	for _, want := range []any{gotgcall.Connecting, gotgcall.Connected, muted} {
		require.Equal(t, want, <-events)
	}
	s.leave(t, chat, third)
}

// TestPlaylistGoesOn sets each song when the one before has ended: each plays once,
// whatever its tracks are and whatever file is bad.
func TestPlaylistGoesOn(t *testing.T) {
	t.Parallel()
	both := movie(t, "both.mp4", mediatest.MovieSpec{Width: 160, Height: 90, FPS: "10", Duration: time.Second})
	silent := movie(t, "silent.mkv", mediatest.MovieSpec{Width: 160, Height: 90, FPS: "10", Duration: time.Second, NoAudio: true})
	song := tones(t, "song.wav", mediatest.AudioSpec{Seconds: 1})
	text := t.TempDir() + "/text.mp3"
	require.NoError(t, mediatest.WriteText(text))
	playlist := []string{both, silent, "missing", text, song, silent, both, song, text}
	s := newFixture(t, sfu.Config{})
	var played []string
	over := make(chan struct{})
	var mu sync.Mutex // guards playlist and played
	play := func(chatID int64) {
		mu.Lock()
		defer mu.Unlock()
		for len(playlist) > 0 {
			path := playlist[0]
			playlist = playlist[1:]
			err := s.SetStreamSources(chatID, gotgcall.FromFile(path, gotgcall.EncodeOptions{Tracks: gotgcall.TrackAudio | gotgcall.TrackVideo}))
			if !errors.Is(err, gotgcall.ErrFile) {
				played = append(played, path)
				return
			}
		}
		close(over)
	}
	s.OnStreamEnd(func(chatID int64, kind gotgcall.StreamType, _ gotgcall.Device, _ error) {
		stats, err := s.Stats(chatID)
		if err != nil {
			return
		}
		if kind == gotgcall.Audio && len(stats.Tracks) != 0 {
			t.Errorf("%v after the sound", stats.Tracks)
		}
		if len(stats.Tracks) == 0 {
			go play(chatID)
		}
	})
	remote := s.join(t, chat)
	go play(chat)
	<-over
	require.Equal(t, []string{both, silent, song, silent, both, song}, played)
	s.leave(t, chat, remote)
}

// TestJumpInAFileIsSkipped: the second half of the file is due two hours later, by its
// times.
func TestJumpInAFileIsSkipped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	list := "ffconcat version 1.0\nfile a.mkv\nduration 7200\nfile b.mkv\n"
	require.NoError(t, os.WriteFile(dir+"/list", []byte(list), 0o600))
	for _, args := range []string{
		"-f lavfi -i sine=r=48000:f=440 -t 2 -c:a libopus a.mkv",
		"-f lavfi -i sine=r=48000:f=880 -t 2 -c:a libopus b.mkv",
		"-f concat -i list -c copy jump.mkv",
	} {
		cmd := exec.CommandContext(t.Context(), ffmpeg, append([]string{"-v", "error"}, strings.Fields(args)...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	s, remote := connected(t, sfu.Config{})
	require.NoError(t, s.play(t, chat, gotgcall.FromFile(dir+"/jump.mkv", gotgcall.EncodeOptions{}), 1)[0].err)
	at, err := s.Position(chat)
	require.NoError(t, err)
	require.InDelta(t, 7202, at.Seconds(), 0.2)
	sound, _ := s.leave(t, chat, remote)
	require.InDelta(t, 200, len(sound), 6)
}

// TestRejoinOfARadio: it cannot go on where it was, so it plays what is on the air,
// once it is on the air again.
func TestRejoinOfARadio(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile(tones(t, "radio.mp3", mediatest.AudioSpec{Seconds: 20}))
	require.NoError(t, err)
	var away atomic.Bool
	server := webtest.Start(t, func(int, *http.Request) webtest.Answer {
		if away.Load() {
			return webtest.Answer{Status: "HTTP/1.0 503 Off Air"}
		}
		return webtest.Answer{Status: "ICY 200 OK", Header: []string{"icy-name: x"}, Framing: webtest.Closing, Body: file, Hang: true}
	})
	s, remote := playing(t, sfu.Config{}, gotgcall.FromURL(server.URL, gotgcall.EncodeOptions{}), gotgcall.WithStallTimeout(3*time.Second))
	s.awaitPosition(t, chat, 2*time.Second)
	away.Store(true)
	remote.Kick()
	require.ErrorIs(t, s.awaitEnds(t, 1)[0].err, gotgcall.ErrConnectionFailed)
	for range 2 {
		_, err = s.Rejoin(chat)
		require.ErrorIs(t, err, gotgcall.ErrFile)
	}
	away.Store(false)
	params, err := s.Rejoin(chat)
	require.NoError(t, err)
	at, err := s.Position(chat)
	require.NoError(t, err)
	require.Zero(t, at)
	remote = s.rejoin(t, chat, params)
	s.awaitPosition(t, chat, time.Second)
	s.leave(t, chat, remote)
}
