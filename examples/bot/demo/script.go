package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/gotgcall/gotgcall/examples/bot/internal/chattest"
	"github.com/gotgcall/gotgcall/sfutest"
)

// scriptTime is far above what the script takes, some fifteen seconds.
const scriptTime = 2 * time.Minute

// script has the bot play, pause, skip and stop. Its error says what was wrong.
func (s *stage) script(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, scriptTime)
	defer cancel()
	first := sample{"Scale", time.Second, []float64{440, 550, 660, 770, 880, 990, 1100, 1210, 1320, 1430, 1540, 1650}}
	second := sample{"Encore", time.Second, []float64{500, 600, 700, 800, 900, 1000}}
	steps := []struct {
		name string
		run  func() error
	}{
		{"/play of a file", func() error { return s.ask(ctx, first) }},
		{"its card", func() error { return s.card(ctx, chattest.Playing, first.title) }},
		{"its sound", func() error { return s.sounds(ctx, first.notes[:3]) }},
		{"/play of another", func() error { return s.ask(ctx, second) }},
		{"the button ⏯", func() error {
			if err := s.button(ctx, "⏯"); err != nil {
				return err
			}
			return s.card(ctx, chattest.Paused, first.title)
		}},
		{"/resume", func() error {
			s.you.Says("/resume")
			return s.card(ctx, chattest.Playing, first.title)
		}},
		{"/skip", func() error {
			s.you.Says("/skip")
			return s.card(ctx, chattest.Playing, second.title)
		}},
		{"its sound", func() error { return s.sounds(ctx, second.notes[:2]) }},
		{"/stop", func() error {
			s.you.Says("/stop")
			return s.world.Wait(ctx, func() bool { _, in := s.call.Participant(s.dj); return !in })
		}},
	}
	for _, step := range steps {
		began := time.Now()
		if err := step.run(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Fprintf(out, "%-18s ok, %4d ms\n", step.name, time.Since(began).Milliseconds())
	}
	if broken := s.world.Violations(); len(broken) > 0 {
		return fmt.Errorf("the bot broke a rule of Telegram: %q", broken)
	}
	fmt.Fprintln(out, "VERDICT: the bot works on this machine")
	return nil
}

// ask has a sample played.
func (s *stage) ask(ctx context.Context, p sample) error {
	f, err := s.file(p)
	if err != nil {
		return err
	}
	s.you.Replies(s.you.Sends(f), "/play")
	_, err = s.chat.AwaitMessage(ctx, p.title)
	return err
}

func (s *stage) card(ctx context.Context, state chattest.State, title string) error {
	_, err := s.chat.AwaitCard(ctx, func(c chattest.Card) bool { return c.State == state && c.Title == title })
	return err
}

// button presses a button of the card.
func (s *stage) button(ctx context.Context, text string) error {
	card, ok := s.chat.Card()
	if !ok {
		return errors.New("there is no card")
	}
	_, err := s.tg.AwaitAnswer(ctx, s.you.Presses(card.Message, text))
	return err
}

// sounds waits until notes are heard, one after another.
func (s *stage) sounds(ctx context.Context, notes []float64) error {
	const tolerance = 0.02
	var heard []sfutest.Tone
	for n := 1; ; n++ {
		var err error
		if heard, err = s.call.Tones(ctx, s.dj, n); err != nil {
			return fmt.Errorf("heard %v, want %v: %w", heard, notes, err)
		}
		at := 0
		for _, tone := range heard {
			if at < len(notes) && math.Abs(tone.Frequency/notes[at]-1) < tolerance {
				at++
			}
		}
		if at == len(notes) {
			return nil
		}
	}
}
