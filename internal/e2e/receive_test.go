package e2e_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

// ear is a sink that keeps what each user says, as packets for the judges.
type ear struct {
	mu      sync.Mutex
	packets map[int64][]mediatest.Packet
	lost    int
	skipped uint64
}

func (e *ear) hear(r gotgcall.Received) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.packets == nil {
		e.packets = make(map[int64][]mediatest.Packet)
	}
	n := len(e.packets[r.UserID])
	e.lost += r.Lost
	e.skipped = r.Skipped
	e.packets[r.UserID] = append(e.packets[r.UserID], mediatest.NewPacket(&rtp.Packet{
		Header:  rtp.Header{Version: 2, PayloadType: 111, SSRC: r.SSRC, SequenceNumber: uint16(n), Timestamp: r.RTPTime, Marker: n == 0},
		Payload: bytes.Clone(r.Data),
	}, r.Arrival))
}

func (e *ear) heard(user int64) []mediatest.Packet {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.packets[user]
}

// listening returns a fixture in which the calls of some chats hear each other, and the
// participants that they are.
func listening(t *testing.T, chats int, opts ...gotgcall.Option) (*fixture, []*sfu.Participant, []gotgcall.Participant) {
	t.Helper()
	s := newFixture(t, sfu.Config{Forward: true}, opts...)
	remotes := make([]*sfu.Participant, chats)
	people := make([]gotgcall.Participant, chats)
	for i := range remotes {
		remotes[i] = s.join(t, chat+int64(i))
		people[i] = gotgcall.Participant{UserID: 1000 + int64(i), AudioSSRC: remotes[i].SSRC()}
	}
	return s, remotes, people
}

// Two speakers are heard whole, each by name, by a function and in files, by a call that
// speaks itself.
func TestOthersAreHeard(t *testing.T) {
	t.Parallel()
	const length = 5
	path := sweep(t, "a.wav", mediatest.AudioSpec{Seconds: length})
	s, remotes, people := listening(t, 4)
	var function ear
	unknown := make(chan []uint32, 100)
	speaking := make(chan []gotgcall.Speaker, 1000)
	s.OnUnknownSSRC(func(_ int64, ssrcs []uint32) { unknown <- ssrcs })
	s.OnSpeaking(func(at int64, speakers []gotgcall.Speaker) {
		if at == chat {
			speaking <- speakers
		}
	})
	dir := filepath.Join(t.TempDir(), "recording")
	require.NoError(t, s.SetStreamSinks(chat, gotgcall.ToFunc(function.hear)))
	require.NoError(t, s.SetStreamSinks(chat+1, gotgcall.ToFiles(dir)))
	require.NoError(t, s.SetParticipants(chat, people[1:3]))
	require.NoError(t, s.SetParticipants(chat+1, people))
	for i := range 4 {
		require.NoError(t, s.SetStreamSources(chat+int64(i), gotgcall.FromFile(path, gotgcall.EncodeOptions{})))
	}
	require.Equal(t, []uint32{remotes[3].SSRC()}, <-unknown)
	require.NoError(t, s.SetParticipants(chat, people))
	s.awaitEnds(t, 4)
	require.NoError(t, s.SetStreamSinks(chat, nil))
	require.NoError(t, s.SetStreamSinks(chat+1, nil))

	for _, i := range []int64{1, 2} {
		packets := function.heard(1000 + i)
		require.NotEmpty(t, packets)
		require.Equal(t, remotes[i].SSRC(), packets[0].SSRC)
		s.checkSweep(t, packets, length*time.Second, 0)
	}
	require.Empty(t, function.heard(1000), "itself")
	require.NotEmpty(t, function.heard(0))
	require.Zero(t, function.lost)
	require.Zero(t, function.skipped)
	var loud []gotgcall.Speaker
	for len(loud) < 3 {
		loud = <-speaking
	}
	for _, speaker := range loud {
		require.Less(t, speaker.Level, 40)
	}

	names, err := filepath.Glob(filepath.Join(dir, "*.ogg"))
	require.NoError(t, err)
	require.Len(t, names, 3)
	for _, name := range names {
		pcm := recorded(t, name)
		serially(func() {
			stretches := pcm.Sweep()
			require.NotEmpty(t, stretches)
			late := stretches[0].Offset()
			for i := range stretches {
				stretches[i].Start -= late
				stretches[i].End -= late
			}
			require.NoError(t, mediatest.CheckSweep(stretches, 0, length*time.Second, 40*time.Millisecond))
		})
	}
	require.ElementsMatch(t, []int64{1000, 1002, 1003}, spoken(t, dir))
	for i, remote := range remotes {
		s.leave(t, chat+int64(i), remote)
	}
}

// recorded decodes a file by ffmpeg, which must find no fault with it.
func recorded(t *testing.T, name string) *mediatest.PCM {
	t.Helper()
	cmd := exec.Command(ffmpeg, "-v", "error", "-i", name, "-ac", "1", "-ar", "48000", "-f", "s16le", "-") //nolint:gosec // our file
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Empty(t, stderr.String())
	pcm := &mediatest.PCM{Samples: make([]float32, len(out)/2)}
	for i := range pcm.Samples {
		pcm.Samples[i] = float32(int16(binary.LittleEndian.Uint16(out[2*i:]))) / 32768
	}
	return pcm
}

// spoken returns who speaks by the index of a recording.
func spoken(t *testing.T, dir string) (users []int64) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "index-*.jsonl"))
	require.NoError(t, err)
	require.Len(t, names, 1)
	text, err := os.ReadFile(names[0])
	require.NoError(t, err)
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		var entry struct {
			User     int64
			File     string
			From, To float64
		}
		require.NoError(t, json.Unmarshal([]byte(line), &entry))
		if i == 0 {
			continue
		}
		require.FileExists(t, filepath.Join(dir, entry.File))
		require.InDelta(t, 5, entry.To-entry.From, 0.5)
		users = append(users, entry.User)
	}
	return users
}

// What is said in the connection that a rejoin brings up is heard by the same sink, on
// sockets that calls share.
func TestSinkStaysThroughRejoin(t *testing.T) {
	t.Parallel()
	s, _, people := listening(t, 2, gotgcall.WithSharedUDPMux())
	var function ear
	require.NoError(t, s.SetStreamSinks(chat, gotgcall.ToFunc(function.hear)))
	require.NoError(t, s.SetParticipants(chat, people))
	require.NoError(t, s.SetStreamSources(chat+1, sweepSource(t, 8)))
	heard := func(more int) {
		t.Helper()
		require.Eventually(t, func() bool { return len(function.heard(1001)) > more }, 20*time.Second, 10*time.Millisecond)
	}
	heard(20)
	params, err := s.Rejoin(chat)
	require.NoError(t, err)
	answer, err := s.server.Join(t.Context(), params)
	require.NoError(t, err)
	require.NoError(t, s.Connect(chat, answer))
	heard(len(function.heard(1001)) + 100)
}

func sweepSource(t *testing.T, seconds int) gotgcall.Source {
	return gotgcall.FromFile(sweep(t, "a.wav", mediatest.AudioSpec{Seconds: seconds}), gotgcall.EncodeOptions{})
}

// failing is a sink of a program's own.
type failing struct{ open, write, finish error }

func (f failing) Open(context.Context, gotgcall.Env) (gotgcall.Writer, error) { return f, f.open }
func (f failing) Write(gotgcall.Received) error                               { return f.write }
func (f failing) Close() error                                                { return f.finish }

// A sink that fails is reported, and the call goes on; one that cannot be opened leaves
// the one before; and a call without a sink receives nothing.
func TestSinksThatFail(t *testing.T) {
	t.Parallel()
	s, _, people := listening(t, 2)
	ended := make(chan error, 10)
	s.OnSinkEnd(func(_ int64, err error) { ended <- err })
	full := errors.New("disk full")
	require.NoError(t, s.SetParticipants(chat, people))
	require.NoError(t, s.SetStreamSources(chat+1, sweepSource(t, 6)))
	require.NoError(t, s.SetStreamSinks(chat, failing{write: full}))
	require.ErrorIs(t, <-ended, full)
	var function ear
	require.NoError(t, s.SetStreamSinks(chat, gotgcall.ToFunc(function.hear)))
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.Error(t, s.SetStreamSinks(chat, gotgcall.ToFiles(file)))
	require.ErrorIs(t, s.SetStreamSinks(chat, failing{open: full}), full)
	require.NoError(t, s.SetStreamSinks(chat, failing{finish: full}))
	require.ErrorIs(t, s.SetStreamSinks(chat, gotgcall.ToFunc(function.hear)), full, "of the one before")
	require.Eventually(t, func() bool { return len(function.heard(1001)) > 50 }, 20*time.Second, 10*time.Millisecond)
	require.ErrorIs(t, s.SetStreamSinks(chat+9, nil), gotgcall.ErrConnectionNotFound)
	require.ErrorIs(t, s.SetParticipants(chat+9, nil), gotgcall.ErrConnectionNotFound)
	require.NoError(t, s.StartRTMP(chat+3, "rtmp://127.0.0.1/app/key"))
	require.ErrorIs(t, s.SetStreamSinks(chat+3, gotgcall.ToFunc(function.hear)), gotgcall.ErrWrongMode)
	require.ErrorIs(t, s.SetParticipants(chat+3, people), gotgcall.ErrWrongMode)
}

// The function may end the call that it hears.
func TestSinkMayStopItsCall(t *testing.T) {
	t.Parallel()
	s, remotes, _ := listening(t, 2)
	stopped := make(chan error, 1)
	require.NoError(t, s.SetStreamSinks(chat, gotgcall.ToFunc(func(gotgcall.Received) {
		select {
		case stopped <- errors.Join(s.SetStreamSinks(chat, nil), s.Stop(chat)):
		default:
		}
	})))
	require.NoError(t, s.SetStreamSources(chat+1, sweepSource(t, 3)))
	require.NoError(t, <-stopped)
	<-remotes[0].Done()
}
