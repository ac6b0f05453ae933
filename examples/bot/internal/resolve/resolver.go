package resolve

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/examples/bot/internal/files"
	"github.com/gotgcall/gotgcall/examples/bot/internal/guard"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
	"github.com/gotgcall/gotgcall/examples/bot/internal/ytdlp"
)

// Downloader downloads a file of a message, as [telegram.Messenger] does.
type Downloader interface {
	Download(ctx context.Context, m track.Media, to *os.File, progress func(done, total int64)) error
}

// Config is what a [Resolver] works with. Guard, Files and Telegram are needed; for the
// rest zero is the default.
type Config struct {
	Guard    guard.Guard
	Files    *files.Store
	Telegram Downloader
	Pages    *ytdlp.Program // default: none

	Library string  // a directory whose files the owners may play by name; default: none
	Owners  []int64 // ids of users

	MaxFile   int64         // bytes of a message's file; default 300 MiB, at most 2 GiB
	MaxPage   int64         // bytes of what yt-dlp downloads; default 500 MiB
	MaxLength time.Duration // of a track; default 4 h
	MaxTracks int           // of a playlist; default 50

	Encoding gotgcall.EncodeOptions // of what is played; its Tracks are the track's

	stall time.Duration // without a byte of Telegram; replaced by tests
	ask   time.Duration // for the answer of a server; replaced by tests
}

const (
	defaultMaxFile = 300 << 20
	mostFile       = 2 << 30
	defaultMaxPage = 500 << 20
	defaultLength  = 4 * time.Hour
	defaultTracks  = 50
	defaultStall   = time.Minute
	defaultAsk     = 8 * time.Second
	maxAsking      = 16
)

// Resolver finds and prepares tracks. All methods may be called from any goroutine.
type Resolver struct {
	cfg     Config
	library *os.Root // nil for none

	// telegram has one element per download: two at a time of one account would be
	// throttled, and are a data race in gogram.
	telegram chan struct{}
	pages    chan struct{} // of yt-dlp, which runs as many
	asking   chan struct{} // one element per server that is asked what it serves
}

// New returns a resolver. The caller must Close it, and what cfg refers to after it.
func New(cfg Config) (*Resolver, error) {
	if cfg.Guard.Policy == nil || cfg.Files == nil || cfg.Telegram == nil {
		return nil, errors.New("a resolver needs a Guard, Files and Telegram")
	}
	cfg.MaxFile = min(or(cfg.MaxFile, defaultMaxFile), mostFile)
	cfg.MaxPage = or(cfg.MaxPage, defaultMaxPage)
	cfg.MaxLength = or(cfg.MaxLength, defaultLength)
	cfg.MaxTracks = or(cfg.MaxTracks, defaultTracks)
	cfg.stall = or(cfg.stall, defaultStall)
	cfg.ask = or(cfg.ask, defaultAsk)
	r := &Resolver{cfg: cfg, telegram: make(chan struct{}, 1), pages: make(chan struct{}, ytdlp.AtOnce), asking: make(chan struct{}, maxAsking)}
	if cfg.Library != "" {
		dir, err := filepath.Abs(cfg.Library)
		if err == nil {
			r.library, err = os.OpenRoot(dir)
		}
		if err != nil {
			return nil, fmt.Errorf("library: %w", err)
		}
	}
	return r, nil
}

func or[T ~int | ~int64](value, fallback T) T {
	if value <= 0 {
		return fallback
	}
	return value
}

// Close closes the library. What Prepare has returned stays.
func (r *Resolver) Close() error {
	if r.library == nil {
		return nil
	}
	return r.library.Close()
}

// Resolve returns the tracks that a request names, at least one. Errors that a user can
// do something about are [track.Refusal].
func (r *Resolver) Resolve(ctx context.Context, q track.Request) ([]track.Track, error) {
	tracks, err := r.resolve(ctx, q)
	if err != nil {
		return nil, explain(err)
	}
	for i := range tracks {
		tracks[i].By, tracks[i].Video = q.By, q.Video
		tracks[i].By.Name = telegram.Clean(q.By.Name, telegram.MaxTitle)
	}
	return tracks, nil
}

func (r *Resolver) resolve(ctx context.Context, q track.Request) ([]track.Track, error) {
	if q.Media != nil {
		return one(r.media(*q.Media, q.Info, q.Video))
	}
	in, err := parse(q.Words)
	switch {
	case err != nil:
		return nil, err
	case in.name != "":
		return one(r.named(in.name, q.By))
	case in.address != nil:
		return r.address(ctx, in.address, q)
	case r.cfg.Pages == nil || errors.Is(r.cfg.Pages.Err(), ytdlp.ErrMissing):
		return nil, refuse(wordsNoSearch, ytdlp.ErrMissing)
	}
	found, err := r.cfg.Pages.Search(ctx, q.Chat, in.words)
	if err != nil {
		return nil, err
	}
	return r.entries(found)
}

func one(t track.Track, err error) ([]track.Track, error) {
	if err != nil {
		return nil, err
	}
	return []track.Track{t}, nil
}

// media returns the track of a message's file.
func (r *Resolver) media(m track.Media, info track.Info, video bool) (track.Track, error) {
	switch {
	case m.Size <= 0:
		return track.Track{}, refuse(wordsEmptyFile, nil)
	case m.Size > r.cfg.MaxFile:
		return track.Track{}, refuse(fmt.Sprintf("That file has %s; I download at most %s.", megabytes(m.Size), megabytes(r.cfg.MaxFile)), nil)
	case strings.HasPrefix(strings.ToLower(m.MIME), "image/"):
		return track.Track{}, refuse("That is a picture. Reply to music or a video.", nil)
	case info.Length > r.cfg.MaxLength:
		return track.Track{}, r.tooLong()
	}
	fallback := "Audio file"
	if video || strings.HasPrefix(m.MIME, "video/") {
		fallback = "Video file"
	}
	m.Name = telegram.Clean(m.Name, telegram.MaxTitle)
	t := track.Track{
		Title:  title(info.Title, withoutExtension(m.Name), fallback),
		Artist: telegram.Clean(info.Artist, telegram.MaxTitle),
		Length: max(0, info.Length),
		Origin: track.Origin{Media: &m},
	}
	return t, nil
}

func megabytes(n int64) string { return strconv.FormatInt((n+1<<20-1)>>20, 10) + " MB" }

func (r *Resolver) tooLong() error {
	return refuse(fmt.Sprintf("That is longer than %g hours, which is the most that I play.", r.cfg.MaxLength.Hours()), nil)
}

// title returns the first candidate that is not empty once it is clean.
func title(candidates ...string) string {
	for _, c := range candidates {
		if c = telegram.Clean(c, telegram.MaxTitle); c != "" {
			return c
		}
	}
	return "Untitled"
}

func withoutExtension(name string) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	if name == "." || name == "/" {
		return ""
	}
	if ext := path.Ext(name); len(ext) <= 6 && len(ext) < len(name) {
		name = strings.TrimSuffix(name, ext)
	}
	return name
}

// named returns the track of a file in the library, for an owner.
func (r *Resolver) named(name string, by track.User) (track.Track, error) {
	if _, err := r.libraryFile(name, by); err != nil {
		return track.Track{}, err
	}
	return track.Track{Title: title(withoutExtension(name), "Audio file"), Origin: track.Origin{Name: name}}, nil
}

// libraryFile returns the absolute name of a file in the library, which cannot lead out
// of it.
func (r *Resolver) libraryFile(name string, by track.User) (string, error) {
	if r.library == nil || by.ID == 0 || !slices.Contains(r.cfg.Owners, by.ID) {
		return "", refuse("Only my owner may play files of the library.", nil)
	}
	info, err := r.library.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return "", refuse("There is no such file in the library.", err)
	}
	return filepath.Join(r.library.Name(), name), nil
}

// refusedHost returns the policy's error for an address whose host is a number: there is
// no need to try it.
func (r *Resolver) refusedHost(ctx context.Context, u *url.URL) error {
	a, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return nil //nolint:nilerr // a name, which is decided about when it is looked up
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return refuse(wordsMalformed, err)
	}
	network := "tcp4"
	if a.Is6() && !a.Is4In6() {
		network = "tcp6"
	}
	return r.cfg.Guard.Policy(ctx, network, netip.AddrPortFrom(a.Unmap(), uint16(n)))
}
