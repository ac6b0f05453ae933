package sfu

import (
	"testing"
	"time"

	"github.com/gotgcall/gotgcall/internal/sfu/oracle"
	"github.com/gotgcall/gotgcall/internal/sfu/signaling"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	benchAudio, benchVideo, benchRTX = 10, 20, 21
)

// feedbackOf builds one feedback packet for three numbers, 10 ms apart, the first one
// 30 ms after a reference time.
func feedbackOf(t *testing.T, odd Feedback) *rtcp.TransportLayerCC {
	t.Helper()
	p := &Participant{
		req:  &signaling.Request{Audio: benchAudio, Layers: []signaling.Layer{{Media: benchVideo, RTX: benchRTX}}},
		twcc: twcc.NewRecorder(oracle.ReporterSSRC),
		odd:  odd,
	}
	// The count of the next one is 1.
	p.twcc.Record(benchAudio, 1, 0)
	p.buildFeedback()
	for n := range int64(3) {
		at := 1000*64*time.Millisecond + 30*time.Millisecond + time.Duration(n)*10*time.Millisecond
		p.twcc.Record(benchAudio, uint16(2+n), at.Microseconds())
	}
	pkts := p.buildFeedback()
	require.Len(t, pkts, 1)
	raw, err := pkts[0].Marshal()
	require.NoError(t, err)
	var fb rtcp.TransportLayerCC
	require.NoError(t, fb.Unmarshal(raw))
	return &fb
}

func TestFeedbackCanBeOdd(t *testing.T) {
	t.Parallel()
	type facts struct {
		ssrc, reference uint32
		count           uint8
		first, second   time.Duration
	}
	usual := facts{ssrc: benchAudio, reference: 1000, count: 1, first: 30 * time.Millisecond, second: 10 * time.Millisecond}
	for name, test := range map[string]struct {
		odd    Feedback
		change func(*facts)
	}{
		"not at all":       {Feedback{}, func(*facts) {}},
		"video":            {Feedback{Video: true}, func(f *facts) { f.ssrc = benchVideo }},
		"fixed count":      {Feedback{FixedCount: true}, func(f *facts) { f.count = 0 }},
		"coarse":           {Feedback{Coarse: true}, func(f *facts) { f.first = 0 }},
		"reference":        {Feedback{Reference: 5}, func(f *facts) { f.reference = 1005 }},
		"reference, wraps": {Feedback{Reference: 1<<24 - 1}, func(f *facts) { f.reference = 999 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := usual
			test.change(&want)
			fb := feedbackOf(t, test.odd)
			require.Len(t, fb.RecvDeltas, 3)
			assert.Equal(t, want, facts{
				ssrc: fb.MediaSSRC, reference: fb.ReferenceTime, count: fb.FbPktCount,
				first:  time.Duration(fb.RecvDeltas[0].Delta) * time.Microsecond,
				second: time.Duration(fb.RecvDeltas[1].Delta) * time.Microsecond,
			})
		})
	}
}

func TestFeedbackCanBeSwapped(t *testing.T) {
	t.Parallel()
	p := &Participant{
		req: &signaling.Request{Audio: benchAudio}, twcc: twcc.NewRecorder(oracle.ReporterSSRC), odd: Feedback{Swap: true},
	}
	var counts []uint8
	for n := range uint16(4) {
		p.twcc.Record(benchAudio, n, int64(n)*100_000)
		for _, pkt := range p.buildFeedback() {
			fb, ok := pkt.(*rtcp.TransportLayerCC)
			require.True(t, ok)
			counts = append(counts, fb.FbPktCount)
		}
	}
	assert.Equal(t, []uint8{1, 0, 3, 2}, counts)
}
