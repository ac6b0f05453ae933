package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/chattest"
	"github.com/gotgcall/gotgcall/internal/sfu/page"
)

const welcome = `This is a group with a video chat, and a music bot in it. You are an admin. Type

  /play                sends a piece of tones and has it played
  /play song.mp3       does so with a file of yours; /vplay with its picture
  /play https://…      plays a link; words are searched for by yt-dlp
  /help                shows all commands
  1, 2, 3 …            presses a button
  !kick !mute !unmute !end !start     what an admin of the call can do
  Ctrl-C               ends

`

// talk shows the chat and sends what is typed until ctx or the input ends.
func (s *stage) talk(ctx context.Context, address string, in io.Reader, out io.Writer) error {
	web, err := page.Open(address, s.listen)
	if err != nil {
		return err
	}
	defer web.Close()
	fmt.Fprint(out, welcome, web.Invitation())
	typed := make(chan string)
	go func() { // ends with the input, or with the program: a terminal cannot be left otherwise
		defer close(typed)
		for lines := bufio.NewScanner(in); lines.Scan(); {
			select {
			case typed <- lines.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	shown := screen{out: out}
	for {
		changed := make(chan error, 1)
		waiting, stop := context.WithCancel(ctx)
		go func() { // ends with waiting; awaited below
			changed <- s.world.Wait(waiting, func() bool { return shown.differs(s) })
		}()
		select {
		case err := <-changed:
			stop()
			if err != nil {
				return err
			}
			shown.show(s)
		case line, ok := <-typed:
			stop()
			if err := <-changed; err == nil { // both at once
				shown.show(s)
			}
			if !ok {
				return nil
			}
			if err := s.send(ctx, strings.TrimSpace(line), &shown); err != nil {
				fmt.Fprintf(out, "  (%v)\n", err)
			}
		}
	}
}

// listen answers a browser, once somebody is in the call.
func (s *stage) listen(ctx context.Context, offer string) (string, error) {
	if _, err := s.call.Await(ctx, s.dj); err != nil {
		return "", err
	}
	return s.call.Listen(ctx, offer)
}

// send does what was typed.
func (s *stage) send(ctx context.Context, line string, shown *screen) error {
	if n, err := strconv.Atoi(line); err == nil {
		return s.press(ctx, n, shown)
	}
	word, rest, _ := strings.Cut(line, " ")
	switch {
	case line == "":
	case strings.HasPrefix(line, "!"):
		return s.administer(line)
	case word != "/play" && word != "/vplay" && word != "/playnext":
		s.you.Says(line)
	case rest == "":
		f, err := s.file(scale)
		if err != nil {
			return err
		}
		s.you.Replies(s.you.Sends(f), word)
	default:
		if f, err := local(strings.TrimSpace(rest)); err == nil {
			s.you.Replies(s.you.Sends(f), word)
			return nil
		}
		s.you.Says(line)
	}
	return nil
}

// press presses a button of the newest message that has any.
func (s *stage) press(ctx context.Context, n int, shown *screen) error {
	x, ok := shown.withButtons(s)
	if !ok {
		return fmt.Errorf("there is no button")
	}
	for _, row := range x.Buttons {
		if n > len(row) {
			n -= len(row)
			continue
		}
		if n < 1 {
			break
		}
		answer, err := s.tg.AwaitAnswer(ctx, s.you.Presses(x, row[n-1].Text))
		if err == nil && answer.Text != "" {
			return fmt.Errorf("the bot answers: %s", answer.Text)
		}
		return err
	}
	return fmt.Errorf("there is no such button")
}

// administer does what an admin can in the call.
func (s *stage) administer(what string) error {
	switch what {
	case "!kick":
		s.call.Kick(s.dj)
	case "!mute":
		s.call.Mute(s.dj)
	case "!unmute":
		s.call.Unmute(s.dj)
	case "!end":
		s.call.Discard()
	case "!start":
		if !s.call.Over() {
			return fmt.Errorf("there is a video chat already")
		}
		s.startCall()
	default:
		return fmt.Errorf("there is no %s", what)
	}
	return nil
}

// screen is what was shown of the chat and the call.
type screen struct {
	out     io.Writer
	texts   map[int]string // by the message's id, as essence
	present string
}

// differs reports whether there is something to show.
func (v *screen) differs(s *stage) bool {
	for _, x := range s.chat.Said() {
		if !x.Deleted && v.texts[x.ID] != essence(x) {
			return true
		}
	}
	return v.present != s.presence()
}

// show prints what is new.
func (v *screen) show(s *stage) {
	if v.texts == nil {
		v.texts = make(map[int]string)
	}
	for _, x := range s.chat.Said() {
		is := essence(x)
		if x.Deleted || v.texts[x.ID] == is {
			continue
		}
		v.texts[x.ID] = is
		fmt.Fprintf(v.out, "bot │ %s\n", strings.ReplaceAll(x.Text, "\n", "\n    │ "))
		n := 0
		for _, row := range x.Buttons {
			fmt.Fprint(v.out, "    │ ")
			for _, b := range row {
				n++
				fmt.Fprintf(v.out, "[%d %s] ", n, b.Text)
			}
			fmt.Fprintln(v.out)
		}
	}
	if now := s.presence(); now != v.present {
		v.present = now
		fmt.Fprintf(v.out, "call│ %s\n", now)
	}
}

// withButtons returns the newest message with buttons.
func (v *screen) withButtons(s *stage) (chattest.Message, bool) {
	all := s.chat.Said()
	for i := len(all) - 1; i >= 0; i-- {
		if !all[i].Deleted && len(all[i].Buttons) > 0 {
			return all[i], true
		}
	}
	return chattest.Message{}, false
}

// essence is a message without its figures and bars: an edit that only moves them is not
// worth a line in a terminal.
func essence(x chattest.Message) string {
	text := strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) || strings.ContainsRune("━●─", r) {
			return -1
		}
		return r
	}, x.Text)
	return fmt.Sprint(text, x.Buttons)
}

// presence says what the account does in the call.
func (s *stage) presence() string {
	p, ok := s.call.Participant(s.dj)
	switch {
	case s.call.Over():
		return "the video chat is over"
	case !ok:
		return "you are alone"
	case p.MutedByAdmin:
		return "DJ is here, muted by an admin" + hand(p)
	case p.Muted:
		return "DJ is here, muted"
	}
	return "DJ is here"
}

func hand(p telegramtest.Participant) string {
	if p.RaisedHand {
		return ", with a raised hand"
	}
	return ""
}
