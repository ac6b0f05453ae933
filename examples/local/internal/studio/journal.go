package studio

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// journalSize is how many entries are kept: some minutes of a busy demo.
const journalSize = 1000

// Kind is where an entry comes from.
type Kind string

// The kinds of entries.
const (
	Verb  Kind = "verb"  // somebody did something
	Event Kind = "event" // a callback of the library
	Log   Kind = "log"   // the library's log
)

// Entry is something that happened.
type Entry struct {
	Seq   uint64    `json:"seq"` // counted from 1
	At    time.Time `json:"at"`
	Call  int       `json:"call,omitempty"` // 0: of none
	Kind  Kind      `json:"kind"`
	Level string    `json:"level"` // of package slog
	Text  string    `json:"text"`
}

// Journal holds the latest entries.
type Journal struct {
	scrub func(string) string

	mu      sync.Mutex // guards what follows
	entries []Entry
	last    uint64
}

func newJournal(scrub func(string) string) *Journal { return &Journal{scrub: scrub} }

// Since returns the entries after one of a number, oldest first.
func (j *Journal) Since(seq uint64) []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	fresh := int(min(j.last-min(seq, j.last), uint64(len(j.entries))))
	return append([]Entry{}, j.entries[len(j.entries)-fresh:]...)
}

func (j *Journal) add(call int, kind Kind, level slog.Level, format string, args ...any) {
	e := Entry{At: time.Now(), Call: call, Kind: kind, Level: level.String(), Text: j.scrub(fmt.Sprintf(format, args...))}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last++
	e.Seq = j.last
	if len(j.entries) == journalSize {
		j.entries = append(j.entries[:0], j.entries[1:]...)
	}
	j.entries = append(j.entries, e)
}

// logHandler writes the library's log into a journal.
type logHandler struct {
	journal *Journal
	attrs   string
	group   string
	call    int
}

// Enabled takes all levels.
func (h logHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle writes one record.
func (h logHandler) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		h = h.with(a)
		return true
	})
	h.journal.add(h.call, Log, r.Level, "%s%s", r.Message, h.attrs)
	return nil
}

// with returns the handler with an attribute. That of a chat becomes the call.
func (h logHandler) with(a slog.Attr) logHandler {
	if a.Key == "chat" && a.Value.Kind() == slog.KindInt64 {
		h.call = callOf(a.Value.Int64())
		return h
	}
	var s strings.Builder
	s.WriteString(h.attrs)
	fmt.Fprintf(&s, " %s%s=%v", h.group, a.Key, a.Value.Resolve())
	h.attrs = s.String()
	return h
}

// WithAttrs returns the handler with attributes.
func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		h = h.with(a)
	}
	return h
}

// WithGroup returns the handler with a prefix for keys.
func (h logHandler) WithGroup(name string) slog.Handler {
	h.group += name + "."
	return h
}
