package e2e_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/internal/sfu/netem"
)

// awaitPosition waits until a call has played to a position.
func (s *fixture) awaitPosition(t testing.TB, chat int64, position time.Duration) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		at, err := s.Position(chat)
		require.NoError(t, err)
		if at >= position {
			return
		}
		select {
		case <-ticker.C:
		case <-t.Context().Done():
			t.Fatalf("at %s, not yet at %s", at, position)
		}
	}
}

// TestSwitchLeavesNoHoleOnTheWire switches between files that play: from the last
// sound of one to the first of the next is less than 60 ms of RTP time, and each
// plays from its first sample on.
func TestSwitchLeavesNoHoleOnTheWire(t *testing.T) {
	t.Parallel()
	const sources = 5
	path := movie(t, "movie.mp4", mediatest.MovieSpec{Width: 160, Height: 90, FPS: "25", Duration: 20 * time.Second, Sweep: true})
	watch := watchMachine(t)
	s, remote := connected(t, sfu.Config{})
	for range sources {
		require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{Tracks: both})))
		s.awaitPosition(t, chat, 700*time.Millisecond)
	}
	sound, pictures := s.leave(t, chat, remote)
	for _, track := range []struct {
		packets []mediatest.Packet
		rate    time.Duration
		longest time.Duration
	}{
		{sound, mediatest.SampleRate, 59 * time.Millisecond},
		// Pictures are 40 ms apart, and the first of a source waits for the
		// last sound before it, which is 20 ms long.
		{pictures, mediatest.VideoClockRate, 65 * time.Millisecond},
	} {
		require.NoError(t, mediatest.Inspect(track.packets).Err())
		var steps []time.Duration
		for i := 1; i < len(track.packets); i++ {
			step := time.Duration(int32(track.packets[i].Timestamp-track.packets[i-1].Timestamp)) * time.Second / track.rate
			require.GreaterOrEqual(t, step, time.Duration(0))
			steps = append(steps, step)
		}
		slices.Sort(steps)
		slices.Reverse(steps)
		steps = steps[min(int(s.last.ClockMoves), len(steps)-sources):] // those are the machine's
		t.Log("longest steps", steps[:sources])
		// Who wakes late switches late, but not each time.
		if watch.late() < 20*time.Millisecond {
			require.LessOrEqual(t, steps[0], track.longest)
		}
		require.LessOrEqual(t, steps[sources/2], track.longest)
	}
	serially(func() {
		pcm, err := mediatest.DecodeOpusInOrder(sound)
		require.NoError(t, err)
		heard := pcm.Sweep()
		require.Len(t, heard, sources, "%v", heard)
		for i, h := range heard {
			require.InDelta(t, 0, h.Position.Seconds(), 0.04, "%v", h)
			if i > 0 {
				require.InDelta(t, 0, (h.Start - heard[i-1].End).Seconds(), 0.04, "%v", heard)
			}
		}
	})
	require.Len(t, s.awaitEnds(t, 2), 2, "Stop ended the last")
	require.Empty(t, s.ends)
}

// TestPauseIsFrameExactOnTheWire pauses twice and decodes what arrived as if there
// had been no pause: not a sample is missing, so no tone jumps.
func TestPauseIsFrameExactOnTheWire(t *testing.T) {
	t.Parallel()
	path := sweep(t, "a.wav", mediatest.AudioSpec{Seconds: 4})
	for name, c := range map[string]struct {
		src     gotgcall.Source
		packet  time.Duration
		packets []int // of 4 s and the encoder's look-ahead
	}{
		"20 ms":  {gotgcall.FromFile(path, gotgcall.EncodeOptions{}), 20 * time.Millisecond, []int{201}},
		"60 ms":  {gotgcall.FromFile(path, gotgcall.EncodeOptions{PacketMs: 60}), 60 * time.Millisecond, []int{67}},
		"joined": {gotgcall.Repacketized(gotgcall.FromShell("ffmpeg -i "+path, gotgcall.TrackAudio), 60), 60 * time.Millisecond, []int{67, 68}}, // three loud frames do not fit
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, remote := playing(t, sfu.Config{}, c.src)
			for _, at := range []time.Duration{time.Second, 2500 * time.Millisecond} {
				s.awaitPosition(t, chat, at)
				changed, err := s.Pause(chat)
				require.NoError(t, err)
				require.True(t, changed)
				before, err := s.Position(chat)
				require.NoError(t, err)
				<-time.After(500 * time.Millisecond)
				after, err := s.Position(chat)
				require.NoError(t, err)
				require.LessOrEqual(t, after-before, c.packet, "at most the frame that was being written")
				changed, err = s.Resume(chat)
				require.NoError(t, err)
				require.True(t, changed)
			}
			require.NoError(t, s.awaitEnds(t, 1)[0].err)
			packets, _ := s.leave(t, chat, remote)
			require.Contains(t, c.packets, len(packets))
			s.checkSweep(t, packets, 4*time.Second, 2)
		})
	}
}

// TestSenderReportsHoldThroughEverything: pauses, mutes, other sources and seeks
// leave RTP and NTP time on one line, for both tracks.
func TestSenderReportsHoldThroughEverything(t *testing.T) {
	t.Parallel()
	path := movie(t, "movie.mp4", mediatest.MovieSpec{Width: 160, Height: 90, FPS: "25", Duration: 20 * time.Second})
	var mu sync.Mutex
	reports := make(map[uint32][]*rtcp.SenderReport)
	s := newFixture(t, sfu.Config{OnRTCP: func(_ *sfu.Participant, packets []rtcp.Packet, _ time.Time) {
		mu.Lock()
		defer mu.Unlock()
		for _, p := range packets {
			if sr, ok := p.(*rtcp.SenderReport); ok {
				reports[sr.SSRC] = append(reports[sr.SSRC], sr)
			}
		}
	}})
	remote := s.join(t, chat)
	src := gotgcall.FromFile(path, gotgcall.EncodeOptions{Tracks: both})
	require.NoError(t, s.SetStreamSources(chat, src))
	for _, step := range []func() error{
		func() error { _, err := s.Pause(chat); return err },
		func() error { _, err := s.Resume(chat); return err },
		func() error { _, err := s.Mute(chat); return err },
		func() error { _, err := s.Unmute(chat); return err },
		func() error { return s.SetStreamSources(chat, src) },
		func() error { return s.SeekTo(chat, 10*time.Second) },
	} {
		<-time.After(1100 * time.Millisecond) // at least one report in each state
		require.NoError(t, step())
	}
	s.leave(t, chat, remote)
	mu.Lock()
	defer mu.Unlock()
	for ssrc, rate := range map[uint32]float64{remote.SSRC(): 48000, remote.SSRC() + 1: 90000} {
		got := reports[ssrc]
		require.GreaterOrEqual(t, len(got), 5)
		for _, sr := range got {
			seconds := float64(sr.NTPTime-got[0].NTPTime) / (1 << 32)
			require.InDelta(t, seconds, float64(sr.RTPTime-got[0].RTPTime)/rate, 0.005)
		}
	}
}

// TestHammer switches 200 times from eight goroutines while others pause, seek and set
// what is next.
// What was asked for last plays, whole.
func TestHammer(t *testing.T) {
	// Not parallel: 200 encoders leave no processor to who measures time.
	long := tones(t, "long.wav", mediatest.AudioSpec{Seconds: 20})
	s, remote := connected(t, sfu.Config{})
	var switches, others sync.WaitGroup
	stop := make(chan struct{})
	var won atomic.Int32
	for range 8 {
		switches.Add(1)
		go func() {
			defer switches.Done()
			for range 25 {
				err := s.SetStreamSources(chat, gotgcall.FromFile(long, gotgcall.EncodeOptions{}))
				if err == nil {
					won.Add(1)
				} else if !errors.Is(err, gotgcall.ErrSourceReplaced) {
					t.Error(err)
				}
			}
		}()
	}
	for range 2 {
		others.Add(1)
		go func() {
			defer others.Done()
			for {
				select {
				case <-stop:
					return
				default:
				}
				_, _ = s.Pause(chat)
				err := s.SeekTo(chat, time.Duration(rand.N(15))*time.Second)
				if err != nil && !errors.Is(err, gotgcall.ErrSourceReplaced) && !errors.Is(err, gotgcall.ErrNoSource) {
					t.Error(err)
				}
				err = s.SetNextSource(chat, gotgcall.FromFile(long, gotgcall.EncodeOptions{}))
				if err != nil && !errors.Is(err, gotgcall.ErrSourceReplaced) {
					t.Error(err)
				}
				_, _ = s.Resume(chat)
			}
		}()
	}
	switches.Wait()
	close(stop)
	others.Wait()
	require.Positive(t, won.Load())
	require.Empty(t, s.ends, "everything was replaced")
	_, err := s.Resume(chat)
	require.NoError(t, err)
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(tones(t, "last.wav", mediatest.AudioSpec{Seconds: 1}), gotgcall.EncodeOptions{})))
	require.NoError(t, s.awaitEnds(t, 1)[0].err)
	packets, _ := s.leave(t, chat, remote)
	require.NoError(t, mediatest.Inspect(packets).Err())
}

func TestStatsTellWhatWasSentAndHeard(t *testing.T) {
	t.Parallel()
	path := movie(t, "movie.mp4", mediatest.MovieSpec{Width: 160, Height: 90, FPS: "25", Duration: 4 * time.Second})
	s, remote := connected(t, sfu.Config{NACK: true, Up: netem.Shape{MediaLoss: 0.1}, Seed: 7})
	before, err := s.Stats(chat)
	require.NoError(t, err)
	require.Equal(t, gotgcall.Connected, before.State)
	require.False(t, before.ConnectedAt.IsZero())
	require.Positive(t, before.ConnectTime)
	require.Empty(t, before.Tracks)
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{Tracks: both})))
	playing, err := s.Stats(chat)
	require.NoError(t, err)
	require.Equal(t, []gotgcall.StreamType{gotgcall.Video, gotgcall.Audio}, playing.Tracks)
	require.NoError(t, s.SeekTo(chat, time.Second))
	s.awaitEnds(t, 2)
	st, err := s.Stats(chat)
	require.NoError(t, err)
	require.Equal(t, remote.SSRC(), st.Audio.SSRC)
	require.GreaterOrEqual(t, st.Audio.Packets, uint64(150))
	require.Greater(t, st.Audio.Bytes, st.Audio.Packets)
	require.GreaterOrEqual(t, st.Video.Packets, uint64(50))
	require.Positive(t, st.Video.Retransmitted)
	require.Positive(t, st.Audio.Lost+st.Video.Lost)
	require.Positive(t, st.Audio.RoundTrip)
	require.Less(t, st.Audio.RoundTrip, 5*time.Second)
	require.EqualValues(t, 1, st.SourceRestarts)
	require.LessOrEqual(t, st.Audio.FractionLost, 1.0)
	require.False(t, math.Signbit(st.Audio.FractionLost))
}

// TestThousandChatsAndASlowCallback: nothing is lost, each chat's events come in
// order, and the slow callback is named.
func TestThousandChatsAndASlowCallback(t *testing.T) {
	t.Parallel()
	log := newLogRecorder()
	client, err := gotgcall.New(gotgcall.WithLogger(log.logger()), gotgcall.WithDispatchBuffer(16))
	require.NoError(t, err)
	defer client.Close()
	const chats = 1000
	var got [chats][]gotgcall.ConnState // no lock: callbacks come one at a time
	var all sync.WaitGroup
	all.Add(2 * chats)
	client.OnConnectionChange(func(chat int64, info gotgcall.NetworkInfo) {
		if chat == 0 && info.State == gotgcall.Connecting {
			log.await("a callback is slow or blocks")
		}
		got[chat] = append(got[chat], info.State)
		all.Done()
	})
	for chat := range int64(chats) {
		_, err := client.CreateCall(chat)
		require.NoError(t, err)
		require.ErrorIs(t, client.Connect(chat, "{}"), gotgcall.ErrInvalidParams)
	}
	all.Wait()
	for chat := range got {
		require.Equal(t, []gotgcall.ConnState{gotgcall.Connecting, gotgcall.Failed}, got[chat])
	}
	slow := log.await("a callback is slow or blocks")
	require.Equal(t, "OnConnectionChange", slow["callback"])
	require.EqualValues(t, 0, slow["chat"])
	log.await("events are waiting for the callbacks")
}

// asking is a slog handler that asks the Client something.
type asking struct {
	slog.Handler
	ask func()
}

func (a asking) Handle(context.Context, slog.Record) error { a.ask(); return nil }

// TestLoggerMayAskTheClient: no lock of a call is held while the logger runs.
func TestLoggerMayAskTheClient(t *testing.T) {
	t.Parallel()
	var client *gotgcall.Client
	asked := make(chan struct{}, 64)
	handler := asking{slog.NewTextHandler(io.Discard, nil), func() {
		_, err := client.Position(chat)
		if err == nil {
			_, err = client.Stats(chat)
		}
		if err == nil {
			asked <- struct{}{}
		}
	}}
	client, err := gotgcall.New(gotgcall.WithLogger(slog.New(handler)), gotgcall.WithDispatchBuffer(1))
	require.NoError(t, err)
	defer client.Close()
	release := make(chan struct{})
	client.OnUpgrade(func(int64, gotgcall.MediaState) { <-release })
	_, err = client.CreateCall(chat)
	require.NoError(t, err)
	for range 2 { // one event in the callback, three wait
		_, err = client.Mute(chat)
		require.NoError(t, err)
		_, err = client.Unmute(chat)
		require.NoError(t, err)
	}
	<-asked
	close(release)
}

func TestUpgradeTellsWhatTheBotShows(t *testing.T) {
	t.Parallel()
	s := newFixture(t, sfu.Config{})
	states := make(chan gotgcall.MediaState, 64)
	s.OnUpgrade(func(_ int64, state gotgcall.MediaState) { states <- state })
	s.join(t, chat)
	_, err := s.Resume(chat)
	require.NoError(t, err)
	_, err = s.Mute(chat)
	require.NoError(t, err)
	path := movie(t, "movie.mp4", mediatest.MovieSpec{Width: 160, Height: 90, FPS: "25", Duration: time.Second})
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{Tracks: both})))
	s.awaitEnds(t, 2)
	for _, want := range []gotgcall.MediaState{
		{Muted: true, VideoStopped: true, PresentationPaused: true},
		{Muted: true, PresentationPaused: true},
		{Muted: true, VideoStopped: true, PresentationPaused: true},
	} {
		require.Equal(t, want, <-states)
	}
	require.Empty(t, states)
}
