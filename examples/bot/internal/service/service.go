package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/examples/bot/internal/bot"
	"github.com/gotgcall/gotgcall/examples/bot/internal/files"
	"github.com/gotgcall/gotgcall/examples/bot/internal/guard"
	"github.com/gotgcall/gotgcall/examples/bot/internal/resolve"
	"github.com/gotgcall/gotgcall/examples/bot/internal/store"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
	"github.com/gotgcall/gotgcall/examples/bot/internal/ytdlp"
)

// Config is what a bot is made of. Messenger, Accounts and Data are needed; for the rest
// zero is the default.
type Config struct {
	Messenger telegram.Messenger
	Accounts  []groupcall.Account // play in calls
	Data      string              // a directory, which is made
	Logger    *slog.Logger        // default: slog.Default

	FFmpeg  string  // the program; default: "ffmpeg" in the PATH
	Owners  []int64 // ids of users
	Library string  // a directory whose files the owners may play by name
	Quota   int64   // bytes of all downloads

	MaxFile int64 // bytes of a message's file
	Pages   ytdlp.Config

	// Policy is asked about each address before anything connects to it. The default
	// allows public addresses at the ports of guard.DefaultPorts.
	Policy gotgcall.URLPolicy

	StartCalls bool   // in chats without a call
	Metrics    string // address of a server of /metrics; none
	Limits     bot.Limits
	Times      bot.Times
}

// Run runs a bot until ctx ends, or its messenger fails, whose error it returns.
func Run(ctx context.Context, cfg Config) (err error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Policy == nil {
		ports, err := guard.ParsePorts(guard.DefaultPorts)
		if err != nil {
			return err
		}
		cfg.Policy = guard.Policy(ports)
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	var s service
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.open(ctx, cfg); err != nil {
		return err
	}
	return s.bot.Run(ctx)
}

// service holds what has been opened.
type service struct {
	bot    *bot.Bot
	closes []func() error // in the order of opening
}

// later closes something when the service ends.
func (s *service) later(f func() error) { s.closes = append(s.closes, f) }

func (s *service) close() (err error) {
	for i := len(s.closes) - 1; i >= 0; i-- {
		err = errors.Join(err, s.closes[i]())
	}
	return err
}

// open opens everything. What was opened before an error is closed by close.
func (s *service) open(ctx context.Context, cfg Config) error {
	state, err := store.Open(filepath.Join(cfg.Data, "bot.db"), cfg.Logger)
	if err != nil {
		return err
	}
	s.later(state.Close)
	resolver, err := s.resolver(ctx, cfg)
	if err != nil {
		return err
	}
	assistants, err := s.assistants(cfg)
	if err != nil {
		return err
	}
	s.bot, err = bot.New(bot.Config{
		Messenger: cfg.Messenger, Assistants: assistants, Resolver: resolver, Store: state, Logger: cfg.Logger,
		StartCalls: cfg.StartCalls, Limits: cfg.Limits, Times: cfg.Times,
	})
	if err != nil || cfg.Metrics == "" {
		return err
	}
	return s.metrics(cfg.Metrics, s.bot.Stats)
}

// resolver opens what turns words into sources.
func (s *service) resolver(ctx context.Context, cfg Config) (*resolve.Resolver, error) {
	way := guard.Guard{Policy: cfg.Policy}
	proxy, err := guard.Listen(way)
	if err != nil {
		return nil, err
	}
	s.later(func() error { proxy.Close(); return nil })
	downloads, err := files.Open(files.Config{Dir: filepath.Join(cfg.Data, "downloads"), Quota: cfg.Quota})
	if err != nil {
		return nil, err
	}
	s.later(downloads.Close)
	if cfg.Pages.Dir == "" {
		cfg.Pages.Dir = filepath.Join(cfg.Data, "yt-dlp")
	}
	pages := ytdlp.Find(ctx, cfg.Pages, proxy)
	switch {
	case errors.Is(pages.Err(), ytdlp.ErrMissing):
		cfg.Logger.Info("yt-dlp is not installed: files and links play, pages and searches do not")
	case pages.Err() != nil:
		cfg.Logger.Warn("pages and searches do not play", "err", pages.Err())
	default:
		cfg.Logger.Info("yt-dlp is there", "version", pages.Version(), "hint", pages.Hint())
	}
	resolver, err := resolve.New(resolve.Config{
		Guard: way, Files: downloads, Telegram: cfg.Messenger, Pages: pages,
		Library: cfg.Library, Owners: cfg.Owners,
		MaxFile: cfg.MaxFile, MaxPage: cfg.Pages.MaxBytes, MaxLength: cfg.Pages.MaxLength, MaxTracks: cfg.Pages.MaxItems,
	})
	if err != nil {
		return nil, err
	}
	s.later(resolver.Close)
	return resolver, nil
}

// assistants makes a Client for each account.
func (s *service) assistants(cfg Config) ([]bot.Assistant, error) {
	opts := []gotgcall.Option{gotgcall.WithURLPolicy(cfg.Policy), gotgcall.WithLogger(cfg.Logger)}
	if cfg.FFmpeg != "" {
		opts = append(opts, gotgcall.WithFFmpegPath(cfg.FFmpeg))
	}
	var all []bot.Assistant
	for _, account := range cfg.Accounts {
		client, err := gotgcall.New(opts...)
		if err != nil {
			return nil, err
		}
		s.later(client.Close)
		all = append(all, bot.Assistant{Account: account, Client: client})
	}
	return all, nil
}
