package resolve

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/examples/bot/internal/files"
	"github.com/gotgcall/gotgcall/examples/bot/internal/guard"
	"github.com/gotgcall/gotgcall/examples/bot/internal/guard/guardtest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
	"github.com/gotgcall/gotgcall/examples/bot/internal/ytdlp"
	"github.com/gotgcall/gotgcall/examples/bot/internal/ytdlp/ytdlptest"
)

// fixture is a resolver, the Internet that it may reach, and a Telegram.
type fixture struct {
	*Resolver
	allowed  *guardtest.Allowed
	mux      *http.ServeMux
	url      string // of the one server of its Internet
	telegram *messages
	dir      string // of the files
	fake     *ytdlptest.Fake
}

// newFixture returns a fixture whose yt-dlp does what a script says, or is missing if
// that is empty.
func newFixture(t *testing.T, cfg Config, script string) *fixture {
	t.Helper()
	f := &fixture{mux: http.NewServeMux(), telegram: &messages{}, dir: filepath.Join(t.TempDir(), "media")}
	server := httptest.NewServer(f.mux)
	t.Cleanup(server.Close)
	f.url = server.URL
	f.allowed = guardtest.Allow(server.URL)
	if cfg.Guard.Policy == nil {
		cfg.Guard.Policy = f.allowed.Policy
	}
	store, err := files.Open(files.Config{Dir: f.dir, Floor: 1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	cfg.Files, cfg.Telegram = store, f.telegram
	if script != "" {
		proxy, err := guard.Listen(cfg.Guard)
		require.NoError(t, err)
		t.Cleanup(proxy.Close)
		f.fake = ytdlptest.New(t, script)
		cfg.Pages = ytdlp.Find(t.Context(), ytdlp.Config{Path: f.fake.Path}, proxy)
	}
	f.Resolver, err = New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}

// serve answers a path with a body of a type.
func (f *fixture) serve(path, contentType, body string) {
	f.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		http.ServeContent(w, r, "", zeroTime, readSeeker(body))
	})
}

// ask resolves words.
func (f *fixture) ask(t *testing.T, words string) ([]track.Track, error) {
	t.Helper()
	return f.Resolve(t.Context(), track.Request{Chat: 1, Words: words, By: track.User{ID: 7, Name: "Ann"}})
}

// left returns the names of the files that are kept.
func (f *fixture) left(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(f.dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// messages is a Telegram with files in messages.
type messages struct {
	mu     sync.Mutex // guards the rest
	files  map[int64][]byte
	calls  int
	now    int
	most   int             // downloads at a time
	failed error           // of the next downloads
	fails  int             // how many; 0 is all
	hold   <-chan struct{} // blocks downloads half-way
	began  chan struct{}   // gets an element then
}

// add puts a file into a message.
func (m *messages) add(name string, content []byte) *track.Media {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.files == nil {
		m.files = make(map[int64][]byte)
	}
	id := int64(len(m.files) + 1)
	m.files[id] = content
	return &track.Media{Chat: -100, Message: int(id), ID: id, Name: name, MIME: "audio/mpeg", Size: int64(len(content))}
}

func (m *messages) Download(ctx context.Context, media track.Media, to *os.File, progress func(done, total int64)) error {
	m.mu.Lock()
	content := m.files[media.ID]
	m.calls++
	m.now++
	m.most = max(m.most, m.now)
	failed, hold := m.failed, m.hold
	if m.fails > 0 {
		if m.fails--; m.fails == 0 {
			m.failed = nil
		}
	}
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		m.now--
		m.mu.Unlock()
	}()
	half := len(content) / 2
	if _, err := to.WriteAt(content[:half], 0); err != nil {
		return err
	}
	progress(int64(half), int64(len(content)))
	if hold != nil {
		m.began <- struct{}{}
		select {
		case <-hold:
		case <-ctx.Done():
			return errors.New("download incomplete: 3 parts failed") // gogram's word for it
		}
	}
	if failed != nil {
		return failed
	}
	_, err := to.WriteAt(content[half:], int64(half))
	progress(int64(len(content)), int64(len(content)))
	return err
}

// refusal returns the words of a refusal.
func refusal(t *testing.T, err error) string {
	t.Helper()
	var r *track.Refusal
	require.ErrorAs(t, err, &r)
	require.NotEmpty(t, r.Words)
	return r.Words
}

func itoa(n int) string { return strconv.Itoa(n) }
