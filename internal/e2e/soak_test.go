//go:build soak

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/internal/sfu/netem"
)

const (
	soakCalls = 50
	// The timeouts of the Client, short ones so that much happens.
	soakConnect, soakStall = 8 * time.Second, 3 * time.Second
	soakDisconnected       = time.Second
	soakFailed             = 2 * time.Second
	// soakBound is what no verb may take, on the slowest machine: several times
	// the longest of the timeouts.
	soakBound = 60 * time.Second
)

// TestSoak lets 50 calls live at random for DURATION (10 minutes by default), by
// SEED: every verb, kicks, black-outs, wrong certificates, bad sources. No verb may
// hang, no event may be out of order, and nothing may be left.
func TestSoak(t *testing.T) {
	duration, err := time.ParseDuration(orDefault("DURATION", "10m"))
	require.NoError(t, err)
	seed, err := strconv.ParseUint(orDefault("SEED", strconv.FormatUint(rand.Uint64(), 10)), 10, 64)
	require.NoError(t, err)
	t.Logf("SEED=%d DURATION=%s", seed, duration)
	debug.SetTraceback("all") // of a verb that hangs

	s := &soak{
		good:  soakServer(t, sfu.Config{Seed: seed}),
		lossy: soakServer(t, sfu.Config{Seed: seed, NACK: true, Up: netem.Shape{MediaLoss: 0.05, Delay: 20 * time.Millisecond}}),
		wrong: soakServer(t, sfu.Config{Seed: seed, WrongFingerprint: true}),
		until: time.Now().Add(duration), longest: make(map[string]time.Duration), results: make(map[string]int),
		stories: make([][]string, soakCalls),
	}
	s.makeSources(t)
	before := usage(t)
	s.Client, err = gotgcall.New(
		gotgcall.WithICETimeouts(soakDisconnected, soakFailed, 200*time.Millisecond),
		gotgcall.WithConnectTimeout(soakConnect), gotgcall.WithStallTimeout(soakStall), gotgcall.WithSharedUDPMux())
	require.NoError(t, err)
	s.listen()
	var all sync.WaitGroup
	for chat := range int64(soakCalls) {
		all.Add(1)
		go func() {
			defer all.Done()
			l := &soakLife{soak: s, t: t, chat: chat, rand: rand.New(rand.NewPCG(seed, uint64(chat)))}
			for time.Now().Before(s.until) {
				l.step()
			}
			l.leave()
		}()
	}
	all.Wait()
	require.NoError(t, s.timed("Close", s.Close))
	for _, server := range []*sfu.SFU{s.good, s.lossy, s.wrong} {
		require.NoError(t, server.Close())
	}
	for name, d := range s.longest {
		t.Logf("%-18s longest %s", name, d)
	}
	for _, result := range slices.Sorted(maps.Keys(s.results)) {
		t.Logf("%6d %s", s.results[result], result)
	}
	for chat, story := range s.stories {
		require.NoError(t, inOrder(story), "chat %d, SEED=%d", chat, seed)
	}
	require.Eventually(t, func() bool {
		now := usage(t)
		return now.goroutines <= before.goroutines+2 && now.descriptors <= before.descriptors && now.children == 0
	}, 30*time.Second, 100*time.Millisecond, "before %+v, after %+v", before, usage(t))
}

func orDefault(variable, value string) string {
	if v := os.Getenv(variable); v != "" {
		return v
	}
	return value
}

func soakServer(t *testing.T, cfg sfu.Config) *sfu.SFU {
	cfg.TransportTimeout = 4 * time.Second
	server, err := sfu.New(cfg)
	require.NoError(t, err)
	return server
}

// soak is what the lives have in common.
type soak struct {
	*gotgcall.Client
	good, lossy, wrong *sfu.SFU
	until              time.Time
	sources            map[string]gotgcall.Source

	mu      sync.Mutex // guards what follows
	longest map[string]time.Duration
	results map[string]int
	stories [][]string // by chat, a word for each event
}

func (s *soak) listen() {
	add := func(chat int64, word string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stories[chat] = append(s.stories[chat], word)
	}
	s.OnConnectionChange(func(chat int64, info gotgcall.NetworkInfo) {
		add(chat, info.State.String())
		_, _ = s.Stats(chat)
	})
	s.OnStreamEnd(func(chat int64, _ gotgcall.StreamType, _ gotgcall.Device, err error) {
		if errors.Is(err, gotgcall.ErrStopped) {
			add(chat, "stopped")
		}
		_, _ = s.GetState(chat)
	})
	s.OnUpgrade(func(chat int64, _ gotgcall.MediaState) { _, _ = s.Position(chat) })
}

// inOrder checks the story of a chat: lives one after another, each of which may be
// connecting, connected and disconnected by turns, and ends once.
func inOrder(story []string) error {
	next := map[string][]string{
		"":             {"connecting", "closed", "timeout", "stopped"},
		"connecting":   {"connected", "disconnected", "closed", "failed", "timeout", "stopped"},
		"connected":    {"connecting", "disconnected", "closed", "failed", "timeout", "stopped"},
		"disconnected": {"connecting", "connected", "closed", "failed", "timeout", "stopped"},
		"stopped":      {"stopped", "closed"}, // of both tracks
	}
	at := ""
	for i, word := range story {
		if !slices.Contains(next[at], word) {
			return fmt.Errorf("%q after %q in %v", word, at, story[max(0, i-10):i+1])
		}
		if at = word; word == "closed" || word == "failed" || word == "timeout" {
			at = ""
		}
	}
	if at != "" {
		return fmt.Errorf("it ends with %q: %v", at, story[max(0, len(story)-10):])
	}
	return nil
}

// timed runs a verb, which must not hang.
func (s *soak) timed(name string, verb func() error) error {
	hangs := time.AfterFunc(soakBound, func() { panic(name + " hangs") })
	defer hangs.Stop()
	began := time.Now()
	err := verb()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.longest[name] = max(s.longest[name], time.Since(began))
	s.results[name+": "+kindOf(err)]++
	return err
}

// kindOf names the sentinel of an error.
func kindOf(err error) string {
	for _, kind := range []error{
		gotgcall.ErrConnectionNotFound, gotgcall.ErrConnectionExists, gotgcall.ErrConnectionTimeout, gotgcall.ErrConnectionFailed,
		gotgcall.ErrInvalidParams, gotgcall.ErrFile, gotgcall.ErrFFmpegCrashed, gotgcall.ErrStopped, gotgcall.ErrStalled,
		gotgcall.ErrSourceReplaced, gotgcall.ErrSeekUnsupported, gotgcall.ErrNoSource, context.Canceled,
	} {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	if err != nil {
		return err.Error()
	}
	return "ok"
}

func (s *soak) makeSources(t *testing.T) {
	song := tones(t, "song.wav", mediatest.AudioSpec{Seconds: 8})
	clip := movie(t, "clip.mp4", mediatest.MovieSpec{Width: 160, Height: 90, FPS: "10", Duration: 5 * time.Second})
	files := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(song))))
	t.Cleanup(files.Close)
	hangs, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { hangs.Close() })
	both := gotgcall.EncodeOptions{Tracks: gotgcall.TrackAudio | gotgcall.TrackVideo}
	s.sources = map[string]gotgcall.Source{
		"song":    gotgcall.FromFile(song, gotgcall.EncodeOptions{}),
		"clip":    gotgcall.FromFile(clip, both),
		"url":     gotgcall.FromURL(files.URL+"/song.wav", gotgcall.EncodeOptions{}),
		"shell":   gotgcall.FromShell(fmt.Sprintf("ffmpeg -i %s -c:a libopus -f ogg -", song), gotgcall.TrackAudio),
		"short":   gotgcall.FromShell(fmt.Sprintf("ffmpeg -t 0.5 -i %s -c:a libopus -f ogg -", song), gotgcall.TrackAudio),
		"missing": gotgcall.FromFile(song+".missing", gotgcall.EncodeOptions{}),
		"hangs":   gotgcall.FromURL("http://"+hangs.Addr().String()+"/x.mp3", gotgcall.EncodeOptions{}),
		"killed":  gotgcall.FromShell(`sh -c "exit 3"`, gotgcall.TrackAudio),
	}
}

// soakLife is what one chat does.
type soakLife struct {
	*soak
	t      *testing.T
	chat   int64
	rand   *rand.Rand
	remote *sfu.Participant // the latest, or nil
}

// step does one thing, then waits for a moment.
func (l *soakLife) step() {
	if _, lives := l.Calls()[l.chat]; !lives {
		l.begin()
	} else {
		l.act()
	}
	<-time.After(time.Duration(l.rand.Int64N(int64(time.Second))))
}

// begin makes a call, or goes on with a lost one, half of the time.
func (l *soakLife) begin() {
	if l.rand.IntN(2) == 0 && l.rejoin() == nil {
		return
	}
	var params string
	err := l.timed("CreateCall", func() (err error) { params, err = l.CreateCall(l.chat); return err })
	if err != nil {
		return
	}
	if l.rand.IntN(3) == 0 {
		l.play() // armed before the connection
	}
	l.connect(params)
}

func (l *soakLife) rejoin() error {
	var params string
	err := l.timed("Rejoin", func() (err error) { params, err = l.Rejoin(l.chat); return err })
	if err == nil && l.rand.IntN(5) != 0 { // else Telegram refuses the join
		l.connect(params)
	}
	return err
}

func (l *soakLife) connect(params string) {
	server := l.good
	switch l.rand.IntN(10) {
	case 0:
		server = l.wrong
	case 1, 2, 3:
		server = l.lossy
	}
	answer, err := server.Join(context.Background(), params)
	if err != nil {
		l.t.Errorf("SFU: %v", err)
		return
	}
	if l.rand.IntN(20) == 0 {
		answer = "{}"
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if l.rand.IntN(10) == 0 {
		time.AfterFunc(time.Duration(l.rand.Int64N(int64(20*time.Millisecond))), cancel)
	}
	if l.timed("Connect", func() error { return l.ConnectContext(ctx, l.chat, answer) }) != nil {
		return
	}
	l.checkRemote()
	if ssrc, err := l.AudioSSRC(l.chat); err == nil {
		l.remote = server.Participant(ssrc)
	}
}

// checkRemote asserts that the server had no complaint of the latest connection.
func (l *soakLife) checkRemote() {
	if l.remote != nil {
		for _, v := range l.remote.Violations() {
			// A busy machine sends late, and reads reports late.
			if !strings.Contains(v, "abs-send-time") && !strings.Contains(v, "sender report") {
				l.t.Errorf("chat %d: %s", l.chat, v)
			}
		}
	}
	l.remote = nil
}

func (l *soakLife) play() {
	_ = l.timed("SetStreamSources", func() error { return l.SetStreamSources(l.chat, l.anySource()) })
}

func (l *soakLife) anySource() gotgcall.Source {
	names := slices.Sorted(maps.Keys(l.sources))
	return l.sources[names[l.rand.IntN(len(names))]]
}

// act does something to a call that lives.
func (l *soakLife) act() {
	set := func(name string, verb func(int64) (bool, error)) {
		_ = l.timed(name, func() error { _, err := verb(l.chat); return err })
	}
	switch l.rand.IntN(18) {
	case 0:
		set("Pause", l.Pause)
	case 1, 2:
		set("Resume", l.Resume)
	case 3:
		set("Mute", l.Mute)
	case 4:
		set("Unmute", l.Unmute)
	case 5:
		_ = l.timed("SeekTo", func() error { return l.SeekTo(l.chat, time.Duration(l.rand.Int64N(int64(10*time.Second)))) })
	case 6:
		_ = l.timed("SeekBy", func() error { return l.SeekBy(l.chat, l.rand.Int64N(6000)-3000) })
	case 7:
		l.leave()
	case 8:
		_ = l.rejoin()
	case 9:
		if l.remote != nil {
			l.remote.Kick()
		}
	case 10:
		if l.remote != nil {
			l.remote.Network().BlackOut(time.Duration(l.rand.Int64N(int64(5 * time.Second))))
		}
	case 11: // two at once
		var two sync.WaitGroup
		two.Add(1)
		go func() {
			defer two.Done()
			_ = l.timed("Stop", func() error { return l.Stop(l.chat) })
		}()
		l.play()
		two.Wait()
	case 12, 13:
		_ = l.timed("SetNextSource", func() error { return l.SetNextSource(l.chat, l.anySource()) })
	case 14:
		_ = l.timed("SetNextSource of nil", func() error { return l.SetNextSource(l.chat, nil) })
	default:
		l.play()
	}
}

func (l *soakLife) leave() {
	_ = l.timed("Stop", func() error { return l.Stop(l.chat) })
	l.checkRemote()
}
