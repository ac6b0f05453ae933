package sfutest_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/sfutest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const chat = int64(-1001234567890)

func newClient(t *testing.T) *gotgcall.Client {
	t.Helper()
	client, err := gotgcall.New()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

// join connects a chat's call.
func join(t *testing.T, server *sfutest.Server, client *gotgcall.Client, chat int64) *sfutest.Participant {
	t.Helper()
	params, err := client.CreateCall(chat)
	require.NoError(t, err)
	answer, err := server.Join(t.Context(), params)
	require.NoError(t, err)
	require.NoError(t, client.Connect(chat, answer))
	ssrc, err := client.AudioSSRC(chat)
	require.NoError(t, err)
	p := server.Participant(ssrc)
	require.NotNil(t, p)
	return p
}

// TestTonesAreHeardExactly: frequency, start and end of each, also to a strict server.
func TestTonesAreHeardExactly(t *testing.T) {
	t.Parallel()
	frequencies := []float64{150, 1000, 440, 8000, 452.5, 3001}
	path := t.TempDir() + "/tones.wav"
	require.NoError(t, sfutest.WriteTones(path, time.Second, frequencies...))
	for name, test := range map[string]struct {
		opts     []sfutest.Option
		packetMs int
	}{
		"plain":                {nil, 20},
		"strict, long packets": {[]sfutest.Option{sfutest.WithStrict()}, 60},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, client := sfutest.NewServer(t, test.opts...), newClient(t)
			p := join(t, server, client, chat)
			ended := make(chan error, 1)
			client.OnStreamEnd(func(_ int64, _ gotgcall.StreamType, _ gotgcall.Device, err error) { ended <- err })
			require.NoError(t, client.SetStreamSources(chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{PacketMs: test.packetMs})))
			tones, err := p.Tones(t.Context(), 1)
			require.NoError(t, err)
			require.Len(t, tones, 1, "the first is heard while it sounds")
			require.NoError(t, <-ended)
			heard, err := p.Heard(t.Context(), 6*time.Second)
			require.NoError(t, err)
			require.InDelta(t, 6, heard.Seconds(), 0.1)
			tones, err = p.Tones(t.Context(), len(frequencies))
			require.NoError(t, err)
			require.Len(t, tones, len(frequencies))
			for i, tone := range tones {
				require.InDelta(t, frequencies[i], tone.Frequency, 5)
				t.Log(tone)
				require.InDelta(t, float64(i), tone.Start.Seconds(), 0.04)
				require.InDelta(t, float64(i+1), tone.End.Seconds(), 0.04)
			}
			require.Empty(t, p.Violations())
			p.Kick()
			tones, err = p.Tones(t.Context(), 100)
			require.ErrorIs(t, err, sfutest.ErrKicked)
			require.Len(t, tones, len(frequencies), "what was heard is returned")
		})
	}
}

func TestPicturesAreSeen(t *testing.T) {
	t.Parallel()
	const command = "ffmpeg -f lavfi -i testsrc=size=320x180:rate=25 -c:v libvpx -deadline realtime -f ivf pipe:1"
	path := t.TempDir() + "/movie.mkv"
	require.NoError(t, mediatest.MakeMovie(t.Context(), "ffmpeg", path,
		mediatest.MovieSpec{Width: 320, Height: 180, FPS: "25", Duration: 20 * time.Second, NoAudio: true}))
	for name, src := range map[string]gotgcall.Source{
		"VP8":   gotgcall.FromShell(command, gotgcall.TrackVideo),
		"H.264": gotgcall.FromFile(path, gotgcall.EncodeOptions{Tracks: gotgcall.TrackVideo, VideoEncoder: gotgcall.H264}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seePictures(t, src, name == "H.264")
		})
	}
}

func seePictures(t *testing.T, src gotgcall.Source, h264 bool) {
	t.Helper()
	server, client := sfutest.NewServer(t), newClient(t)
	p := join(t, server, client, chat)
	require.NoError(t, client.SetStreamSources(chat, src))
	pictures, err := p.Pictures(t.Context(), 20)
	require.NoError(t, err)
	stats, err := client.Stats(chat)
	require.NoError(t, err)
	require.True(t, pictures[0].Key)
	require.Zero(t, pictures[0].At)
	off := uint64(0)
	for i, picture := range pictures {
		require.Equal(t, "(320,180)", picture.Size.String())
		require.NotEmpty(t, picture.Data)
		require.Equal(t, h264, picture.H264)
		if i > 0 {
			step := (picture.At - pictures[i-1].At).Seconds()
			require.Greater(t, step, 0.039)
			if step > 0.041 {
				off++
			}
		}
	}
	require.LessOrEqual(t, off, stats.FramesLate+stats.PicturesShed, "what a busy machine puts off or leaves out")
	require.NoError(t, client.Stop(chat))
	_, err = p.Pictures(t.Context(), 1_000_000)
	require.ErrorIs(t, err, sfutest.ErrLeft)
}

func TestAcceptReturnsEachConnectedParticipantOnce(t *testing.T) {
	t.Parallel()
	server, client := sfutest.NewServer(t), newClient(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := server.Accept(ctx)
	require.ErrorIs(t, err, context.Canceled)
	params, err := client.CreateCall(0) // never connects
	require.NoError(t, err)
	_, err = server.Join(t.Context(), params)
	require.NoError(t, err)
	server.Participants()[0].Kick()
	accepted := make(chan *sfutest.Participant)
	go func() { // ends with the server
		defer close(accepted)
		for p, err := server.Accept(t.Context()); err == nil; p, err = server.Accept(t.Context()) {
			accepted <- p
		}
	}()
	for chat := int64(1); chat <= 3; chat++ {
		want := join(t, server, client, chat)
		require.Same(t, want, <-accepted)
	}
	require.Len(t, server.Participants(), 3)
	require.NoError(t, server.Close())
	require.Nil(t, <-accepted)
	_, err = server.Accept(t.Context())
	require.ErrorIs(t, err, sfutest.ErrClosed)
}

func TestRefusedJoinHasACode(t *testing.T) {
	t.Parallel()
	server := sfutest.NewServer(t)
	_, err := server.Join(t.Context(), "[]")
	var refused *sfutest.JoinError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "DATA_JSON_INVALID", refused.Code)
	require.NoError(t, server.Close())
	require.NoError(t, server.Close())
	params, err := newClient(t).CreateCall(chat)
	require.NoError(t, err)
	_, err = server.Join(t.Context(), params)
	require.ErrorIs(t, err, sfutest.ErrClosed)
}

func TestNetworkIsMadeWorse(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/tones.wav"
	require.NoError(t, sfutest.WriteTones(path, time.Minute, 1000))
	server := sfutest.NewServer(t, sfutest.WithSeed(1), sfutest.WithNetwork(sfutest.Network{Loss: 0.05, Delay: 20 * time.Millisecond}, sfutest.Network{}))
	client, err := gotgcall.New(gotgcall.WithICETimeouts(time.Second, 2*time.Second, 200*time.Millisecond))
	require.NoError(t, err)
	defer client.Close()
	ended := make(chan error, 1)
	client.OnStreamEnd(func(_ int64, _ gotgcall.StreamType, _ gotgcall.Device, err error) { ended <- err })
	p := join(t, server, client, chat)
	require.NoError(t, client.SetStreamSources(chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{})))
	_, err = p.Heard(t.Context(), time.Second)
	require.NoError(t, err)
	require.Error(t, p.SetNetwork(sfutest.Network{Loss: 2}, sfutest.Network{}))
	require.NoError(t, p.SetNetwork(sfutest.Network{}, sfutest.Network{}))
	p.BlackOut(time.Minute)
	require.ErrorIs(t, <-ended, gotgcall.ErrConnectionFailed)
	require.Empty(t, p.Violations(), "its own losses are not the client's")
}

func TestBadOptionsFail(t *testing.T) {
	t.Parallel()
	for _, opt := range []sfutest.Option{
		sfutest.WithListenIP("nowhere"), sfutest.WithSilence(-1),
		sfutest.WithNetwork(sfutest.Network{}, sfutest.Network{Delay: -1}),
	} {
		_, err := sfutest.Start(opt)
		require.Error(t, err)
	}
	require.Error(t, sfutest.WriteTones(t.TempDir()+"/x", 0, 440))
	require.Error(t, sfutest.WriteTones(t.TempDir()+"/x", time.Second))
}
