package sfu_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/sfu"
)

func TestDataChannelCarriesBothWays(t *testing.T) {
	t.Parallel()
	got := make(chan sfu.DataMessage, 1)
	_, c, p := connected(t, sfu.Config{
		SenderVideoHeight: 720,
		OnData:            func(_ *sfu.Participant, msg sfu.DataMessage) { got <- msg },
	}, clientOptions{})
	until(t, "open", p.DataOpen())
	assert.True(t, p.Stats().DataChannelOpen)
	assert.JSONEq(t, `{"colibriClass":"SenderVideoConstraints","videoConstraints":{"idealHeight":720}}`,
		until(t, "constraints", c.messages))
	require.NoError(t, p.SendData(`{"x":1}`))
	assert.Equal(t, `{"x":1}`, until(t, "message", c.messages))
	require.NoError(t, c.channel.SendText(`{"y":2}`))
	assert.Equal(t, `{"y":2}`, until(t, "message", got).Text)
	all := p.DataMessages()
	require.Len(t, all, 1)
	assert.Equal(t, `{"y":2}`, all[0].Text)
	assert.False(t, all[0].Binary)
	assert.Empty(t, p.Violations())
}

func TestClientWithoutDataChannelIsHeardNormally(t *testing.T) {
	t.Parallel()
	onRTP, heard := packets()
	_, c, p := connected(t, sfu.Config{OnRTP: onRTP}, clientOptions{noData: true})
	c.untilConnected(t)
	c.sendAudio(t, nil)
	until(t, "packet", heard)
	assert.False(t, p.Stats().DataChannelOpen)
	assert.Empty(t, p.Violations())
}

func TestTelegramTestHearsNobodyWithoutDataChannel(t *testing.T) {
	t.Parallel()
	onRTP, heard := packets()
	_, c, p := connected(t, sfu.Config{Strict: true, OnRTP: onRTP}, clientOptions{noData: true})
	c.untilConnected(t)
	for range 300 { // more than are kept
		c.sendAudio(t, nil)
	}
	require.Eventually(t, func() bool { return p.Stats().Held > 0 }, waitFor, 10*time.Millisecond)
	assert.Empty(t, heard)
	require.Eventually(t, func() bool { return len(p.Violations()) > 1 }, waitFor, 50*time.Millisecond)
	assert.Contains(t, p.Violations()[0], "burst")
	assert.Contains(t, p.Violations()[1], "data channel missing")
}

func TestTelegramTestKnowsVideoBySIMAlone(t *testing.T) {
	t.Parallel()
	onRTP, heard := packets()
	_, c, p := connected(t, sfu.Config{Strict: true, OnRTP: onRTP}, clientOptions{fidOnly: true})
	c.sendVideo(t, nil)
	until(t, "packet", heard)
	require.Len(t, p.Violations(), 1)
	assert.Contains(t, p.Violations()[0], "undeclared SSRC")
}
