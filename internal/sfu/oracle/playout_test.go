package oracle_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/assert"

	"github.com/gotgcall/gotgcall/internal/sfu/oracle"
)

const (
	mediaSSRC, rtxSSRC = 11, 12
	// frameTime is the time between two frames, jitterDelay what the buffer waits.
	frameTime   = 40 * time.Millisecond
	jitterDelay = 500 * time.Millisecond
)

// film is a stream of 100 frames of three packets, a key frame each 25, whose numbers
// wrap on the way.
func film() []oracle.Packet {
	start := time.Unix(1000, 0)
	var packets []oracle.Packet
	for n := range 100 {
		for part := range 3 {
			payload := []byte{0x80, 0x80, 0x80 | byte((n+0x7fd0)>>8&0x7f), byte(n + 0x7fd0), 1, 2, 3}
			if part == 0 {
				payload[0] |= 0x10
			}
			if part == 0 && n%25 == 0 {
				payload[4] = 0
			}
			packets = append(packets, oracle.Packet{
				Header: rtp.Header{
					SSRC: mediaSSRC, PayloadType: 100, Marker: part == 2,
					SequenceNumber: uint16(65500 + len(packets)), Timestamp: uint32(n)*3600 - 90000,
				},
				Payload: payload,
				Arrival: start.Add(time.Duration(n) * frameTime),
			})
		}
	}
	return packets
}

// again is a packet repeated after some time.
func again(pkt oracle.Packet, after time.Duration) oracle.Packet {
	rtx := pkt
	rtx.Header.SSRC, rtx.Header.PayloadType, rtx.Header.SequenceNumber = rtxSSRC, 101, pkt.Header.SequenceNumber+777
	rtx.Payload = append(binary.BigEndian.AppendUint16(nil, pkt.Header.SequenceNumber), pkt.Payload...)
	rtx.Arrival = pkt.Arrival.Add(after)
	return rtx
}

func TestPlayoutCountsWhatIsDecodableInTime(t *testing.T) {
	t.Parallel()
	lose := func(packets []oracle.Packet, lost ...int) []oracle.Packet {
		for i := len(lost) - 1; i >= 0; i-- {
			packets = append(packets[:lost[i]:lost[i]], packets[lost[i]+1:]...)
		}
		return packets
	}
	for name, test := range map[string]struct {
		change func([]oracle.Packet) []oracle.Packet
		want   oracle.PlayoutReport
	}{
		"everything comes": {
			func(p []oracle.Packet) []oracle.Packet { return p },
			oracle.PlayoutReport{Frames: 100, InTime: 100, Decodable: 100},
		},
		"a packet is lost": { // of frame 20; the next key frame is 25
			func(p []oracle.Packet) []oracle.Packet { return lose(p, 61) },
			oracle.PlayoutReport{Frames: 100, InTime: 99, Decodable: 95, Longest: 5},
		},
		"the last of a frame": {
			func(p []oracle.Packet) []oracle.Packet { return lose(p, 62) },
			oracle.PlayoutReport{Frames: 100, InTime: 99, Decodable: 95, Longest: 5},
		},
		"the first of a frame": {
			func(p []oracle.Packet) []oracle.Packet { return lose(p, 60) },
			oracle.PlayoutReport{Frames: 100, InTime: 99, Decodable: 95, Longest: 5},
		},
		"two whole frames": { // 20 and 21
			func(p []oracle.Packet) []oracle.Packet { return lose(p, 60, 61, 62, 63, 64, 65) },
			oracle.PlayoutReport{Frames: 100, InTime: 98, Decodable: 95, Longest: 5},
		},
		"the first key frame": {
			func(p []oracle.Packet) []oracle.Packet { return lose(p, 1) },
			oracle.PlayoutReport{Frames: 100, InTime: 99, Decodable: 75, Longest: 25},
		},
		"repeated in time": {
			func(p []oracle.Packet) []oracle.Packet {
				rtx := again(p[61], jitterDelay)
				return append(lose(p, 61), rtx)
			},
			oracle.PlayoutReport{Frames: 100, InTime: 100, Decodable: 100, Recovered: 1},
		},
		"repeated too late": {
			func(p []oracle.Packet) []oracle.Packet {
				rtx := again(p[61], jitterDelay+1)
				return append(lose(p, 61), rtx)
			},
			oracle.PlayoutReport{Frames: 100, InTime: 99, Late: 1, Decodable: 95, Recovered: 1, Longest: 5},
		},
		"repeated in vain": {
			func(p []oracle.Packet) []oracle.Packet { return append(p, again(p[61], time.Second)) },
			oracle.PlayoutReport{Frames: 100, InTime: 100, Decodable: 100},
		},
		"the line stalls": { // frames 50 to 59 come together, 540 ms to 180 ms late
			func(p []oracle.Packet) []oracle.Packet {
				for i := 150; i < 180; i++ {
					p[i].Arrival = p[179].Arrival.Add(180 * time.Millisecond)
				}
				return p
			},
			oracle.PlayoutReport{Frames: 100, InTime: 99, Late: 1, Decodable: 75, Longest: 25},
		},
		"in another order": {
			func(p []oracle.Packet) []oracle.Packet {
				for i := 100; i < 110; i += 2 {
					p[i], p[i+1] = p[i+1], p[i]
				}
				return p
			},
			oracle.PlayoutReport{Frames: 100, InTime: 100, Decodable: 100},
		},
		"twice": {
			func(p []oracle.Packet) []oracle.Packet { return append(p, p[50:60]...) },
			oracle.PlayoutReport{Frames: 100, InTime: 100, Decodable: 100},
		},
		"padding and probes between": {
			func(p []oracle.Packet) []oracle.Packet {
				padding := p[299]
				padding.Header.SequenceNumber++
				padding.Header.Timestamp += 100
				padding.Payload = nil
				probe := again(p[3], 0)
				probe.Payload = nil
				return append(p, padding, probe)
			},
			oracle.PlayoutReport{Frames: 100, InTime: 100, Decodable: 100},
		},
		"nothing comes": {func([]oracle.Packet) []oracle.Packet { return nil }, oracle.PlayoutReport{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var play oracle.Playout
			for _, pkt := range test.change(film()) {
				play.Add(pkt)
			}
			got := play.Video(mediaSSRC, rtxSSRC, jitterDelay)
			assert.Equal(t, test.want, got)
			if got.Frames > 0 {
				assert.InDelta(t, float64(got.Decodable)/100, got.Share(), 1e-9)
			}
		})
	}
}

func TestPlayoutOfAudioMissesWhatIsLost(t *testing.T) {
	t.Parallel()
	var play oracle.Playout
	assert.Zero(t, play.Audio(mediaSSRC, 0).Share())
	start := time.Unix(1000, 0)
	for n := range 100 {
		if n == 30 || n == 31 {
			continue
		}
		late := time.Duration(0)
		if n == 70 {
			late = 101 * time.Millisecond
		}
		play.Add(oracle.Packet{
			Header:  rtp.Header{SSRC: mediaSSRC, PayloadType: 111, SequenceNumber: uint16(n), Timestamp: uint32(n) * 960},
			Payload: []byte{1},
			Arrival: start.Add(time.Duration(n)*20*time.Millisecond + late),
		})
	}
	assert.Equal(t, oracle.PlayoutReport{Frames: 100, InTime: 97, Late: 1, Decodable: 97, Longest: 2},
		play.Audio(mediaSSRC, 100*time.Millisecond))
}
