package mediatest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/pion/opus"
)

// SampleRate is Opus' RTP clock rate (RFC 7587 section 4.1) and the rate of PCM.
const SampleRate = 48000

// PCM is decoded audio laid out on its RTP timeline.
type PCM struct {
	// Base is the timestamp of Samples[0].
	Base uint32
	// Samples are mono, the mean of both channels. Where no packet was there
	// is silence. An encoder's look-ahead (6.5 ms for ffmpeg's) is part of
	// them: no RTP receiver knows how much it is.
	Samples []float32
	// Gaps are the places where a packet does not begin where the one before
	// ends.
	Gaps []Gap
}

// Gap is a hole in the timeline.
type Gap struct {
	// At counts from the start of the PCM.
	At time.Duration
	// Length is negative when packets overlap.
	Length time.Duration
}

const (
	// maxOpusSamples is 120 ms, the longest packet (RFC 6716 section 3.2.5).
	maxOpusSamples = SampleRate * 120 / 1000
	// maxGap bounds the memory that a wild timestamp can ask for.
	maxGap = 10 * 60 * SampleRate
)

// DecodeOpus decodes the packets in the order of their timestamps, each
// timestamp once, and places them on the timeline that begins with the earliest.
func DecodeOpus(packets []Packet) (*PCM, error) {
	ordered := unwrapTimestamps(packets)
	slices.SortStableFunc(ordered, func(a, b timed) int { return cmp.Compare(a.time, b.time) })
	ordered = slices.CompactFunc(ordered, func(a, b timed) bool { return a.time == b.time })
	return decode(ordered, func(_ *PCM, p timed) int64 { return p.time - ordered[0].time })
}

// DecodeOpusInOrder decodes the packets one after another as they are given, each
// beginning where the one before ends, whatever the timestamps say.
func DecodeOpusInOrder(packets []Packet) (*PCM, error) {
	return decode(unwrapTimestamps(packets), func(pcm *PCM, _ timed) int64 { return int64(len(pcm.Samples)) })
}

// decode places each packet at a sample of the timeline.
func decode(packets []timed, at func(*PCM, timed) int64) (*PCM, error) {
	if len(packets) == 0 {
		return &PCM{}, nil
	}
	decoder, err := opus.NewDecoderWithOutput(SampleRate, 2)
	if err != nil {
		return nil, fmt.Errorf("opus decoder: %w", err)
	}
	pcm := &PCM{Base: packets[0].Timestamp}
	stereo := make([]float32, 2*maxOpusSamples)
	for _, p := range packets {
		place := at(pcm, p)
		n, err := decoder.DecodeToFloat32(p.Payload, stereo)
		if err != nil {
			return nil, fmt.Errorf("decode opus packet at %v: %w", samplesToDuration(place), err)
		}
		if err := pcm.place(place, stereo[:2*n]); err != nil {
			return nil, err
		}
	}
	return pcm, nil
}

func (p *PCM) place(at int64, stereo []float32) error {
	end := int64(len(p.Samples))
	if at-end > maxGap {
		return fmt.Errorf("timestamp jumps from %v to %v", samplesToDuration(end), samplesToDuration(at))
	}
	if at != end {
		p.Gaps = append(p.Gaps, Gap{At: samplesToDuration(end), Length: samplesToDuration(at - end)})
	}
	if need := at + int64(len(stereo)/2); need > end {
		p.Samples = append(p.Samples, make([]float32, need-end)...)
	}
	for i := range len(stereo) / 2 {
		p.Samples[at+int64(i)] = (stereo[2*i] + stereo[2*i+1]) / 2
	}
	return nil
}

// Duration is the length of the timeline, silence included.
func (p *PCM) Duration() time.Duration { return samplesToDuration(int64(len(p.Samples))) }

// Timestamp is the RTP timestamp of a place on the timeline.
func (p *PCM) Timestamp(at time.Duration) uint32 {
	return p.Base + uint32(int64(at)*SampleRate/int64(time.Second))
}

func samplesToDuration(n int64) time.Duration {
	return time.Duration(n) * time.Second / SampleRate
}
