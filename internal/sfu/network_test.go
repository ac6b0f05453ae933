package sfu_test

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/internal/sfu/netem"
)

// eventually waits for what a participant's statistics are to say.
func eventually(t *testing.T, p *sfu.Participant, fits func(sfu.Stats) bool) sfu.Stats {
	t.Helper()
	require.Eventually(t, func() bool { return fits(p.Stats()) }, waitFor, 10*time.Millisecond)
	return p.Stats()
}

// TestOwnLossIsNotTheClientsFault: packets that the SFU's own network loses, doubles
// and lets others overtake break no rule.
func TestOwnLossIsNotTheClientsFault(t *testing.T) {
	t.Parallel()
	_, c, p := connected(t, sfu.Config{Seed: 1}, clientOptions{})
	require.NoError(t, p.Network().SetUp(netem.Shape{
		MediaLoss: 0.05, Duplicate: 0.1, Reorder: 0.1, ReorderBy: 50 * time.Millisecond, Jitter: 5 * time.Millisecond,
	}))
	c.keepSending(t)
	st := eventually(t, p, func(st sfu.Stats) bool {
		return st.NetworkDropped > 5 && st.Doubled > 10 && st.Overtaken > 10
	})
	assert.Positive(t, st.Streams[c.audio].Duplicates)
	assert.Empty(t, p.Violations())
}

func TestNarrowLineLosesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	_, c, p := connected(t, sfu.Config{}, clientOptions{})
	// Audio and video of keepSending take 100 kbit/s with all headers.
	require.NoError(t, p.Network().SetUp(netem.Shape{Rate: 50_000, Queue: 2000}))
	c.keepSending(t)
	st := eventually(t, p, func(st sfu.Stats) bool { return st.NetworkDropped > 20 && st.Streams[c.audio].Packets > 30 })
	assert.Zero(t, st.Streams[c.audio].Duplicates)
	assert.Empty(t, p.Violations())
}

func TestBlackOutOfOneDirection(t *testing.T) {
	t.Parallel()
	_, c, p := connected(t, sfu.Config{}, clientOptions{})
	c.keepSending(t)
	eventually(t, p, func(st sfu.Stats) bool { return st.Streams[c.audio].Packets > 0 })
	p.Network().BlackOutUp(time.Hour)
	before := eventually(t, p, func(st sfu.Stats) bool { return st.NetworkDropped > 10 })
	require.NoError(t, p.RequestKeyFrame())
	hear(t, c, "PLI", func(*rtcp.PictureLossIndication) bool { return true })
	p.Network().BlackOutUp(0)
	p.Network().BlackOutDown(time.Hour)
	eventually(t, p, func(st sfu.Stats) bool {
		return st.Streams[c.audio].Packets > before.Streams[c.audio].Packets+20
	})
	for len(c.feedback) > 0 {
		<-c.feedback
	}
	require.NoError(t, p.RequestKeyFrame())
	p.Network().BlackOutDown(0)
	hear(t, c, "transport-wide feedback after the black-out", func(*rtcp.TransportLayerCC) bool { return true })
	for len(c.feedback) > 0 {
		assert.IsNotType(t, &rtcp.PictureLossIndication{}, <-c.feedback, "it was asked for in the dark")
	}
	assert.Empty(t, p.Violations())
}
