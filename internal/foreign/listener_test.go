package foreign

import (
	"encoding/binary"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

// TestWebRTCHearsPacketsOfEachLength: libwebrtc without a browser, whose jitter buffer and
// decoder are those of Telegram's clients.
func TestWebRTCHearsPacketsOfEachLength(t *testing.T) {
	t.Parallel()
	const chat, count = int64(-1001234567890), 4
	path := t.TempDir() + "/tones.wav"
	require.NoError(t, mediatest.MakeTones(t.Context(), "ffmpeg", path, mediatest.AudioSpec{Seconds: count}))
	file := func(packetMs int) gotgcall.Source {
		return gotgcall.FromFile(path, gotgcall.EncodeOptions{PacketMs: packetMs})
	}
	for name, src := range map[string]gotgcall.Source{
		"20 ms": file(20), "60 ms": file(60), "joined": gotgcall.Repacketized(file(20), 60),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, err := sfu.New(sfu.Config{})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, server.Close()) })
			client, err := gotgcall.New()
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, client.Close()) })
			ended := make(chan error, 1)
			client.OnStreamEnd(func(_ int64, _ gotgcall.StreamType, _ gotgcall.Device, err error) { ended <- err })
			params, err := client.CreateCall(chat)
			require.NoError(t, err)
			answer, err := server.Join(t.Context(), params)
			require.NoError(t, err)
			require.NoError(t, client.Connect(chat, answer))

			m := newMember(t, "listener.js")
			offer := m.until(t, func(l line) bool { return l.Offer != "" }).Offer
			sdp, err := server.Listen(t.Context(), offer)
			require.NoError(t, err)
			m.tell(t, map[string]string{"answer": sdp})
			m.until(t, func(l line) bool { return l.State == "connected" })
			require.NoError(t, client.SetStreamSources(chat, src))
			require.NoError(t, <-ended)
			raw := t.TempDir() + "/heard.raw"
			m.tell(t, map[string]string{"file": raw})
			heard := m.until(t, func(l line) bool { return l.Heard.Samples > 0 }).Heard
			require.Equal(t, mediatest.SampleRate, heard.Rate)
			requireTones(t, readPCM(t, raw), count)
			// It makes up the fading after the end, too.
			t.Logf("%d of %d samples concealed", heard.Concealed, heard.Samples)
		})
	}
}

// readPCM reads samples of 16 bits.
func readPCM(t *testing.T, path string) *mediatest.PCM {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	pcm := &mediatest.PCM{Samples: make([]float32, len(raw)/2)}
	for i := range pcm.Samples {
		pcm.Samples[i] = float32(int16(binary.LittleEndian.Uint16(raw[2*i:]))) / 32768
	}
	return pcm
}
