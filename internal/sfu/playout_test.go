package sfu_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/internal/sfu/netem"
	"github.com/gotgcall/gotgcall/internal/sfu/oracle"
)

// TestPlayoutOfALossyLine: with repeated packets nearly everything is there in time,
// without them it is not.
func TestPlayoutOfALossyLine(t *testing.T) {
	t.Parallel()
	var play oracle.Playout
	_, c, p := connected(t, sfu.Config{
		Seed: 1, NACK: true,
		OnRTP: func(_ *sfu.Participant, pkt sfu.Packet) { play.Add(pkt) },
	}, clientOptions{})
	require.NoError(t, p.Network().SetUp(netem.Shape{MediaLoss: 0.05, Delay: 30 * time.Millisecond}))
	c.keepSending(t)
	eventually(t, p, func(st sfu.Stats) bool {
		return st.Streams[c.video].Packets > 150 && st.Streams[c.video].Recovered > 3
	})
	const delay = 3 * time.Second // a busy machine delays packets that nobody lost
	with, without := play.Video(c.video, c.rtx, delay), play.Video(c.video, 0, delay)
	t.Log(with, without)
	assert.Greater(t, with.Share(), 0.98)
	assert.Less(t, without.InTime, with.InTime-2)
	assert.Positive(t, with.Recovered)
}
