package e2e_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
)

// pcmTone returns samples of a tone, mono at 24 kHz.
func pcmTone(length time.Duration) []byte {
	var b []byte
	for i := range int(length * 24000 / time.Second) {
		v := int16(12000 * math.Sin(2*math.Pi*700*float64(i)/24000))
		b = append(b, byte(v), byte(v>>8))
	}
	return b
}

// A program hears a caller, answers with a voice of its own, and falls silent when it is
// interrupted.
func TestDialogue(t *testing.T) {
	t.Parallel()
	s, remotes, people := listening(t, 2)
	agent, caller := chat, chat+1
	voice := gotgcall.FromPCM(gotgcall.PCMFormat{Rate: 24000, Channels: 1}, gotgcall.EncodeOptions{Voice: true})
	require.NoError(t, s.SetStreamSources(agent, voice))
	heard := make(chan struct{}, 10_000)
	require.NoError(t, s.SetParticipants(agent, people))
	require.NoError(t, s.SetStreamSinks(agent, gotgcall.ToFunc(func(r gotgcall.Received) {
		if r.UserID == people[1].UserID && !r.Silent() {
			heard <- struct{}{}
		}
	})))
	packets := gotgcall.FromOpus()
	require.NoError(t, s.SetStreamSources(caller, packets))
	speak := func() {
		for range 10 {
			_, err := packets.Write([]byte{31 << 3, 10, 20, 30, 40, 50})
			require.NoError(t, err)
		}
		for range 10 {
			<-heard
		}
	}
	// sounds counts the packets of the agent that are no silence.
	sounds := func() (n int) {
		for _, p := range s.received(remotes[0].SSRC()) {
			if len(p.Payload) > 20 {
				n++
			}
		}
		return n
	}
	await := func(what string, holds func() bool) {
		t.Helper()
		require.Eventually(t, holds, 30*time.Second, 5*time.Millisecond, what)
	}
	speak()
	require.Zero(t, sounds())
	_, err := voice.Write(pcmTone(10 * time.Second))
	require.NoError(t, err)
	await("the answer begins", func() bool { return sounds() > 25 })
	speak()
	voice.Flush()
	flushed := sounds()
	require.Zero(t, voice.Waiting())
	_, err = voice.Write(pcmTone(time.Second))
	require.NoError(t, err)
	require.NoError(t, voice.Close())
	require.NoError(t, packets.Close())
	for _, end := range s.awaitEnds(t, 2) {
		require.NoError(t, end.err)
	}
	// Ten seconds of answer were taken back, but for what was on its way; the last second
	// was heard whole.
	require.InDelta(t, flushed+50, sounds(), 12)
	s.leave(t, agent, remotes[0])
	s.leave(t, caller, remotes[1])
}
