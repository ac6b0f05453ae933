package chattest

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
)

// State is what a card says of its track.
type State string

// The states of a card.
const (
	Loading State = "loading" // being downloaded
	Waiting State = "waiting" // for the call, or for the source to begin
	Playing State = "playing"
	Paused  State = "paused"
	Ended   State = "ended" // the queue: the card has no track
)

// symbols are what a card begins with.
var symbols = map[string]State{"⬇": Loading, "⏳": Waiting, "▶": Playing, "⏸": Paused, "⏹": Ended}

// Card is what a message of the bot says of the track that plays.
type Card struct {
	Message  Message
	State    State
	Title    string // the text in bold; empty when the queue has ended
	Link     string // of the title
	Artist   string
	Position time.Duration
	Length   time.Duration // 0 where it says none
	By       string        // who asked for it
	Next     string        // what comes next; empty for nothing
	InQueue  int           // how many tracks wait
	Buttons  []string
}

var (
	timeForm  = regexp.MustCompile(`\b(?:(\d+):)?(\d{1,2}):(\d\d)\b`)
	byForm    = regexp.MustCompile(`requested by (.*?)(?: · |\n|$)`)
	nextForm  = regexp.MustCompile(`next: (.*?)(?: · |\n|$)`)
	queueForm = regexp.MustCompile(`(\d+) in queue`)
)

// Card returns the newest card that is shown. There is none when nothing was played.
func (c *Chat) Card() (Card, bool) {
	all := c.Said()
	for i := len(all) - 1; i >= 0; i-- {
		if card, ok := parseCard(all[i]); ok && !all[i].Deleted {
			return card, true
		}
	}
	return Card{}, false
}

// AwaitCard waits until the newest card is as wanted.
func (c *Chat) AwaitCard(ctx context.Context, wanted func(Card) bool) (Card, error) {
	var card Card
	err := c.WaitFor(ctx, func() bool {
		var ok bool
		card, ok = c.Card()
		return ok && wanted(card)
	})
	if err != nil {
		return card, fmt.Errorf("no such card, but %s: %w", c.Transcript(), err)
	}
	return card, nil
}

// AwaitPlaying waits for a card that says that a title plays.
func (c *Chat) AwaitPlaying(ctx context.Context, title string) (Card, error) {
	return c.AwaitCard(ctx, func(card Card) bool { return card.State == Playing && card.Title == title })
}

// parseCard reads a card: a symbol with a title in bold in the first line, and below it
// the time.
func parseCard(x Message) (Card, bool) {
	card := Card{Message: x}
	first, rest, _ := strings.Cut(x.Text, "\n")
	for symbol, state := range symbols {
		if strings.HasPrefix(first, symbol) {
			card.State = state
		}
	}
	if card.State == "" {
		return card, false
	}
	for _, e := range x.Entities {
		switch e.Kind {
		case telegram.Bold:
			if card.Title == "" {
				card.Title = part(x.Text, e)
			}
		case telegram.Link:
			if card.Link == "" {
				card.Link = e.URL
			}
		}
	}
	if _, artist, ok := strings.Cut(first, card.Title+" — "); ok {
		card.Artist = artist
	}
	if times := timeForm.FindAllStringSubmatch(rest, 2); len(times) > 0 {
		card.Position = parseTime(times[0])
		if len(times) > 1 {
			card.Length = parseTime(times[1])
		}
	}
	card.By = submatch(byForm, rest)
	card.Next = submatch(nextForm, rest)
	card.InQueue, _ = strconv.Atoi(submatch(queueForm, rest))
	for _, row := range x.Buttons {
		for _, b := range row {
			card.Buttons = append(card.Buttons, b.Text)
		}
	}
	return card, card.Title != "" || card.State == Ended
}

func submatch(form *regexp.Regexp, s string) string {
	if found := form.FindStringSubmatch(s); found != nil {
		return found[1]
	}
	return ""
}

// parseTime reads hours, minutes and seconds.
func parseTime(parts []string) time.Duration {
	var seconds int
	for _, p := range parts[1:] {
		n, _ := strconv.Atoi(p) // digits, or nothing
		seconds = seconds*60 + n
	}
	return time.Duration(seconds) * time.Second
}
