package source_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/opus"
	"github.com/gotgcall/gotgcall/media"
)

// datagram is the longest packet that is sent in one piece: see internal/wire.
const datagram = 1182

// TestLongPacketsFitADatagram, at the highest bit rates and of what is hard to encode.
func TestLongPacketsFitADatagram(t *testing.T) {
	t.Parallel()
	const (
		bursts = "aevalsrc='if(lt(mod(t,0.7),0.35),random(0)*2-1,0)|if(lt(mod(t,0.9),0.3),random(1)*2-1,0.2*sin(2764*t))':s=48000:d=4"
		sweeps = "aevalsrc='0.8*sin(6.28*t*(50+3600*t))+if(lt(mod(t,0.5),0.002),0.9,0)|0.8*sin(6.28*t*(15000-3000*t))':s=48000:d=4"
	)
	for name, lavfi := range map[string]string{"bursts": bursts, "sweeps": sweeps, "silence": "anullsrc=r=48000:d=2,atrim=duration=2"} {
		path := fixture(t, "packets_"+name+".flac", "-f", "lavfi", "-i", lavfi)
		for _, o := range []media.EncodeOptions{
			{PacketMs: 20},
			{PacketMs: 40},
			{PacketMs: 60},
			{PacketMs: 40, AudioBitrateKbps: 157},
			{PacketMs: 60, AudioBitrateKbps: 117},
			{PacketMs: 60, AudioBitrateKbps: 117, AudioChannels: 1},
			{PacketMs: 60, AudioBitrateKbps: 24},
			{PacketMs: 60, AudioBitrateKbps: 6, AudioChannels: 1},
			{PacketMs: 60, Voice: true},
			{PacketMs: 60, Voice: true, AudioBitrateKbps: 96, AudioChannels: 2},
		} {
			t.Run(fmt.Sprintf("%s %+v", name, o), func(t *testing.T) {
				t.Parallel()
				frames := play(t, media.FromFile(path, o))
				require.Greater(t, len(frames), 30)
				for _, f := range frames[:len(frames)-1] {
					require.Equal(t, time.Duration(o.PacketMs)*time.Millisecond, f.Duration)
					require.LessOrEqual(t, len(f.Data), datagram)
				}
			})
		}
	}
}

// TestPassedPacketsAreJoined: taken apart, they are those of the file.
func TestPassedPacketsAreJoined(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]string{
		"join-20.ogg":   {"-c:a", "libopus"},
		"join-20.webm":  {"-c:a", "libopus"},
		"join-10.ogg":   {"-c:a", "libopus", "-frame_duration", "10"},
		"join-2.5.webm": {"-c:a", "libopus", "-frame_duration", "2.5", "-application", "lowdelay"},
		"join-loud.ogg": {"-c:a", "libopus", "-ac", "2", "-b:a", "200k"},
		"join-60.ogg":   {"-c:a", "libopus", "-frame_duration", "60"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := fixture(t, name, tone("5", options...)...)
			whole, err := media.FromFile(path, media.EncodeOptions{}).Open(t.Context(), noEncoder())
			require.NoError(t, err)
			all, _ := readAll(t, whole)
			require.NoError(t, whole.Close())
			want := singles(t, all)
			src := media.FromFile(path, media.EncodeOptions{PacketMs: 60}).(media.SeekableSource)
			for _, at := range []time.Duration{0, 2345 * time.Millisecond} {
				stream, err := src.OpenAt(t.Context(), noEncoder(), at)
				require.NoError(t, err)
				origin := stream.(interface{ Origin() time.Duration }).Origin()
				require.InDelta(t, at.Seconds(), origin.Seconds(), 0.06)
				frames, end := readAll(t, stream)
				require.Equal(t, io.EOF, end)
				require.NoError(t, stream.Close())
				requireContiguous(t, frames, 5*time.Second-origin)
				long := 0
				for _, f := range frames {
					require.LessOrEqual(t, len(f.Data), datagram)
					if f.Duration == 60*time.Millisecond {
						long++
					}
				}
				if name != "join-loud.ogg" { // of which fewer fit a datagram
					require.GreaterOrEqual(t, long, len(frames)-4)
				}
				got := singles(t, frames)
				require.Equal(t, want[len(want)-len(got):], got, "bit by bit")
			}
		})
	}
}

// singles returns the frames of packets as packets of one frame each.
func singles(t *testing.T, packets []media.Frame) (all [][]byte) {
	t.Helper()
	for _, p := range packets {
		frames, ok := opus.Frames(nil, p.Data)
		require.True(t, ok)
		for _, frame := range frames {
			all = append(all, append([]byte{p.Data[0] &^ 3}, frame...))
		}
	}
	return all
}
