package queue

import (
	"errors"
	"math/rand/v2"
	"slices"

	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
)

// What a change of a queue fails with.
var (
	ErrFull     = errors.New("the queue is full")
	ErrUserFull = errors.New("the user has enough tracks in the queue")
	ErrNoEntry  = errors.New("the queue has no such entry")
)

// Loop is what is repeated.
type Loop int

// The loops.
const (
	Off   Loop = iota
	Track      // the current track
	All        // the whole queue
)

// pastKept is how many played tracks are kept for [Queue.Back].
const pastKept = 20

// Entry is a track in a queue.
type Entry struct {
	ID uint64 // unique in its queue, also across restarts
	track.Track
	Note   int `json:",omitempty"` // the message that said it was queued; 0 for none
	Failed int `json:",omitempty"` // how often it could not be played
}

// Limits bound a queue. Zero means no limit.
type Limits struct {
	Entries int // that wait
	PerUser int // of them, of one user
}

// Queue is the list. The zero value is empty.
type Queue struct {
	Current *Entry  `json:",omitempty"`
	Waiting []Entry `json:",omitempty"`
	Past    []Entry `json:",omitempty"` // the last one last
	Loop    Loop    `json:",omitempty"`
	LastID  uint64
}

// Add appends tracks until a limit is met, and returns the entries that it made. The
// error, ErrFull or ErrUserFull, says why they are fewer.
func (q *Queue) Add(limits Limits, tracks ...track.Track) ([]Entry, error) {
	return q.insert(len(q.Waiting), limits, tracks)
}

// AddNext puts tracks before all others that wait, and is like Add otherwise.
func (q *Queue) AddNext(limits Limits, tracks ...track.Track) ([]Entry, error) {
	return q.insert(0, limits, tracks)
}

func (q *Queue) insert(at int, limits Limits, tracks []track.Track) ([]Entry, error) {
	var made []Entry
	var err error
	for _, t := range tracks {
		if err = q.room(limits, t.By.ID); err != nil {
			break
		}
		q.LastID++
		made = append(made, Entry{ID: q.LastID, Track: t})
		q.Waiting = slices.Insert(q.Waiting, at, made[len(made)-1])
		at++
	}
	return made, err
}

// room returns why a user cannot add a track, or nil.
func (q *Queue) room(limits Limits, user int64) error {
	if limits.Entries > 0 && len(q.Waiting) >= limits.Entries {
		return ErrFull
	}
	of := 0
	for i := range q.Waiting {
		if q.Waiting[i].By.ID == user {
			of++
		}
	}
	if limits.PerUser > 0 && of >= limits.PerUser {
		return ErrUserFull
	}
	return nil
}

// Peek returns the entry that comes when the current one ends by itself, or nil.
func (q *Queue) Peek() *Entry {
	switch {
	case q.Loop == Track && q.Current != nil:
		return q.Current
	case len(q.Waiting) > 0:
		return &q.Waiting[0]
	case q.Loop == All:
		return q.Current
	}
	return nil
}

// Advance makes the entry of [Queue.Peek] the current one and returns it, or nil.
func (q *Queue) Advance() *Entry {
	if q.Loop == Track && q.Current != nil {
		return q.Current
	}
	return q.Skip(1)
}

// Skip leaves the current entry and n-1 of those that wait, and makes the next one the
// current one. With Loop All the entries that are left are appended. It returns the
// current entry, or nil when none is left.
func (q *Queue) Skip(n int) *Entry {
	for range max(1, n) {
		if q.Current != nil {
			q.leave(*q.Current)
			q.Current = nil
		}
		if len(q.Waiting) == 0 {
			break
		}
		first := q.Waiting[0]
		q.Waiting = slices.Delete(q.Waiting, 0, 1)
		q.Current = &first
	}
	return q.Current
}

// leave puts an entry that has been played where it belongs.
func (q *Queue) leave(e Entry) {
	e.Note = 0
	if q.Loop == All {
		q.Waiting = append(q.Waiting, e)
		return
	}
	q.Past = append(q.Past, e)
	if len(q.Past) > pastKept {
		q.Past = slices.Delete(q.Past, 0, len(q.Past)-pastKept)
	}
}

// failedTwice is how often a track may fail before it is dropped.
const failedTwice = 2

// Fail notes that the current entry could not be played, and goes on to the next one. An
// entry that failed twice is dropped, whatever is repeated. It returns the current entry,
// or nil when none is left.
func (q *Queue) Fail() *Entry {
	if q.Current == nil {
		return q.Skip(1)
	}
	q.Current.Failed++
	again := q.Current.Failed < failedTwice
	switch {
	case again && q.Loop == Track:
		return q.Current
	case !again || q.Loop == Off:
		q.Current = nil
	}
	return q.Skip(1)
}

// Played notes that the current entry was played, so that its failures are forgotten.
func (q *Queue) Played() {
	if q.Current != nil {
		q.Current.Failed = 0
	}
}

// Back makes the entry that was played last the current one, before the one that is
// current now. It returns false when there is none.
func (q *Queue) Back() bool {
	var last Entry
	switch {
	case q.Loop == All && len(q.Waiting) > 0: // the last one played is the last to come
		last = q.Waiting[len(q.Waiting)-1]
		q.Waiting = q.Waiting[:len(q.Waiting)-1]
	case len(q.Past) > 0:
		last = q.Past[len(q.Past)-1]
		q.Past = q.Past[:len(q.Past)-1]
	default:
		return false
	}
	if q.Current != nil {
		q.Waiting = slices.Insert(q.Waiting, 0, *q.Current)
	}
	q.Current = &last
	return true
}

// Remove takes the n-th entry that waits out, counted from 1.
func (q *Queue) Remove(n int) (Entry, error) {
	if n < 1 || n > len(q.Waiting) {
		return Entry{}, ErrNoEntry
	}
	e := q.Waiting[n-1]
	q.Waiting = slices.Delete(q.Waiting, n-1, n)
	return e, nil
}

// Move puts the n-th entry that waits at another place, both counted from 1.
func (q *Queue) Move(n, to int) error {
	if to < 1 || to > len(q.Waiting) {
		return ErrNoEntry
	}
	e, err := q.Remove(n)
	if err != nil {
		return err
	}
	q.Waiting = slices.Insert(q.Waiting, to-1, e)
	return nil
}

// Clear removes all that wait and returns how many they were.
func (q *Queue) Clear() int {
	n := len(q.Waiting)
	q.Waiting = nil
	return n
}

// Shuffle puts those that wait into a random order.
func (q *Queue) Shuffle() {
	rand.Shuffle(len(q.Waiting), func(i, j int) {
		q.Waiting[i], q.Waiting[j] = q.Waiting[j], q.Waiting[i]
	})
}

// Find returns the entry with an id, current or waiting, or nil.
func (q *Queue) Find(id uint64) *Entry {
	if q.Current != nil && q.Current.ID == id {
		return q.Current
	}
	for i := range q.Waiting {
		if q.Waiting[i].ID == id {
			return &q.Waiting[i]
		}
	}
	return nil
}

// Empty reports whether the queue has neither a current entry nor one that waits.
func (q *Queue) Empty() bool { return q.Current == nil && len(q.Waiting) == 0 }

// Clone returns a copy that shares nothing with q.
func (q *Queue) Clone() Queue {
	c := *q
	c.Waiting, c.Past = slices.Clone(q.Waiting), slices.Clone(q.Past)
	if q.Current != nil {
		current := *q.Current
		c.Current = &current
	}
	return c
}

// Drop takes the current entry out for good, and makes the next one the current one. It
// returns the current entry, or nil when none is left.
func (q *Queue) Drop() *Entry {
	q.Current = nil
	return q.Skip(1)
}
