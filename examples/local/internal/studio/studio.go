package studio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/ffmpeg"
	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/internal/source"
)

const (
	// maxCalls bounds the calls that are heard and seen.
	maxCalls = 16
	// The ICE timeouts: shorter than the library's, so that one can watch them pass.
	disconnected, failed, keepalive = 3 * time.Second, 10 * time.Second, time.Second
	firstChat                       = -1001000000000
	program                         = "ffmpeg" // of the PATH
)

// Why a verb is refused.
var (
	ErrClosed = errors.New("the demo is ending")
	ErrNoCall = errors.New("there is no such call")
	ErrFull   = fmt.Errorf("there are %d calls already: close one", maxCalls)
)

// Config says how a Studio behaves. The zero value is for a demo.
type Config struct {
	// Folder has the files that can be played. Empty makes one, which Close removes.
	Folder string
	// PublicOnly refuses URLs of local networks.
	PublicOnly bool
	// Server is that of each call. Its OnRTP gets the packets of all calls.
	Server sfu.Config
	// OnEnd is called when a track of a call has ended, as the library's OnStreamEnd is.
	OnEnd func(call int, track gotgcall.StreamType, err error)
}

// Studio is any number of calls. Its methods may be called from any goroutine.
type Studio struct {
	// immutable after New
	cfg    Config
	client *gotgcall.Client
	folder *folder
	env    gotgcall.Env
	log    *Journal
	scrub  func(string) string

	ctx     context.Context // the studio's lifetime
	stop    context.CancelFunc
	tasks   sync.WaitGroup // joins after a loss; Add under mu, and not once closed
	process meter          // of this program's processor time
	load    load

	mu     sync.Mutex // guards what follows
	calls  map[int]*call
	last   int // the newest call's number
	closed bool
	former []verdict // of the calls that are over
}

// New returns a Studio without calls. The caller must Close it.
func New(cfg Config) (*Studio, error) {
	folder, err := openFolder(cfg.Folder)
	if err != nil {
		return nil, fmt.Errorf("demo folder: %w", err)
	}
	s := &Studio{cfg: cfg, folder: folder, calls: map[int]*call{}}
	home, _ := os.UserHomeDir() // is left out where there is none
	s.scrub = scrubber(folder.dir, os.TempDir(), home)
	s.log = newJournal(s.scrub)
	logger := slog.New(logHandler{journal: s.log})
	s.ctx, s.stop = context.WithCancel(context.Background())
	opts := []gotgcall.Option{
		gotgcall.WithLogger(logger), gotgcall.WithFFmpegStderrLog(), gotgcall.WithICETimeouts(disconnected, failed, keepalive),
	}
	if cfg.PublicOnly {
		opts = append(opts, gotgcall.WithURLPolicy(gotgcall.PublicOnly))
	}
	if s.client, err = gotgcall.New(opts...); err != nil {
		s.stop()
		return nil, errors.Join(err, folder.close())
	}
	build, err := ffmpeg.Inspect(s.ctx, program)
	if err != nil {
		s.stop()
		return nil, errors.Join(err, s.client.Close(), folder.close())
	}
	s.env = gotgcall.Env{FFmpegPath: program, Logger: logger, Opener: source.New(build)}
	s.client.OnStreamEnd(s.streamEnded)
	s.client.OnConnectionChange(s.connectionChanged)
	s.client.OnUpgrade(s.upgraded)
	return s, nil
}

// Close ends all calls and waits until nothing of them is left. It is idempotent.
func (s *Studio) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.stop()
	err := errors.Join(s.SetLoad(0), s.client.Close())
	s.tasks.Wait()
	var group sync.WaitGroup
	for _, c := range s.list() {
		group.Go(func() { s.forget(c) }) // ends within lastWord
	}
	group.Wait()
	return errors.Join(err, s.folder.close())
}

// list returns the calls by number.
func (s *Studio) list() []*call {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := make([]*call, 0, len(s.calls))
	for _, c := range s.calls {
		calls = append(calls, c)
	}
	slices.SortFunc(calls, func(a, b *call) int { return a.id - b.id })
	return calls
}

func (s *Studio) call(id int) (*call, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.calls[id]; ok {
		return c, nil
	}
	return nil, ErrNoCall
}

// Open begins a call that plays an input, and returns its number. When the input cannot
// be played there is no call.
func (s *Studio) Open(ctx context.Context, in Input) (int, error) {
	src, err := s.source(ctx, in)
	if err != nil {
		return 0, s.clean(err)
	}
	c, err := s.newCall()
	if err != nil {
		return 0, err
	}
	if err = c.begin(ctx, src); err != nil {
		_ = s.client.Stop(c.chat) // of one that was not created, too
		s.forget(c)
		s.log.add(c.id, Verb, slog.LevelError, "play %s: %v", in.title(), err)
		return 0, s.clean(err)
	}
	c.setTitle(in.title())
	s.log.add(c.id, Verb, slog.LevelInfo, "play %s", in.title())
	return c.id, nil
}

// newCall makes a server for another call.
func (s *Studio) newCall() (*call, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, ErrClosed
	case len(s.calls) == maxCalls:
		return nil, ErrFull
	}
	c := &call{studio: s, id: s.last + 1, chat: firstChat - int64(s.last+1), volume: 100}
	cfg := s.cfg.Server
	cfg.NACK = true // as Telegram's servers ask for lost pictures again
	observer := cfg.OnRTP
	cfg.OnRTP = func(p *sfu.Participant, pkt sfu.Packet) {
		c.arrival.add(p, pkt)
		if observer != nil {
			observer(p, pkt)
		}
	}
	var err error
	if c.far, err = sfu.New(cfg); err != nil {
		return nil, err
	}
	s.last++
	s.calls[c.id] = c
	return c, nil
}

// forget closes the server of a call that is over, once what was on its way has arrived.
func (s *Studio) forget(c *call) {
	c.awaitLast()
	former := c.verdict()
	_ = c.far.Close() // it has no error to tell
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls[c.id] == c {
		delete(s.calls, c.id)
		s.former = append(s.former, former)
	}
}

// Leave ends a call.
func (s *Studio) Leave(id int) error {
	c, err := s.call(id)
	if err != nil {
		return err
	}
	err = s.client.Stop(c.chat)
	if errors.Is(err, gotgcall.ErrConnectionNotFound) {
		err = nil // it is lost, and gone for good now
	}
	s.forget(c)
	s.log.add(id, Verb, slog.LevelInfo, "leave")
	return s.clean(err)
}

// callOf returns the number of a chat's call.
func callOf(chat int64) int { return int(firstChat - chat) }

// clean returns an error whose text holds no path of this machine.
func (s *Studio) clean(err error) error {
	if err == nil {
		return nil
	}
	return &cleanError{s.scrub(err.Error()), err}
}

type cleanError struct {
	text string
	err  error
}

func (e *cleanError) Error() string { return e.text }
func (e *cleanError) Unwrap() error { return e.err }

// Journal returns what has happened.
func (s *Studio) Journal() *Journal { return s.log }

// Files returns the files of the demo folder.
func (s *Studio) Files() ([]File, error) {
	files, err := s.folder.list()
	return files, s.clean(err)
}

// Upload stores a file that ffmpeg can play in the demo folder.
func (s *Studio) Upload(ctx context.Context, name string, data io.Reader) error {
	err := s.folder.save(ctx, name, data, func(ctx context.Context, path string) error {
		_, err := s.probe(ctx, path)
		return err
	})
	if err != nil {
		return s.clean(err)
	}
	s.log.add(0, Verb, slog.LevelInfo, "upload %s", name)
	return nil
}
