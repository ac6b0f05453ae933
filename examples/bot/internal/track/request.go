package track

import (
	"fmt"
	"log/slog"
	"time"
)

// Request is what a user asks to play: a file in a message, or words.
type Request struct {
	Chat  int64  // where it was asked
	Words string // an address, or what to search for: hostile; ignored with Media
	Media *Media
	Info  Info // what Telegram says of Media
	Video bool // the picture is wanted, too
	By    User
	Max   int // at most so many tracks of a playlist
}

// Info is what the place that a file comes from says of it. It is hostile.
type Info struct {
	Title, Artist string
	Length        time.Duration
}

// Refusal is an error whose text is for the user who asked: plain words that say what
// to do.
type Refusal struct {
	Words string
	Err   error // the cause, which is only logged; may be nil
}

// Error returns the words for the user.
func (r *Refusal) Error() string { return r.Words }

// LogValue is the words and the cause.
func (r *Refusal) LogValue() slog.Value {
	if r.Err == nil {
		return slog.StringValue(r.Words)
	}
	return slog.StringValue(fmt.Sprintf("%s (%v)", r.Words, r.Err))
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }
