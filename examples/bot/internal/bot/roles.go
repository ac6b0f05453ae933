package bot

import (
	"context"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
)

// keptRoles is how many roles are kept before those are forgotten that are too old.
const keptRoles = 10_000

// roles knows what users are in chats. What it was told is believed for a while.
type roles struct {
	ctx     context.Context // ends with the bot
	ask     func(ctx context.Context, chat, user int64) (telegram.Role, error)
	believe time.Duration
	request time.Duration
	working *sync.WaitGroup

	mu    sync.Mutex // guards what follows; not held while f runs or Telegram is asked
	known map[member]*standing
}

type member struct{ chat, user int64 }

// standing is a member's role, or those who wait for it.
type standing struct {
	role    telegram.Role
	until   time.Time
	waiting []func(telegram.Role, error)
	changed bool // while Telegram was being asked
}

// get calls f with a user's role: at once when it is known, else from another goroutine,
// in the order in which get was called.
func (r *roles) get(chat, user int64, f func(telegram.Role, error)) {
	m := member{chat, user}
	now := time.Now()
	r.mu.Lock()
	s := r.known[m]
	if s != nil && s.waiting == nil && now.Before(s.until) {
		role := s.role
		r.mu.Unlock()
		f(role, nil)
		return
	}
	defer r.mu.Unlock()
	if s != nil && s.waiting != nil {
		s.waiting = append(s.waiting, f)
		return
	}
	r.prune(now)
	s = &standing{waiting: []func(telegram.Role, error){f}}
	r.known[m] = s
	r.working.Go(func() { r.fetch(m, s) }) // ends with the request; Run waits for it
}

// fetch asks Telegram, once more if the role has changed meanwhile.
func (r *roles) fetch(m member, s *standing) {
	for {
		ctx, cancel := context.WithTimeout(r.ctx, r.request)
		role, err := r.ask(ctx, m.chat, m.user)
		cancel()
		r.mu.Lock()
		if s.changed && err == nil {
			s.changed = false
			r.mu.Unlock()
			continue
		}
		waiting := s.waiting
		s.waiting, s.role, s.until = nil, role, time.Now().Add(r.believe)
		if err != nil {
			delete(r.known, m)
		}
		r.mu.Unlock()
		for _, f := range waiting {
			f(role, err)
		}
		return
	}
}

// forget drops what is known of a user.
func (r *roles) forget(chat, user int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := member{chat, user}
	s := r.known[m]
	switch {
	case s == nil:
	case s.waiting != nil:
		s.changed = true
	default:
		delete(r.known, m)
	}
}

// prune forgets roles that are too old, when there are many. mu must be held.
func (r *roles) prune(now time.Time) {
	if len(r.known) < keptRoles {
		return
	}
	for m, s := range r.known {
		if s.waiting == nil && now.After(s.until) {
			delete(r.known, m)
		}
	}
}
