package scenario

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/bot"
	"github.com/gotgcall/gotgcall/examples/bot/internal/chattest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/guard/guardtest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/store"
	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
	"github.com/gotgcall/gotgcall/examples/bot/internal/ytdlp/ytdlptest"
	"github.com/gotgcall/gotgcall/sfutest"
)

// requestTime is when the bot gives up a request. An answer that the weather loses costs
// a scenario that long.
const requestTime = 3 * time.Second

// stage is a World with one bot in it, that has one account in calls unless a test adds
// some.
type stage struct {
	t     *testing.T
	ctx   context.Context // ends before the test would hang
	world *telegramtest.World
	tg    *chattest.Telegram
	djs   []groupcall.User // the accounts that play
	dir   string
	storm bool

	// config is what the bot is started with; a test changes it before start.
	// Messenger, Assistants, Resolver and Store are made by start where they are nil.
	config bot.Config

	internet *guardtest.Allowed // the servers of this machine that may be reached; more are added
	pages    *ytdlptest.Fake    // nil: yt-dlp is not installed
	lookup   time.Duration      // its timeout; 0 is the default
	names    *net.Resolver      // nil: the system's

	albums  map[string][]track.Track // what words stand for, see album
	running *running                 // nil: the bot is not running
}

// running is a bot that runs.
type running struct {
	bot      *bot.Bot
	clients  []*gotgcall.Client
	accounts []*telegramtest.Account
	session  *chattest.Session
	stop     context.CancelFunc
	ended    chan error
	store    *store.Store // nil: the test's own
	closers  []func()     // run when the bot has ended, last first
}

// inEveryWeather runs a scenario calm and in a storm, side by side.
func inEveryWeather(t *testing.T, scenario func(t *testing.T, s *stage), opts ...telegramtest.Option) {
	t.Helper()
	t.Parallel()
	t.Run("calm", func(t *testing.T) {
		t.Parallel()
		scenario(t, newStage(t, false, opts...))
	})
	t.Run("weather", func(t *testing.T) {
		t.Parallel()
		scenario(t, newStage(t, true, append([]telegramtest.Option{
			telegramtest.WithWeather(telegramtest.Storm),
		}, opts...)...))
	})
}

func newStage(t *testing.T, storm bool, opts ...telegramtest.Option) *stage {
	t.Helper()
	s := &stage{t: t, dir: t.TempDir(), storm: storm, albums: map[string][]track.Track{}, internet: guardtest.Allow()}
	s.limit(5 * time.Minute)
	s.world = telegramtest.New(t, append([]telegramtest.Option{telegramtest.WithTimeout(requestTime)}, opts...)...)
	s.tg = chattest.New(s.world, s.world.NewBot("dj_bot"))
	s.djs = []groupcall.User{s.world.NewUser("DJ")}
	s.config.Times.Request = requestTime
	s.config.Logger = slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelInfo}))
	t.Cleanup(func() {
		if s.running != nil {
			s.stop()
		}
	})
	return s
}

// limit sets when the test gives up waiting, counted from now.
func (s *stage) limit(d time.Duration) {
	ctx, cancel := context.WithTimeout(s.t.Context(), d)
	s.t.Cleanup(cancel)
	s.ctx = ctx
}

// testLog writes a log to a test, which shows it when it fails.
type testLog struct{ t *testing.T }

func (l testLog) Write(line []byte) (int, error) {
	l.t.Logf("%s", line)
	return len(line), nil
}

// newChat returns a supergroup in which the bot is an admin, with the first account in
// it, and its call, which is live and has a listener.
func (s *stage) newChat(title string) (*chattest.Chat, *telegramtest.Call) {
	chat := s.tg.NewChat(title, s.djs[0])
	call := chat.StartCall()
	call.Enter(chat.User("Listener").User)
	return chat, call
}

// start starts the bot.
func (s *stage) start() {
	s.t.Helper()
	r := &running{ended: make(chan error, 1), session: s.tg.Session()}
	cfg := s.config
	if cfg.Messenger == nil {
		cfg.Messenger = r.session
	}
	if cfg.Store == nil {
		var err error
		r.store, err = store.Open(filepath.Join(s.dir, "bot.db"), cfg.Logger)
		require.NoError(s.t, err)
		cfg.Store = r.store
	}
	if cfg.Resolver == nil {
		cfg.Resolver = s.newResolver(r)
	}
	cfg.Resolver = albums{cfg.Resolver, s.albums}
	for _, dj := range s.djs {
		client, err := gotgcall.New(gotgcall.WithURLPolicy(s.internet.Policy))
		require.NoError(s.t, err)
		account := s.world.Account(dj)
		r.clients, r.accounts = append(r.clients, client), append(r.accounts, account)
		cfg.Assistants = append(cfg.Assistants, bot.Assistant{Account: account, Client: client})
	}
	var err error
	r.bot, err = bot.New(cfg)
	require.NoError(s.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	go func() { r.ended <- r.bot.Run(ctx) }() // stop waits for it
	s.running = r
}

// stop stops the bot as a signal does, and waits for it.
func (s *stage) stop() {
	s.t.Helper()
	r := s.running
	s.running = nil
	r.stop()
	select {
	case err := <-r.ended:
		require.NoError(s.t, err)
	case <-time.After(time.Minute):
		s.t.Fatal("the bot does not end")
	}
	for _, c := range r.clients {
		require.NoError(s.t, c.Close())
	}
	if r.store != nil {
		require.NoError(s.t, r.store.Close())
	}
	for _, end := range slices.Backward(r.closers) {
		end()
	}
}

// client returns the client of the first account.
func (s *stage) client() *gotgcall.Client { return s.running.clients[0] }

// song makes an MP3 of tones, each as long, one after another.
func (s *stage) song(title string, each time.Duration, frequencies ...float64) chattest.File {
	s.t.Helper()
	path := s.tones(title, each, frequencies...)
	return chattest.File{
		Path: path, Name: title + ".mp3", Title: title, Length: each * time.Duration(len(frequencies)),
	}
}

// wave makes a WAV of tones, which takes no encoder.
func (s *stage) wave(title string, each time.Duration, frequencies ...float64) chattest.File {
	s.t.Helper()
	path := filepath.Join(s.dir, title+".wav")
	require.NoError(s.t, sfutest.WriteTones(path, each, frequencies...))
	return chattest.File{
		Path: path, MIME: "audio/x-wav", Title: title, Length: each * time.Duration(len(frequencies)),
	}
}

// tones makes an MP3 of tones and returns where it is.
func (s *stage) tones(name string, each time.Duration, frequencies ...float64) string {
	s.t.Helper()
	wav, mp3 := filepath.Join(s.dir, name+".wav"), filepath.Join(s.dir, name+".mp3")
	require.NoError(s.t, sfutest.WriteTones(wav, each, frequencies...))
	s.ffmpeg("-i", wav, "-b:a", "64k", mp3)
	return mp3
}

// sine makes a long MP3 of one tone.
func (s *stage) sine(title string, length time.Duration, frequency float64) chattest.File {
	s.t.Helper()
	path := filepath.Join(s.dir, title+".mp3")
	s.ffmpeg("-f", "lavfi", "-i", fmt.Sprintf("sine=f=%g:d=%g:r=48000", frequency, length.Seconds()), "-b:a", "48k", path)
	return chattest.File{Path: path, Title: title, Length: length}
}

func (s *stage) ffmpeg(args ...string) {
	s.t.Helper()
	args = append([]string{"-nostdin", "-v", "error", "-y"}, args...)
	out, err := exec.CommandContext(s.ctx, "ffmpeg", args...).CombinedOutput()
	require.NoError(s.t, err, "%s", out)
}

// play sends a song and plays it as the answer to it.
func (s *stage) play(u *chattest.User, f chattest.File) {
	s.t.Helper()
	u.Replies(u.Sends(f), "/play")
}

// await waits until something is true that depends on the World.
func (s *stage) await(what string, done func() bool) {
	s.t.Helper()
	if err := s.world.Wait(s.ctx, done); err != nil {
		require.NoError(s.t, err, "%s", what)
	}
}

// heard waits until n tones have been heard of an account since it joined last, and
// returns all.
func (s *stage) heard(call *telegramtest.Call, n int) []sfutest.Tone {
	s.t.Helper()
	tones, err := call.Tones(s.ctx, s.djs[0], n)
	require.NoError(s.t, err, "heard %v", tones)
	return tones
}

// hears waits until the first account has been heard to play a tone since it joined
// last, after all the tones before, in that order. Others between them are ignored.
func (s *stage) hears(call *telegramtest.Call, frequencies ...float64) {
	s.t.Helper()
	for n := 1; ; n++ {
		tones := s.heard(call, n)
		n = max(n, len(tones))
		next := 0
		for _, tone := range tones {
			if next < len(frequencies) && near(tone, frequencies[next]) {
				next++
			}
		}
		if next == len(frequencies) {
			return
		}
	}
}

// near reports whether a tone has a frequency. MP3 and Opus leave it within 5 Hz.
func near(tone sfutest.Tone, frequency float64) bool {
	return math.Abs(tone.Frequency-frequency) < 8
}

// frequencies returns those of tones, rounded to the wanted ones.
func frequencies(tones []sfutest.Tone, wanted ...float64) []float64 {
	var all []float64
	for _, tone := range tones {
		f := tone.Frequency
		if i := slices.IndexFunc(wanted, func(w float64) bool { return near(tone, w) }); i >= 0 {
			f = wanted[i]
		}
		all = append(all, f)
	}
	return all
}

// edits returns the edits of their own entry that accounts sent.
func (s *stage) edits() []groupcall.Edit {
	var all []groupcall.Edit
	for _, r := range s.world.Requests("Edit") {
		all = append(all, r.Args.(groupcall.Edit))
	}
	return all
}
