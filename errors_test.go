package gotgcall_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
)

// TestErrorsNameVerbAndSourceOnce: the Client names the verb, the source itself, and
// nothing is between them.
func TestErrorsNameVerbAndSourceOnce(t *testing.T) {
	t.Parallel()
	c, err := gotgcall.New(gotgcall.WithDTLSCertPool(0))
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	_, err = c.CreateCall(1)
	require.NoError(t, err)
	require.NoError(t, c.StartRTMP(2, "rtmp://127.0.0.1:1/app/key"))

	set := func(chat int64, src gotgcall.Source) error { return c.SetStreamSources(chat, src) }
	plain := gotgcall.EncodeOptions{}
	for _, test := range []struct {
		err  error
		want string
	}{
		{set(0, nil), "set stream sources: connection not found: chat 0"},
		{set(1, nil), "set stream sources: invalid parameters: nil source"},
		{set(1, gotgcall.FromFile("/no/file", plain)), `set stream sources: open file "/no/file": source not playable: `},
		{set(1, gotgcall.FromFile("f", gotgcall.EncodeOptions{VideoFPS: -1})), `set stream sources: open file "f": invalid parameters: VideoFPS is -1, want 1 to 240`},
		{set(1, gotgcall.FromURL("foo://x", plain)), "set stream sources: open URL: invalid parameters: want a URL of http, "},
		{set(1, gotgcall.FromShell("", gotgcall.TrackAudio)), "set stream sources: open audio command: invalid parameters: the command is empty"},
		{set(1, gotgcall.FromShell("no-such-program", gotgcall.TrackAudio)), "set stream sources: open audio command: ffmpeg did not start: "},
		{set(2, gotgcall.FromFile("/no/file", plain)), `set stream sources: open file "/no/file": source not playable: `},
		{set(2, gotgcall.FromShell("ffmpeg", gotgcall.TrackAudio)), "set stream sources: invalid parameters: only FromFile and FromURL can be played here"},
		{c.SeekTo(1, 0), "seek: no source"},
		{c.Connect(2, ""), "connect: wrong call mode: it is an RTMP call"},
		{second(c.Rejoin(2)), "rejoin: wrong call mode: it is an RTMP call"},
		{second(c.AudioSSRC(2)), "audio ssrc: wrong call mode: it is an RTMP call"},
		{second(c.CreateCall(2)), "create call: connection already exists: chat 2"},
		{c.StartRTMP(1, "rtmp://127.0.0.1:1/app/key"), "start rtmp: connection already exists: chat 1: wrong call mode: it is a WebRTC call"},
		{c.StartRTMP(3, "http://host/app/key"), "start rtmp: invalid parameters: rtmp url: want rtmp:// or rtmps://"},
		{c.Connect(1, "x"), "connect: join answer: invalid parameters: "},
		{c.Stop(1), "stop: connection not found: chat 1"},
		{second(c.Pause(1)), "pause: connection not found: chat 1"},
	} {
		require.ErrorContains(t, test.err, test.want)
		require.Equal(t, test.want, test.err.Error()[:len(test.want)])
	}
	require.NoError(t, c.Close())
	require.EqualError(t, c.SeekBy(2, 1), "seek: client closed")
}

func second[T any](_ T, err error) error { return err }
