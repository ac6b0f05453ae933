package bot

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/chattest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/store"
	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a bot in virtual time: its chats are those of chattest, its calls a stage.
type rig struct {
	t     *testing.T
	tg    *chattest.Telegram
	chat  *chattest.Chat
	stage *stage
	songs *songs
	dir   string
	bot   *Bot
	end   func() // ends the bot
	stop  func() // ends the bot, which must not fail
}

// songs resolves the titles of songs: "name 30" is one of 30 s.
type songs struct {
	mu       sync.Mutex // guards what follows
	search   time.Duration
	download time.Duration
	broken   map[string]error // by title: what Prepare fails with
	unplayed map[string]error // what opening fails with
	crash    map[string]error
	held     int // files that are not released
	prepared []string
}

func (s *songs) Resolve(ctx context.Context, r track.Request) ([]track.Track, error) {
	s.mu.Lock()
	wait := s.search
	s.mu.Unlock()
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if r.Media != nil {
		return []track.Track{{
			Title: r.Info.Title, Artist: r.Info.Artist, Length: r.Info.Length, By: r.By, Origin: track.Origin{Media: r.Media},
		}}, nil
	}
	if strings.HasPrefix(r.Words, "nothing") {
		return nil, &track.Refusal{Words: "I found nothing of that name."}
	}
	var all []track.Track
	for _, words := range strings.Split(r.Words, ",") {
		title, length, _ := strings.Cut(strings.TrimSpace(words), " ")
		d, err := time.ParseDuration(length + "s")
		if err != nil {
			d = 3 * time.Minute
		}
		all = append(all, track.Track{Title: title, Length: d, By: r.By, Origin: track.Origin{Page: "https://example.org/" + title}})
	}
	return all, nil
}

func (s *songs) Prepare(ctx context.Context, t track.Track, progress func(done, total int64)) (gotgcall.Source, func(), error) {
	s.mu.Lock()
	wait := s.download
	s.mu.Unlock()
	for i := range 10 {
		progress(int64(i)*1e6, 10e6)
		select {
		case <-time.After(wait / 10):
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prepared = append(s.prepared, t.Title)
	if err := s.broken[t.Title]; err != nil {
		return nil, nil, err
	}
	s.held++
	if t.Origin.Media != nil {
		t.Length = 90 * time.Second
	}
	return &song{title: t.Title, length: t.Length, broken: s.unplayed[t.Title], crash: s.crash[t.Title]}, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.held--
	}, nil
}

// set changes how songs are.
func (s *songs) set(change func(*songs)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// asked returns the titles that were prepared.
func (s *songs) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.prepared...)
}

func (s *songs) files() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held
}

// inRig runs a test with a bot in one chat.
func inRig(t *testing.T, test func(t *testing.T, r *rig), opts ...telegramtest.Option) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		world := telegramtest.Start(append(opts, telegramtest.WithoutMedia())...)
		defer world.Close()
		r := &rig{
			t: t, tg: chattest.New(world, world.NewBot("dj_bot")), dir: t.TempDir(),
			songs: &songs{download: time.Second, broken: map[string]error{}, unplayed: map[string]error{}, crash: map[string]error{}},
		}
		r.chat = r.tg.NewChat("Friends")
		r.start(Config{})
		defer func() { r.end() }() // of a test that failed
		test(t, r)
		r.stop()
		require.Zero(t, r.songs.files(), "files are kept")
		require.Empty(t, world.Violations())
	})
}

// start runs a bot until stop is called. What it has stored before is there.
func (r *rig) start(cfg Config) {
	s, err := store.Open(filepath.Join(r.dir, "bot.db"), slog.New(slog.DiscardHandler))
	require.NoError(r.t, err)
	cfg.Messenger, cfg.Resolver, cfg.Store = r.tg.Session(), r.songs, s
	cfg.Logger = slog.New(slog.NewTextHandler(testLog{r.t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r.bot, err = newBot(cfg)
	require.NoError(r.t, err)
	r.stage = newStage()
	r.stage.notify = func(n groupcall.Notice) { r.bot.notice(1, n) }
	r.bot.assistants = []*assistant{{user: groupcall.User{ID: 1, Name: "DJ"}, calls: r.stage, media: r.stage}}
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() { done <- r.bot.Run(ctx) }() // ends with stop, which waits for it
	var failed error
	r.end = sync.OnceFunc(func() {
		cancel()
		failed = errors.Join(<-done, s.Close())
	})
	r.stop = func() {
		r.end()
		require.NoError(r.t, failed)
	}
}

// after lets time pass until everything that is due has happened.
func (r *rig) after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// card returns what the newest card shows.
func (r *rig) card() chattest.Card {
	r.t.Helper()
	card, ok := r.chat.Card()
	require.True(r.t, ok, "there is no card: %q", r.shown())
	return card
}

// shown returns the texts of the bot that are not deleted.
func (r *rig) shown() (texts []string) {
	for _, m := range r.chat.Said() {
		if !m.Deleted {
			texts = append(texts, m.Text)
		}
	}
	return texts
}

// last returns the bot's newest message that is not deleted.
func (r *rig) last() chattest.Message {
	r.t.Helper()
	all := r.chat.Said()
	for i := len(all) - 1; i >= 0; i-- {
		if !all[i].Deleted {
			return all[i]
		}
	}
	require.Fail(r.t, "nothing is shown")
	return chattest.Message{}
}

// says has an admin send a command, and waits for what comes of it.
func (r *rig) says(text string) {
	r.admin("Root").Says(text)
	r.after(2 * time.Second)
}

// admin returns an admin of the chat.
func (r *rig) admin(name string) *chattest.User {
	u := r.chat.User(name)
	if r.chat.Role(u.ID) < telegramtest.Admin {
		r.chat.SetRole(u.User, telegramtest.Admin)
	}
	return u
}

// press has an admin press a button of the card, and returns the answer.
func (r *rig) press(button string) chattest.Answer { return r.pressed(r.admin("Root"), button) }

func (r *rig) pressed(u *chattest.User, button string) chattest.Answer {
	r.t.Helper()
	a := u.Presses(r.newestCard(), button)
	r.after(time.Second)
	a, err := r.tg.AwaitAnswer(r.t.Context(), a)
	require.NoError(r.t, err)
	r.after(time.Second)
	return a
}

// newestCard returns the newest message with the buttons of a card.
func (r *rig) newestCard() chattest.Message {
	r.t.Helper()
	all := r.chat.Said()
	for i := len(all) - 1; i >= 0; i-- {
		if m := all[i]; !m.Deleted && len(m.Buttons) > 0 && strings.HasPrefix(m.Buttons[0][0].Data, "c:") {
			return m
		}
	}
	require.Fail(r.t, "no card has buttons")
	return chattest.Message{}
}

func (r *rig) heard() []string { return r.stage.heard(r.chat.ID()) }
func (r *rig) look() show      { return r.stage.look(r.chat.ID()) }

// testLog writes to the log of a test.
type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}
