package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/chattest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/service"
	"github.com/gotgcall/gotgcall/sfutest"
)

// stage is a Telegram with one chat: a bot, its account, and you.
type stage struct {
	world *telegramtest.World
	tg    *chattest.Telegram
	dj    groupcall.User // plays in the call
	chat  *chattest.Chat
	call  *telegramtest.Call
	you   *chattest.User
	dir   string
	log   *slog.Logger
}

// newStage returns a stage whose chat has a call. The caller must remove it.
func newStage(verbose bool) (*stage, error) {
	dir, err := os.MkdirTemp("", "gotgcall-")
	if err != nil {
		return nil, err
	}
	logs := io.Discard
	if verbose {
		logs = os.Stderr
	}
	s := &stage{
		world: telegramtest.Start(telegramtest.WithFloods()), dir: dir,
		log: slog.New(slog.NewTextHandler(logs, nil)),
	}
	s.tg = chattest.New(s.world, s.world.NewBot("music_bot"))
	s.dj = s.world.NewUser("DJ")
	s.chat = s.tg.NewChat("Friends", s.dj)
	s.you = s.chat.User("You")
	s.chat.SetRole(s.you.User, telegramtest.Admin)
	s.startCall()
	return s, nil
}

// startCall starts a call, in which you are.
func (s *stage) startCall() {
	s.call = s.chat.StartCall()
	s.call.Enter(s.you.User)
}

func (s *stage) remove() {
	s.world.Close()
	_ = os.RemoveAll(s.dir)
}

// run runs the bot while f does something.
func (s *stage) run(ctx context.Context, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { // ends with ctx; awaited below
		ended <- service.Run(ctx, service.Config{
			Messenger: s.tg.Session(), Accounts: []groupcall.Account{s.world.Account(s.dj)},
			Data: filepath.Join(s.dir, "data"), Logger: s.log,
		})
		cancel() // f waits in vain for a bot that has failed
	}()
	err := f(ctx)
	cancel()
	if failed := <-ended; failed != nil {
		return failed
	}
	if errors.Is(err, context.Canceled) {
		return nil // by Ctrl-C
	}
	return err
}

// sample is a piece that is made of tones.
type sample struct {
	title string
	each  time.Duration
	notes []float64
}

// scale is two octaves, up and down.
var scale = sample{"Scale", 500 * time.Millisecond, []float64{
	262, 294, 330, 349, 392, 440, 494, 523, 587, 659, 698, 784, 880, 988, 1047,
	988, 880, 784, 698, 659, 587, 523, 494, 440, 392, 349, 330, 294, 262,
}}

// file writes a sample and returns it as it is sent.
func (s *stage) file(p sample) (chattest.File, error) {
	path := filepath.Join(s.dir, p.title+".wav")
	if err := sfutest.WriteTones(path, p.each, p.notes...); err != nil {
		return chattest.File{}, err
	}
	return chattest.File{
		Path: path, Name: p.title + ".wav", MIME: "audio/x-wav", Title: p.title, Artist: "gotgcall",
		Length: p.each * time.Duration(len(p.notes)),
	}, nil
}

// local returns a file of this machine as it is sent.
func local(path string) (chattest.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return chattest.File{}, err
	}
	if !info.Mode().IsRegular() {
		return chattest.File{}, fmt.Errorf("%s is no file", path)
	}
	name := filepath.Base(path)
	return chattest.File{Path: path, Name: name, Title: strings.TrimSuffix(name, filepath.Ext(name))}, nil
}
