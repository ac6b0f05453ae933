package e2e_test

import (
	"fmt"
	"math"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/internal/webtest"
)

// pcm is what a listener of packets hears, of which some may be late.
func (s *fixture) pcm(t *testing.T, packets []mediatest.Packet) *mediatest.PCM {
	t.Helper()
	require.NoError(t, mediatest.Inspect(packets).Err())
	pcm, err := mediatest.DecodeOpus(packets)
	require.NoError(t, err)
	require.LessOrEqual(t, len(pcm.Gaps), int(s.last.ClockMoves), "%v", pcm.Gaps)
	pcm, err = mediatest.DecodeOpusInOrder(packets)
	require.NoError(t, err)
	return pcm
}

// TestSoundChangesWhereItIs: the sweep is heard whole and in its place over every change,
// each of which has its level, from within 300 ms on.
func TestSoundChangesWhereItIs(t *testing.T) {
	t.Parallel()
	path := sweep(t, "a.mp3", mediatest.AudioSpec{Seconds: 12})
	s, remote := playing(t, sfu.Config{}, gotgcall.FromFile(path, gotgcall.EncodeOptions{}))
	changes := []struct {
		sound gotgcall.Sound
		level float64 // beside the source's
	}{
		{gotgcall.Sound{Volume: 60}, -4.4},
		{gotgcall.Sound{Volume: 50, Bass: 6}, -6}, // the sweep has no bass
		{gotgcall.Sound{Volume: 50, Treble: -3}, math.NaN()},
		{gotgcall.Sound{Volume: 120}, 1.6},
		{gotgcall.Sound{}, 0},
	}
	var took []time.Duration
	for i, c := range changes {
		s.awaitPosition(t, chat, time.Duration(2*i+2)*time.Second)
		began := time.Now()
		require.NoError(t, s.SetSound(chat, c.sound))
		took = append(took, time.Since(began))
	}
	t.Log("SetSound took", took)
	require.NoError(t, s.awaitEnds(t, 1)[0].err)
	packets, _ := s.leave(t, chat, remote)
	serially(func() {
		pcm := s.pcm(t, packets)
		if s.last.ClockMoves == 0 {
			require.NoError(t, mediatest.CheckSweep(pcm.Sweep(), 0, 12*time.Second, 30*time.Millisecond))
		}
		before := pcm.Level(time.Second, 1900*time.Millisecond)
		for i, c := range changes {
			at := time.Duration(2*i+2) * time.Second
			if !math.IsNaN(c.level) && s.last.ClockMoves == 0 && took[i] < 250*time.Millisecond {
				level := pcm.Level(at+400*time.Millisecond, at+600*time.Millisecond)
				require.InDelta(t, c.level, level-before, 1, "%+v", c.sound)
			}
		}
	})
}

// requireSpeed asserts that the sweep is played at a speed between two times.
func requireSpeed(t *testing.T, pcm *mediatest.PCM, from, to time.Duration, speed float64) {
	t.Helper()
	var offsets []float64
	for at := from; at < to; at += 5 * time.Millisecond {
		if place, ok := pcm.SweepAt(at); ok {
			offsets = append(offsets, place.Seconds()-speed*at.Seconds())
		}
	}
	require.Greater(t, len(offsets), int((to-from)/(10*time.Millisecond)), "it is the sweep's pitch")
	third := len(offsets) / 3
	require.InDelta(t, median(offsets[:third]), median(offsets[2*third:]), 0.015, "at speed %v", speed)
}

func median(values []float64) float64 {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}

// TestSpeedKeepsPitchAndPlace: what is heard goes on from where it was at every change,
// the position is the media's, and the source ends where it should.
func TestSpeedKeepsPitchAndPlace(t *testing.T) {
	t.Parallel()
	const seconds = 16
	path := sweep(t, "a.m4a", mediatest.AudioSpec{Seconds: seconds})
	s, remote := connected(t, sfu.Config{})
	require.NoError(t, s.SetSound(chat, gotgcall.Sound{Speed: 1.5}))
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{})))
	speeds := []float64{1.5, 0.8, 2, 1}
	expected := 0.0 // how long it all takes
	last := 0.0
	for i, speed := range speeds {
		until := float64(4 * (i + 1))
		s.awaitPosition(t, chat, time.Duration(until*float64(time.Second)))
		at, err := s.Position(chat)
		require.NoError(t, err)
		if i+1 < len(speeds) {
			require.NoError(t, s.SetSound(chat, gotgcall.Sound{Speed: speeds[i+1]}))
		}
		length, err := s.Duration(chat)
		if i+1 < len(speeds) {
			require.NoError(t, err)
			require.InDelta(t, seconds, length.Seconds(), 0.1, "that of the media")
		}
		expected += (at.Seconds() - last) / speed
		last = at.Seconds()
	}
	require.NoError(t, s.awaitEnds(t, 1)[0].err)
	at, err := s.Position(chat)
	require.NoError(t, err)
	require.InDelta(t, seconds, at.Seconds(), 0.15)
	packets, _ := s.leave(t, chat, remote)
	serially(func() {
		pcm := s.pcm(t, packets)
		require.InDelta(t, expected, pcm.Duration().Seconds(), 0.5)
		if s.last.ClockMoves > 0 {
			return
		}
		// No place is left out or comes twice.
		var worst, before float64
		for at := 500 * time.Millisecond; at < pcm.Duration()-100*time.Millisecond; at += 50 * time.Millisecond {
			var places []float64
			for d := -20 * time.Millisecond; d <= 20*time.Millisecond; d += 5 * time.Millisecond {
				if place, ok := pcm.SweepAt(at + d); ok {
					places = append(places, place.Seconds())
				}
			}
			require.NotEmpty(t, places, "at %s", at)
			place := median(places)
			if before > 0 {
				worst = max(worst, place-before-0.1, 0.04-(place-before))
			}
			before = place
		}
		t.Log("a place is left out or repeated by at most", time.Duration(worst*float64(time.Second)))
		require.Less(t, worst, 0.03)
		requireSpeed(t, pcm, 500*time.Millisecond, 2500*time.Millisecond, 1.5)
		requireSpeed(t, pcm, pcm.Duration()-3*time.Second, pcm.Duration()-500*time.Millisecond, 1)
	})
}

// TestPicturesKeepUpWithTheSpeed: counters and tones of a film stay together.
func TestPicturesKeepUpWithTheSpeed(t *testing.T) {
	t.Parallel()
	path := movie(t, "movie.mp4", mediatest.MovieSpec{Width: 160, Height: 90, FPS: "20", Duration: 12 * time.Second, Sweep: true})
	s, remote := playing(t, sfu.Config{}, gotgcall.FromFile(path, gotgcall.EncodeOptions{Tracks: both}))
	s.awaitPosition(t, chat, 3*time.Second)
	began := time.Now()
	require.NoError(t, s.SetSound(chat, gotgcall.Sound{Speed: 1.25}))
	late := time.Since(began) > 190*time.Millisecond // some pictures are then late as well
	s.awaitEnds(t, 2)
	sound, pictures := s.leave(t, chat, remote)
	audio, video := s.clock(t, remote.SSRC(), 48000), s.clock(t, remote.SSRC()+1, 90000)
	serially(func() {
		pcm, err := mediatest.DecodeOpus(sound)
		require.NoError(t, err)
		frames, broken := mediatest.Assemble(pictures)
		require.Zero(t, broken)
		seen, err := mediatest.DecodePictures(t.Context(), ffmpeg, frames)
		require.NoError(t, err)
		start := audio(pcm.Timestamp(0))
		var worst float64
		for _, p := range seen {
			at := video(p.Timestamp).Sub(start)
			if at < 500*time.Millisecond || at > pcm.Duration()-200*time.Millisecond || p.Counter < 0 ||
				late && p.Counter > 3*20 && p.Counter < 5*20 || s.last.ClockMoves > 0 {
				continue
			}
			if place, ok := pcm.SweepAt(at); ok {
				worst = max(worst, math.Abs(place.Seconds()-float64(p.Counter)/20))
			}
		}
		t.Log("picture and sound are apart by at most", time.Duration(worst*float64(time.Second)))
		require.Less(t, worst, 0.02)
	})
}

// levels lists the levels of a source's sound in steps of a tenth of a second.
func levels(t *testing.T, packets []mediatest.Packet) (levels []float64) {
	t.Helper()
	serially(func() {
		pcm, err := mediatest.DecodeOpusInOrder(packets)
		require.NoError(t, err)
		for at := time.Duration(0); at+100*time.Millisecond <= pcm.Duration(); at += 100 * time.Millisecond {
			levels = append(levels, pcm.Level(at, at+100*time.Millisecond))
		}
	})
	return levels
}

// TestSoundIsKeptOverSourcesPauseAndRejoin: the next source has it, one changed while
// paused is heard from the first frame on, and a rejoined call goes on with it.
func TestSoundIsKeptOverSourcesPauseAndRejoin(t *testing.T) {
	t.Parallel()
	first := gotgcall.FromFile(tones(t, "a.wav", mediatest.AudioSpec{Seconds: 2}), gotgcall.EncodeOptions{})
	second := gotgcall.FromFile(tones(t, "b.wav", mediatest.AudioSpec{Seconds: 6}), gotgcall.EncodeOptions{})
	s := newFixture(t, sfu.Config{})
	params, err := s.CreateCall(chat)
	require.NoError(t, err)
	require.NoError(t, s.SetSound(chat, gotgcall.Sound{Volume: 50}))
	require.NoError(t, s.SetStreamSources(chat, first))
	require.NoError(t, s.SetNextSource(chat, second))
	remote := s.rejoin(t, chat, params)
	require.NoError(t, s.awaitEnds(t, 1)[0].err)
	s.awaitPosition(t, chat, time.Second)
	_, err = s.Pause(chat)
	require.NoError(t, err)
	at, err := s.Position(chat)
	require.NoError(t, err)
	require.NoError(t, s.SetSound(chat, gotgcall.Sound{Volume: 25}))
	now, err := s.Position(chat)
	require.NoError(t, err)
	require.Equal(t, at, now)
	_, err = s.Resume(chat)
	require.NoError(t, err)
	s.awaitPosition(t, chat, 3*time.Second)
	remote.Kick()
	require.ErrorIs(t, s.awaitEnds(t, 1)[0].err, gotgcall.ErrConnectionFailed)
	params, err = s.Rejoin(chat)
	require.NoError(t, err)
	again := s.rejoin(t, chat, params)
	sound, err := s.Sound(chat)
	require.NoError(t, err)
	require.Equal(t, gotgcall.Sound{Volume: 25, Speed: 1}, sound)
	require.NoError(t, s.awaitEnds(t, 1)[0].err)
	rest, _ := s.leave(t, chat, again)

	const full = -10.97 // of the tones, 0.4 of full scale in mono
	heard := levels(t, s.received(remote.SSRC()))
	require.InDelta(t, full-6, median(heard[2:18]), 1)
	require.InDelta(t, full-6, median(heard[22:29]), 1)
	require.InDelta(t, full-12, median(heard[len(heard)-10:]), 1)
	require.InDelta(t, full-12, median(levels(t, rest)), 1)
}

// TestSoundOfARadio: it is opened once more at its present, and never falls silent.
func TestSoundOfARadio(t *testing.T) {
	t.Parallel()
	song, err := os.ReadFile(tones(t, "radio.mp3", mediatest.AudioSpec{Seconds: 30, Options: []string{"-b:a", "128k"}}))
	require.NoError(t, err)
	server := webtest.Start(t, func(n int, _ *http.Request) webtest.Answer {
		return webtest.Answer{
			Status: "ICY 200 OK", Header: []string{"icy-name: Tones"}, Framing: webtest.Closing,
			Body: song[n*len(song)/10:], Pace: 640, // a 20 ms; twice as fast as it plays
		}
	})
	s, remote := playing(t, sfu.Config{}, gotgcall.FromURL(server.URL, gotgcall.EncodeOptions{}))
	info, err := s.SourceInfo(chat)
	require.NoError(t, err)
	require.Equal(t, gotgcall.SourceInfo{Live: true, Title: "Tones"}, info)
	_, err = s.Duration(chat)
	require.ErrorIs(t, err, gotgcall.ErrLive)
	s.awaitPosition(t, chat, 2*time.Second)
	require.NoError(t, s.SetSound(chat, gotgcall.Sound{Volume: 25}))
	at, err := s.Position(chat)
	require.NoError(t, err)
	require.ErrorIs(t, s.SetSound(chat, gotgcall.Sound{Volume: 25, Speed: 2}), gotgcall.ErrSoundUnsupported)
	s.awaitPosition(t, chat, at+2*time.Second)
	require.Len(t, server.Requests(), 2)
	packets, _ := s.leave(t, chat, remote)
	require.ErrorIs(t, s.awaitEnds(t, 1)[0].err, gotgcall.ErrStopped)
	heard := levels(t, packets)
	require.InDelta(t, -12, median(heard[len(heard)-15:])-median(heard[2:18]), 1)
	pcm, err := mediatest.DecodeOpus(packets)
	require.NoError(t, err)
	require.LessOrEqual(t, len(pcm.Gaps), int(s.last.ClockMoves), "%v", pcm.Gaps)
}

// TestSoundOfARTMPCall is published.
func TestSoundOfARTMPCall(t *testing.T) {
	t.Parallel()
	server := newReceiver(t, streamKey)
	s := newFixture(t, sfu.Config{})
	require.NoError(t, s.StartRTMP(chat, server.url(streamKey)))
	song := tones(t, "song.wav", mediatest.AudioSpec{Seconds: 20})
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(song, small(gotgcall.TrackAudio))))
	s.awaitPosition(t, chat, 3*time.Second)
	require.NoError(t, s.SetSound(chat, gotgcall.Sound{Volume: 10, Speed: 2}))
	began := time.Now()
	s.awaitPosition(t, chat, 8*time.Second)
	require.InDelta(t, 2.5, time.Since(began).Seconds(), 1.5)
	s.leaveRTMP(t)
	size, all := smallSize()
	got := judge(t, server.recordings(t, 1)[0], size, all)
	require.InDelta(t, 0.283, got.loudest(time.Second, 2*time.Second), 0.1)
	require.InDelta(t, 0.028, got.loudest(4*time.Second, 5*time.Second), 0.015)
}

// TestSoundOfLongPackets: what replaces them begins where they end.
func TestSoundOfLongPackets(t *testing.T) {
	t.Parallel()
	path := sweep(t, "a.wav", mediatest.AudioSpec{Seconds: 9})
	s, remote := playing(t, sfu.Config{}, gotgcall.FromFile(path, gotgcall.EncodeOptions{PacketMs: 60}))
	for _, volume := range []int{50, 60} {
		s.awaitPosition(t, chat, time.Duration(volume-20)*100*time.Millisecond)
		require.NoError(t, s.SetSound(chat, gotgcall.Sound{Volume: volume}))
	}
	require.NoError(t, s.awaitEnds(t, 1)[0].err)
	packets, _ := s.leave(t, chat, remote)
	s.checkSweep(t, packets, 9*time.Second, 0)
}

// TestSoundOfAFileThatIsPassedThrough: it is encoded while its sound is changed, and its
// own packets go on where that was. At most half a packet is left out or repeated.
func TestSoundOfAFileThatIsPassedThrough(t *testing.T) {
	t.Parallel()
	for _, frame := range []time.Duration{20 * time.Millisecond, 60 * time.Millisecond} {
		t.Run(frame.String(), func(t *testing.T) {
			t.Parallel()
			path := sweep(t, "a.ogg", mediatest.AudioSpec{Seconds: 9, Options: []string{"-b:a", "160k", "-frame_duration", fmt.Sprint(frame.Milliseconds())}})
			s, remote := playing(t, sfu.Config{}, gotgcall.FromFile(path, gotgcall.EncodeOptions{}))
			s.awaitPosition(t, chat, 3*time.Second)
			require.NoError(t, s.SetSound(chat, gotgcall.Sound{Volume: 50}))
			s.awaitPosition(t, chat, 6020*time.Millisecond)
			require.NoError(t, s.SetSound(chat, gotgcall.Sound{}))
			require.NoError(t, s.awaitEnds(t, 1)[0].err)
			packets, _ := s.leave(t, chat, remote)
			serially(func() {
				pcm := s.pcm(t, packets)
				if s.last.ClockMoves > 0 {
					return
				}
				for _, h := range pcm.Sweep() {
					require.InDelta(t, 0, h.Offset().Seconds(), (frame/2 + 12*time.Millisecond).Seconds(), "%v", pcm.Sweep())
				}
				own := pcm.Level(time.Second, 2900*time.Millisecond)
				require.InDelta(t, -6, pcm.Level(4*time.Second, 5900*time.Millisecond)-own, 1)
				require.InDelta(t, 0, pcm.Level(7*time.Second, 8900*time.Millisecond)-own, 1)
			})
		})
	}
}
