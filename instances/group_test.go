package instances

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/peer"
	"github.com/gotgcall/gotgcall/internal/play"
	"github.com/gotgcall/gotgcall/internal/play/playtest"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// reports are the events of a call, in order.
type reports struct {
	mu      sync.Mutex // guards what follows
	events  []string
	last    error
	remains []*Remains
	gone    int
}

func (l *reports) list() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.events...)
}

func (l *reports) add(event string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, event)
	l.last = err
}

func (l *reports) recorder() *recorder {
	return &recorder{
		streamEnd:  func(t models.StreamType, err error) { l.add("end of "+t.String(), err) },
		connection: func(info models.NetworkInfo) { l.add(info.State.String(), info.Err) },
		upgrade:    func(models.MediaState) { l.add("state", nil) },
		ended: func(r *Remains) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.remains = append(l.remains, r)
		},
		gone: func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.gone++
		},
	}
}

func groupConfig() Config {
	quiet := slog.New(slog.DiscardHandler)
	return Config{
		Logger: quiet, Media: media.Env{Logger: quiet}, Certs: peer.NewCertPool(0),
		ConnectTimeout: 10 * time.Second, StallTimeout: 30 * time.Second,
		Peer: peer.Config{Logger: quiet, Disconnected: 7 * time.Second, Failed: 38 * time.Second, Keepalive: 2 * time.Second, Upkeep: new(peer.Upkeep), Sockets: peer.NewSocketPool()},
	}
}

// TestCallThatIsNeverConnectedEnds: ten minutes after it was created, or after the
// last Connect that was called off, with the encoder it has armed.
func TestCallThatIsNeverConnectedEnds(t *testing.T) {
	t.Parallel()
	answer, err := os.ReadFile("../jsonparams/testdata/answer.json")
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		var l reports
		g, err := NewGroup(groupConfig(), l.recorder())
		require.NoError(t, err)
		_, err = g.Join(t.Context())
		require.NoError(t, err)
		require.NoError(t, g.SetSource(t.Context(), playtest.New(a, time.Minute)))
		sleep(9 * time.Minute)
		require.Empty(t, l.list())
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, g.Connect(ctx, string(answer)), context.Canceled)
		sleep(9 * time.Minute)
		require.Equal(t, []string{"connecting", "disconnected"}, l.list())
		_, err = g.Rejoin()
		require.NoError(t, err)
		sleep(10*time.Minute - time.Millisecond)
		require.Len(t, l.list(), 2)
		sleep(time.Millisecond)
		require.Equal(t, []string{"connecting", "disconnected", "end of audio", "timeout"}, l.list())
		require.ErrorIs(t, l.last, models.ErrConnectionTimeout)
		require.ErrorContains(t, l.last, "10m0s")
		require.Equal(t, []*Remains{nil}, l.remains)
		require.Equal(t, 1, l.gone)
		require.ErrorIs(t, g.Connect(t.Context(), string(answer)), models.ErrConnectionNotFound)
		require.False(t, g.Stop(models.ErrStopped))
	})
}

func TestStoppedCallLeavesNoTimer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l reports
		g, err := NewGroup(groupConfig(), l.recorder())
		require.NoError(t, err)
		_, err = g.Join(t.Context())
		require.NoError(t, err)
		require.True(t, g.Stop(models.ErrStopped))
		require.False(t, g.Stop(models.ErrStopped))
		sleep(time.Hour)
		require.Equal(t, []string{"closed"}, l.list())
		require.Equal(t, 1, l.gone)
	})
}

// TestRestore goes on with what remains of a lost call, in every way that a source
// can answer.
func TestRestore(t *testing.T) {
	t.Parallel()
	lost := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, c := range map[string]struct {
		source   func(*playtest.Source)
		plain    bool // the source cannot seek by its type
		err      error
		position time.Duration
		events   []string
	}{
		"at the position":      {position: 30 * time.Second},
		"a radio":              {source: func(f *playtest.Source) { f.Live = true }},
		"not a seekable one":   {plain: true},
		"nothing there":        {source: func(f *playtest.Source) { f.Length = 20 * time.Second }, position: 30 * time.Second, events: []string{"end of audio"}},
		"not reachable":        {source: func(f *playtest.Source) { f.Fails = models.ErrFile }, err: models.ErrFile},
		"hangs":                {source: func(f *playtest.Source) { f.OpenTakes = time.Hour }, err: models.ErrStalled},
		"a radio that is away": {source: func(f *playtest.Source) { f.Live, f.Fails = true, models.ErrFile }, err: models.ErrFile},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := playtest.New(a, time.Minute)
				if c.source != nil {
					c.source(f)
				}
				var src media.Source = f
				if c.plain {
					src = playtest.Plain{Source: f}
				}
				r := Remains{
					Snapshot: play.Snapshot{Source: src, Tracks: a, Position: 30 * time.Second, Paused: true, Muted: true}, Lost: lost,
					Stats: models.Stats{Audio: models.StreamStats{Packets: 51}},
				}
				var l reports
				g, err := NewRestored(groupConfig(), l.recorder(), r)
				require.NoError(t, err)
				_, err = g.Rejoin()
				require.ErrorIs(t, err, models.ErrConnectionExists)
				require.ErrorContains(t, err, "being restored")
				_, err = g.Join(t.Context())
				require.ErrorIs(t, err, c.err)
				require.Equal(t, c.events, l.list())
				if c.err != nil {
					require.Equal(t, []*Remains{&r}, l.remains, "for another try")
					require.Equal(t, 1, l.gone)
					return
				}
				require.Equal(t, c.position, g.Position())
				require.True(t, g.State().Paused && g.State().Muted)
				require.EqualValues(t, 51, g.Stats().Audio.Packets)

				// The Connect fails: the call is over, and what remains is kept.
				require.ErrorIs(t, g.Connect(t.Context(), "{}"), models.ErrInvalidParams)
				require.Len(t, l.remains, 1)
				kept := l.remains[0]
				require.Equal(t, lost, kept.Lost)
				if c.events == nil {
					require.Equal(t, c.position, kept.Position)
					require.NotNil(t, kept.Source)
				} else {
					require.Nil(t, kept.Source, "it has ended")
				}
				require.True(t, kept.Paused && kept.Muted)
				require.EqualValues(t, 51, kept.Stats.Audio.Packets)
			})
		})
	}
}

func TestSourceThatPanicsCanBeRestoredAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := playtest.New(a, time.Minute)
		src.Panics = true
		r := Remains{Snapshot: play.Snapshot{Source: src, Tracks: a, Position: 30 * time.Second}}
		var l reports
		g, err := NewRestored(groupConfig(), l.recorder(), r)
		require.NoError(t, err)
		require.Panics(t, func() { _, _ = g.Join(t.Context()) })
		require.Equal(t, []*Remains{&r}, l.remains)
		require.Empty(t, l.list())
		require.Equal(t, 1, l.gone)
	})
}

// TestSourceSetWhileRestoringWins: Rejoin succeeds, with the source of the user's.
func TestSourceSetWhileRestoringWins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := playtest.New(a, time.Minute)
		slow.OpenTakes = 5 * time.Second
		var l reports
		g, err := NewRestored(groupConfig(), l.recorder(), Remains{Snapshot: play.Snapshot{Source: slow, Tracks: a, Position: 30 * time.Second}})
		require.NoError(t, err)
		restored := make(chan error)
		go func() { _, err := g.Join(t.Context()); restored <- err }()
		sleep(time.Second)
		require.NoError(t, g.SetSource(t.Context(), playtest.New(v, time.Minute)))
		require.NoError(t, <-restored)
		require.Zero(t, g.Position())
		g.Stop(models.ErrStopped)
		require.Equal(t, []string{"end of video", "closed"}, l.list()[len(l.list())-2:])
		require.Equal(t, []*Remains{nil}, l.remains)
	})
}

// sinkOf is a sink that says when it is opened.
type sinkOf struct{ opened bool }

func (s *sinkOf) Open(ctx context.Context, env media.Env) (media.Writer, error) {
	s.opened = true
	return media.ToFunc(func(media.Received) {}).Open(ctx, env)
}

// TestSinkSetWhileRestoringWins: that of the lost call is not opened, and is not what
// remains, even if the user wants none.
func TestSinkSetWhileRestoringWins(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]media.Sink{"another": new(sinkOf), "none": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				slow, old := playtest.New(a, time.Minute), new(sinkOf)
				slow.OpenTakes = 5 * time.Second
				var l reports
				g, err := NewRestored(groupConfig(), l.recorder(), Remains{
					Snapshot: play.Snapshot{Source: slow, Tracks: a, Position: 30 * time.Second}, Sink: old,
				})
				require.NoError(t, err)
				restored := make(chan error)
				go func() { _, err := g.Join(t.Context()); restored <- err }()
				sleep(time.Second)
				require.NoError(t, g.SetSink(t.Context(), set))
				require.NoError(t, <-restored)
				require.False(t, old.opened)
				require.Error(t, g.Connect(t.Context(), "{}"), "which ends the call")
				require.Equal(t, set, l.remains[0].Sink)
			})
		})
	}
}
