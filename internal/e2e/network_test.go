package e2e_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/e2e/synthetic"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/internal/sfu/netem"
	"github.com/gotgcall/gotgcall/internal/sfu/oracle"
)

// TestSoundSurvivesANarrowWay sends a picture of 800 kbit/s and sound over a line of
// 300 kbit/s for 30 s. The picture gives way.
func TestSoundSurvivesANarrowWay(t *testing.T) {
	t.Parallel()
	if strict() {
		t.Skip("its transport-wide feedback is malformed: nothing tells the client how narrow the path is")
	}
	s, remote := connected(t, sfu.Config{Up: netem.Shape{Rate: 300_000, QueueTime: 500 * time.Millisecond, Delay: 20 * time.Millisecond}})
	const cmd = `ffmpeg -f lavfi -i testsrc2=size=640x360:rate=25 -f lavfi -i sine=frequency=440 -t 30 -c:v libvpx -b:v 800k -deadline realtime -cpu-used 16 -g 50 -c:a libopus -b:a 96k`
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromShell(cmd, both)))
	for _, end := range s.awaitEnds(t, 2) {
		require.NoError(t, end.err)
	}
	stats, err := s.Stats(chat)
	require.NoError(t, err)
	require.Positive(t, stats.PicturesShed)
	require.Positive(t, stats.Bandwidth)
	require.NoError(t, s.Stop(chat))
	<-remote.Done()
	sound := s.received(remote.SSRC())
	report := mediatest.Inspect(sound)
	t.Logf("%d packets of sound, %d lost; %d pictures held back; %d kbit/s arrive", report.Packets, report.Lost, stats.PicturesShed, stats.Bandwidth/1000)
	require.Less(t, float64(report.Lost)/float64(report.Packets), 0.03)
}

// TestPictureGoesOnWhenTheWayGetsLonger: from one moment on packets take 150 ms longer,
// as after a change of route. Nothing queues, so nearly all pictures are sent.
func TestPictureGoesOnWhenTheWayGetsLonger(t *testing.T) {
	t.Parallel()
	const pictures = 20 * 25
	path := movie(t, "movie.mp4", mediatest.MovieSpec{Width: 160, Height: 90, FPS: "25", Duration: 20 * time.Second})
	s, remote := playing(t, sfu.Config{Up: netem.Shape{Delay: 20 * time.Millisecond}}, gotgcall.FromFile(path, gotgcall.EncodeOptions{Tracks: both}))
	s.awaitPosition(t, chat, 3*time.Second)
	require.NoError(t, remote.Network().SetUp(netem.Shape{Delay: 170 * time.Millisecond}))
	s.awaitEnds(t, 2)
	_, video := s.leave(t, chat, remote)
	frames, _ := mediatest.Assemble(video)
	t.Logf("%d of %d pictures arrived, %d were held back", len(frames), pictures, s.last.PicturesShed)
	require.Greater(t, len(frames), pictures*2/3)
}

// TestTwentySecondsOfSilenceAreSurvived: the server is gone for 20 s and back, and
// playback goes on where the clock says.
func TestTwentySecondsOfSilenceAreSurvived(t *testing.T) {
	t.Parallel()
	path := tones(t, "a.wav", mediatest.AudioSpec{Seconds: 24})
	s, remote := playing(t, sfu.Config{}, gotgcall.FromFile(path, gotgcall.EncodeOptions{}))
	s.awaitPosition(t, chat, time.Second)
	remote.Network().BlackOut(20 * time.Second)
	for _, want := range []gotgcall.ConnState{gotgcall.Connecting, gotgcall.Connected, gotgcall.Disconnected, gotgcall.Connected} {
		require.Equal(t, want, <-s.states)
	}
	require.NoError(t, s.awaitEnds(t, 1)[0].err)
	require.NoError(t, s.Stop(chat))
	<-remote.Done()
	order := tonesIn(t, s.received(remote.SSRC()))
	require.Equal(t, 0, order[0])
	require.Equal(t, 23%mediatest.ToneCount, order[len(order)-1])
	require.Less(t, len(order), 8, "what was played into the silence is gone")
}

// TestVideoLateInACall: sound alone while the server collects idle SSRCs after 5 s,
// then a picture: it arrives.
func TestVideoLateInACall(t *testing.T) {
	t.Parallel()
	path := movie(t, "movie.mp4", mediatest.MovieSpec{Width: 160, Height: 90, FPS: "25", Duration: 2 * time.Second})
	s, remote := playing(t, sfu.Config{IdleVideoGC: 5 * time.Second}, synthetic.Source{Frames: 600, Size: 200})
	s.awaitEnds(t, 1)
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{Tracks: both})))
	s.awaitEnds(t, 2)
	_, pictures := s.leave(t, chat, remote)
	frames, broken := mediatest.Assemble(pictures)
	require.Zero(t, broken)
	require.Len(t, frames, 50)
}

// TestThreeHundredCallsShareSockets: calls to ten servers all play, over a handful
// of sockets.
func TestThreeHundredCallsShareSockets(t *testing.T) {
	// Not parallel: it takes the whole machine.
	const calls, servers, frames = 300, 10, 50
	client, err := gotgcall.New(gotgcall.WithSharedUDPMux())
	require.NoError(t, err)
	defer client.Close()
	var ended sync.WaitGroup
	client.OnStreamEnd(func(_ int64, _ gotgcall.StreamType, _ gotgcall.Device, err error) {
		if err == nil {
			ended.Done()
		}
	})
	before := usage(t).descriptors
	var farEnds [servers]*sfu.SFU
	for i := range farEnds {
		farEnds[i], err = sfu.New(sfu.Config{ListenIP: fmt.Sprintf("127.0.0.%d", i+1)})
		require.NoError(t, err)
		defer farEnds[i].Close()
	}
	var remotes []*sfu.Participant
	for chat := range int64(calls) {
		server := farEnds[chat%servers]
		params, err := client.CreateCall(chat)
		require.NoError(t, err)
		answer, err := server.Join(t.Context(), params)
		require.NoError(t, err)
		require.NoError(t, client.Connect(chat, answer))
		ssrc, err := client.AudioSSRC(chat)
		require.NoError(t, err)
		remotes = append(remotes, server.Participant(ssrc))
	}
	if before > 0 { // the servers have a socket for each participant
		require.Less(t, usage(t).descriptors-before-calls, 60, "sockets of the client")
	}
	ended.Add(calls)
	for chat := range int64(calls) {
		require.NoError(t, client.SetStreamSources(chat, synthetic.Source{Frames: frames, Size: 200}))
	}
	ended.Wait()
	for chat := range int64(calls) {
		require.NoError(t, client.Stop(chat))
	}
	for i, remote := range remotes {
		<-remote.Done()
		require.Empty(t, remote.Violations(), "call %d", i)
		require.EqualValues(t, frames, remote.Stats().Streams[remote.SSRC()].Packets, "call %d", i)
	}
}

// TestLossIsRepaired: what the line loses of a picture is sent again in time. At 5 %
// loss and 30 ms of delay more than 98 % of the frames are there when they are due.
func TestLossIsRepaired(t *testing.T) {
	t.Parallel()
	path := movie(t, "movie.mp4", mediatest.MovieSpec{Width: 320, Height: 180, FPS: "25", Duration: 12 * time.Second, Sweep: true})
	for _, c := range []struct {
		loss, least float64
		encoder     gotgcall.VideoEncoder
		packetMs    int
	}{{0.05, 0.98, gotgcall.VP8, 20}, {0.05, 0.98, gotgcall.H264, 60}, {0.10, 0.97, gotgcall.VP8, 20}} {
		t.Run(fmt.Sprint(c.loss, c.encoder), func(t *testing.T) {
			t.Parallel()
			var play oracle.Playout
			line := netem.Shape{Loss: c.loss, Delay: 15 * time.Millisecond}
			s := newFixture(t, sfu.Config{
				Up: line, Down: line, NACK: true, Seed: 3,
				OnRTP: func(_ *sfu.Participant, p sfu.Packet) { play.Add(p) },
			})
			remote := s.join(t, chat)
			ssrc := remote.SSRC()
			for _, end := range s.play(t, chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{
				Tracks: both, VideoEncoder: c.encoder, PacketMs: c.packetMs,
			}), 2) {
				require.NoError(t, end.err)
			}
			sound, _ := s.leave(t, chat, remote)
			stats := s.last
			if stats.ClockMoves == 0 {
				requireInPlace(t, sound, time.Duration(c.packetMs)*time.Millisecond)
			}
			report := play.Video(ssrc+1, ssrc+2, 500*time.Millisecond)
			t.Logf("%+v, %d shed", report, stats.PicturesShed)
			if stats.FramesLate == 0 { // a machine that stands still looks like a full line
				require.Zero(t, stats.PicturesShed, "random loss is no full line")
			}
			if stats.FramesLate > 0 { // the machine has some of it
				c.least -= 0.03
			}
			require.Greater(t, float64(report.InTime), c.least*float64(report.Frames))
		})
	}
}

// requireInPlace asserts that all that arrived of a sweep belongs to its RTP time.
func requireInPlace(t *testing.T, sound []mediatest.Packet, packet time.Duration) {
	t.Helper()
	serially(func() {
		pcm, err := mediatest.DecodeOpus(sound)
		require.NoError(t, err)
		heard := slices.DeleteFunc(pcm.Sweep(), func(h mediatest.Stretch) bool {
			return h.End-h.Start < 2*packet // a packet among lost ones: too short to be placed exactly
		})
		require.Greater(t, len(heard), 1, "the line loses some")
		for _, h := range heard {
			require.InDelta(t, heard[0].Offset().Seconds(), h.Offset().Seconds(), 0.004, "%v", heard)
		}
	})
}

// TestForwardedMediaIsDropped: the server forwards what each of three participants
// sends to the others, who send only. It disturbs nothing.
func TestForwardedMediaIsDropped(t *testing.T) {
	t.Parallel()
	s := newFixture(t, sfu.Config{Forward: true})
	var remotes []*sfu.Participant
	for chat := range int64(3) {
		remotes = append(remotes, s.join(t, chat))
	}
	for chat := range int64(3) {
		require.NoError(t, s.SetStreamSources(chat, synthetic.Source{Frames: 150, Size: 200}))
	}
	for _, end := range s.awaitEnds(t, 3) {
		require.NoError(t, end.err)
	}
	for chat, remote := range remotes {
		packets, _ := s.leave(t, int64(chat), remote)
		require.Len(t, packets, 150)
	}
}
