package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	tl "github.com/amarnathcjd/gogram/telegram"

	gogramcalls "github.com/gotgcall/gotgcall/adapters/gogram"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/session"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram/gogram"
)

// accounts are the bot's connections to Telegram.
type accounts struct {
	messenger telegram.Messenger
	playing   []groupcall.Account
	closes    []func() error
}

func (a *accounts) close() (err error) {
	for i := len(a.closes) - 1; i >= 0; i-- {
		err = errors.Join(err, a.closes[i]())
	}
	return err
}

// open connects all accounts. After an error close closes those that were connected.
func (a *accounts) open(ctx context.Context, s settings, log *slog.Logger) error {
	if err := s.check(); err != nil {
		return err
	}
	if err := os.MkdirAll(s.service.Data, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	var first *tl.Client
	for i, path := range s.sessions {
		tg, err := a.user(ctx, s, path, fmt.Sprintf("user%d", i+1), log)
		if err != nil {
			return err
		}
		if first == nil {
			first = tg
		}
	}
	talks := first
	if s.botToken != "" {
		var err error
		if talks, err = a.bot(ctx, s, log); err != nil {
			return err
		}
	} else {
		log.Warn("without a bot token the account itself obeys everybody in all its groups, and has no buttons")
	}
	messenger, err := gogram.New(talks, log)
	if err != nil {
		return err
	}
	a.closes = append(a.closes, messenger.Close)
	a.messenger = messenger
	id, name := messenger.Self()
	log.Info("the bot talks as", "id", id, "username", name)
	return nil
}

// user connects an account that plays.
func (a *accounts) user(ctx context.Context, s settings, path, name string, log *slog.Logger) (*tl.Client, error) {
	stored, err := loadSession(path)
	if err != nil {
		return nil, err
	}
	tg, err := session.Open(ctx, session.Config{
		AppID: int32(s.appID), AppHash: s.appHash, Session: stored, Name: name,
		Peers: filepath.Join(s.service.Data, name+".peers"), Logger: log,
	})
	switch {
	case errors.Is(err, session.ErrDead), errors.Is(err, session.ErrNoSession):
		return nil, fmt.Errorf("%s: %w: remove the file and run \"bot login\"", path, err)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	a.closes = append(a.closes, func() error { return session.Close(tg) })
	account, err := gogramcalls.NewAccount(tg, gogramcalls.WithLogger(log))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, other := range a.playing {
		if other.Self().ID == account.Self().ID {
			return nil, fmt.Errorf("%s: this account has a session already", path)
		}
	}
	me := account.Self()
	log.Info("an account plays", "id", me.ID, "name", me.Name, "username", me.Username)
	a.playing = append(a.playing, account)
	return tg, nil
}

// bot connects the bot that talks.
func (a *accounts) bot(ctx context.Context, s settings, log *slog.Logger) (*tl.Client, error) {
	tg, err := session.OpenBot(ctx, session.Config{
		AppID: int32(s.appID), AppHash: s.appHash, Name: "bot",
		Peers: filepath.Join(s.service.Data, "bot.peers"), Logger: log,
	}, s.botToken, filepath.Join(s.service.Data, "bot.session"))
	if err != nil {
		return nil, fmt.Errorf("bot: %w", err)
	}
	a.closes = append(a.closes, func() error { return session.Close(tg) })
	return tg, nil
}

// botToken is what @BotFather gives.
var botToken = regexp.MustCompile(`^\d+:[\w-]+$`)

// loadSession returns the session in a file, and says what to do where there is none.
func loadSession(path string) (string, error) {
	stored, err := session.Load(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%s is missing: run \"bot login\" first", path)
	case errors.Is(err, session.ErrString):
		if content, e := os.ReadFile(path); e == nil && botToken.MatchString(strings.TrimSpace(string(content))) {
			return "", fmt.Errorf("%s holds a bot token: Telegram lets no bots into calls. "+
				"Give it by -bot-token-file, and log in a user account by \"bot login\"", path)
		}
	}
	return stored, err
}
