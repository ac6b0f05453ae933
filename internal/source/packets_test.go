package source_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
