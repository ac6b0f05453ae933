package record

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// Each stream is decoded by itself, at the rate that was asked for, and says what is
// missing.
func TestSamplesOfEachSpeaker(t *testing.T) {
	t.Parallel()
	packets := clicks(t, "0")
	for _, format := range []media.PCMFormat{{Rate: 16000, Channels: 1}, {Rate: 48000, Channels: 2}} {
		got := map[uint32][]byte{}
		missing := map[uint32]time.Duration{}
		w, err := Opener{}.OpenSink(t.Context(), media.Env{}, media.ToPCM(func(s media.Samples) {
			got[s.SSRC] = append(got[s.SSRC], s.Data...)
			missing[s.SSRC] += s.Missing
			require.Equal(t, int64(s.SSRC)*10, s.UserID)
		}, format))
		require.NoError(t, err)
		for n := range uint32(150) {
			for ssrc := range uint32(2) {
				if ssrc == 1 && n >= 60 && n < 65 {
					continue
				}
				require.NoError(t, w.Write(media.Received{
					SSRC: ssrc, UserID: int64(ssrc) * 10, Data: packets[n%50], RTPTime: n*960 + ssrc, Duration: frame, Arrival: time.Now(),
				}))
			}
		}
		require.NoError(t, w.Close())
		for ssrc, length := range []time.Duration{3 * time.Second, 2900 * time.Millisecond} {
			data := got[uint32(ssrc)]
			require.Len(t, data, int(length*time.Duration(format.Rate)/time.Second)*format.Channels*2)
			require.Equal(t, 3, loudSpots(data, format))
			require.Equal(t, 3*time.Second-length, missing[uint32(ssrc)])
		}
	}
}

// loudSpots counts the clicks in samples.
func loudSpots(data []byte, f media.PCMFormat) (spots int) {
	quiet := f.Rate
	for i := 0; i < len(data); i += 2 * f.Channels {
		if v := int16(binary.LittleEndian.Uint16(data[i:])); v > 6000 || v < -6000 {
			if quiet > f.Rate/4 {
				spots++
			}
			quiet = 0
		}
		quiet++
	}
	return spots
}

func TestSamplesOfOddFormats(t *testing.T) {
	t.Parallel()
	for _, f := range []media.PCMFormat{{}, {Rate: 44100, Channels: 2}, {Rate: 48000, Channels: 3}} {
		_, err := Opener{}.OpenSink(t.Context(), media.Env{}, media.ToPCM(func(media.Samples) {}, f))
		require.ErrorIs(t, err, models.ErrInvalidParams)
	}
}

// What is hostile is left out, and the next packet is decoded.
func TestHostilePacketsAreLeftOut(t *testing.T) {
	t.Parallel()
	good := clicks(t, "0")
	heard := 0
	w, err := Opener{}.OpenSink(t.Context(), media.Env{}, media.ToPCM(func(media.Samples) { heard++ }, media.PCMFormat{Rate: 48000, Channels: 2}))
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 3000 {
		bad := bytes.Clone(good[n%50])
		for range 3 {
			bad[random.IntN(len(bad))] = byte(random.Uint32())
		}
		require.NoError(t, w.Write(media.Received{Data: bad[:1+random.IntN(len(bad))], RTPTime: uint32(n) * 960, Duration: frame}))
	}
	before := heard
	require.NoError(t, w.Write(media.Received{Data: good[0], Duration: frame}))
	require.Equal(t, before+1, heard)
}
