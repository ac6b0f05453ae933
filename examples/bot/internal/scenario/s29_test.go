package scenario

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/chattest"
)

const streamKey = "SECRET-stream-key"

// ingest records one publication by RTMP.
type ingest struct {
	url  string
	path string
	cmd  *exec.Cmd
	log  bytes.Buffer
}

// newIngest starts an ffmpeg that waits for a publication. It ends with that, or with
// the test.
func (s *stage) newIngest() *ingest {
	s.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(s.t, err)
	addr := l.Addr().String()
	require.NoError(s.t, l.Close())
	in := &ingest{url: "rtmp://" + addr + "/s/", path: filepath.Join(s.dir, "stream.flv")}
	in.cmd = exec.CommandContext(s.ctx, "ffmpeg", "-nostdin", "-v", "error", "-y",
		"-listen", "1", "-i", in.url+streamKey, "-c", "copy", in.path)
	in.cmd.Stderr = &in.log
	require.NoError(s.t, in.cmd.Start())
	return in
}

// tones returns the frequencies that were published, in order, once that has ended.
func (in *ingest) tones(s *stage) (all []int) {
	s.t.Helper()
	_ = in.cmd.Wait() // ffmpeg calls the end of a publication an error
	const rate, window = 48_000, 9600
	out, err := exec.CommandContext(s.ctx, "ffmpeg", "-nostdin", "-v", "error", "-i", in.path,
		"-f", "s16le", "-ac", "1", "-ar", "48000", "-").Output()
	require.NoError(s.t, err, "%s", in.log.String())
	samples := make([]int16, len(out)/2)
	_, err = binary.Decode(out, binary.LittleEndian, samples)
	require.NoError(s.t, err)
	last := 0
	for part := range slices.Chunk(samples, window) {
		crossings := 0
		for i := range part[1:] {
			if part[i] < 0 && part[i+1] >= 0 {
				crossings++
			}
		}
		f := (crossings*rate/window + 25) / 50 * 50
		if f == last && loudThroughout(part) { // twice: no change is in it
			all = append(all, f)
		}
		last = f
	}
	return slices.Compact(all)
}

// loudThroughout reports whether there is no silence in samples, which a slow machine
// puts into a publication.
func loudThroughout(samples []int16) bool {
	for part := range slices.Chunk(samples, 480) {
		if slices.Max(part) < 2500 {
			return false
		}
	}
	return true
}

// A chat's live stream is published at the address that Telegram gives; everything plays
// through one publication, and the key is seen nowhere.
func TestScenario29_Live(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		chat := s.tg.NewChat("Channel", s.djs[0])
		chat.Chat.SetRole(s.djs[0], telegramtest.CallAdmin)
		in := s.newIngest()
		chat.SetRTMP(in.url, streamKey)
		log := new(logBook)
		s.config.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		s.start()
		boss := chat.User("Boss")
		chat.SetRole(boss.User, telegramtest.Admin)
		first, second := s.sine("First", time.Minute, 400), s.sine("Second", time.Minute, 800)
		boss.Replies(boss.Sends(first), "/live")
		s.playsAt(chat, "First", 2*time.Second)
		boss.Says("/pause")
		_, err := chat.AwaitCard(s.ctx, func(c chattest.Card) bool { return c.State == chattest.Paused })
		require.NoError(t, err)
		boss.Says("/resume")
		_, err = chat.AwaitPlaying(s.ctx, "First")
		require.NoError(t, err)
		s.play(boss, second)
		_, err = chat.AwaitMessage(s.ctx, "Second", "in the queue")
		require.NoError(t, err)
		boss.Says("/skip")
		s.playsAt(chat, "Second", 2*time.Second)
		boss.Says("/stop")
		_, err = chat.AwaitMessage(s.ctx, "Stopped")
		require.NoError(t, err)
		require.Equal(t, []int{400, 800}, in.tones(s))

		for _, m := range chat.Said() {
			for _, shown := range append(m.Past, m.Message) {
				require.NotContains(t, shown.Text, "SECRET")
			}
		}
		require.NotContains(t, log.String(), "SECRET")
	})
}

// logBook keeps a log.
type logBook struct {
	mu sync.Mutex // guards b
	b  strings.Builder
}

func (l *logBook) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(line)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Without the right to manage calls it says so.
func TestScenario29_LiveWithoutTheRight(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		chat := s.tg.NewChat("Channel", s.djs[0])
		s.start()
		boss := chat.User("Boss")
		chat.SetRole(boss.User, telegramtest.Admin)
		boss.Replies(boss.Sends(s.sine("Song", time.Minute, 400)), "/live")
		_, err := chat.AwaitMessage(s.ctx, "right to manage video chats")
		require.NoError(t, err)
	})
}

// playsAt waits until a card says that a track plays, and the track is at a position.
func (s *stage) playsAt(chat *chattest.Chat, title string, at time.Duration) {
	s.t.Helper()
	_, err := chat.AwaitPlaying(s.ctx, title)
	require.NoError(s.t, err)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		p, err := s.client().Position(chat.ID())
		require.NoError(s.t, err)
		if p >= at {
			return
		}
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			require.NoError(s.t, s.ctx.Err(), "%s is at %v", title, p)
		}
	}
}
