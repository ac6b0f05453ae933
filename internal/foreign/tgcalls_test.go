package foreign

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

// member is a foreign client in a process of its own.
type member struct {
	in  io.WriteCloser
	out *bufio.Scanner
}

// line is what a member says, one thing at a time.
type line struct {
	Join  string
	Offer string
	State string
	Heard struct{ Rate, Samples, Concealed int }
	Error string
}

// newMember starts a script of the folder node. It ends with the test.
func newMember(t *testing.T, script string) *member {
	t.Helper()
	node := program(t, "node")
	if _, err := os.Stat(filepath.Join("node", "node_modules")); err != nil {
		missing(t, "the packages of the folder node are not installed: run npm ci there")
	}
	cmd := exec.CommandContext(t.Context(), node, script)
	cmd.Dir = "node"
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait() // killed by now if it did not end by itself
	})
	return &member{in, bufio.NewScanner(out)}
}

func (m *member) tell(t *testing.T, v any) {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	_, err = m.in.Write(append(raw, '\n'))
	require.NoError(t, err)
}

// until reads what the member says until it fits.
func (m *member) until(t *testing.T, fits func(line) bool) line {
	t.Helper()
	for m.out.Scan() {
		var l line
		require.NoError(t, json.Unmarshal(m.out.Bytes(), &l), m.out.Text())
		require.Empty(t, l.Error)
		if fits(l) {
			return l
		}
	}
	require.FailNow(t, "the member is gone", "%v", m.out.Err())
	return line{}
}

// ear keeps what a server receives.
type ear struct {
	mu      sync.Mutex // guards packets
	packets map[uint32][]mediatest.Packet
}

func newEar(cfg *sfu.Config) *ear {
	e := &ear{packets: map[uint32][]mediatest.Packet{}}
	cfg.OnRTP = func(_ *sfu.Participant, p sfu.Packet) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.packets[p.Header.SSRC] = append(e.packets[p.Header.SSRC],
			mediatest.NewPacket(&rtp.Packet{Header: p.Header, Payload: p.Payload}, p.Arrival))
	}
	return e
}

func (e *ear) of(ssrc uint32) []mediatest.Packet {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.packets[ssrc])
}

// tones are the first ones of mediatest.
func tones(count int) []float64 {
	var all []float64
	for n := range count {
		all = append(all, mediatest.ToneFrequency(n))
	}
	return all
}

// checkTones wants the tones in their order, a second of each.
func (e *ear) checkTones(t *testing.T, ssrc uint32, count int) {
	t.Helper()
	pcm, err := mediatest.DecodeOpus(e.of(ssrc))
	require.NoError(t, err)
	requireTones(t, pcm, count)
}

func requireTones(t *testing.T, pcm *mediatest.PCM, count int) {
	t.Helper()
	var (
		length = make([]time.Duration, count)
		order  []int
	)
	for _, tone := range pcm.Tones() {
		require.Less(t, tone.Index, count)
		length[tone.Index] += tone.End - tone.Start
		order = append(order, tone.Index)
	}
	require.True(t, slices.IsSorted(order), order)
	for n := range length {
		require.InDelta(t, 1, length[n].Seconds(), 0.2, "tone %d", n)
	}
}

// checkVideo wants whole frames on the one layer that a payload declares.
func (e *ear) checkVideo(t *testing.T, join string) {
	t.Helper()
	var payload struct {
		Groups []struct{ Sources []int32 } `json:"ssrc-groups"`
	}
	require.NoError(t, json.Unmarshal([]byte(join), &payload))
	frames, broken := mediatest.Assemble(e.of(uint32(payload.Groups[0].Sources[0])))
	require.LessOrEqual(t, broken, 1, "the last one may be on its way")
	require.Greater(t, len(frames), 60, "24 a second and more, but for those the encoder leaves out")
}

// TestTgcallsIsHeardAndSeen: the npm client joins each kind of server, and what it
// sends is what it played.
func TestTgcallsIsHeardAndSeen(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]sfu.Config{
		"lite":        {ICE: sfu.Lite},
		"controlled":  {ICE: sfu.Controlled},
		"controlling": {ICE: sfu.Controlling},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ear := newEar(&cfg)
			server, err := sfu.New(cfg)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, server.Close()) })
			m := newMember(t, "member.js")
			m.tell(t, map[string]any{
				"tones": tones(4), "width": 320, "height": 180,
			})
			join := m.until(t, func(l line) bool { return l.Join != "" }).Join
			answer, err := server.Join(t.Context(), join)
			require.NoError(t, err)
			p := server.Participants()[0]
			m.tell(t, map[string]string{"answer": answer})
			m.until(t, func(l line) bool { return l.State == "connected" || l.State == "completed" })
			m.until(t, func(l line) bool { return l.State == "finished" })
			ear.checkTones(t, p.SSRC(), 4)
			ear.checkVideo(t, join)

			// It writes one header extension into the answer it makes of ours, and its
			// timers fall behind the clock.
			for _, violation := range p.Violations() {
				require.Regexp(t, `^((audio|video|rtx) extension [23] missing|sender report clock): `, violation)
			}
		})
	}
}
