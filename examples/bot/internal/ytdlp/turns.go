package ytdlp

import (
	"context"
	"sync"
)

// turns lets one at a time through per chat. The zero value is ready.
type turns struct {
	mu    sync.Mutex // guards chats
	chats map[int64]*turn
}

type turn struct {
	users int           // who has it or waits
	place chan struct{} // of one element
}

// enter waits for the chat's turn. The caller must call leave. Chat 0 has no turns.
func (t *turns) enter(ctx context.Context, chat int64) (leave func(), err error) {
	if chat == 0 {
		return func() {}, nil
	}
	t.mu.Lock()
	own := t.chats[chat]
	if own == nil {
		own = &turn{place: make(chan struct{}, 1)}
		if t.chats == nil {
			t.chats = make(map[int64]*turn)
		}
		t.chats[chat] = own
	}
	own.users++
	t.mu.Unlock()

	gone := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if own.users--; own.users == 0 {
			delete(t.chats, chat)
		}
	}
	select {
	case own.place <- struct{}{}:
		return func() { <-own.place; gone() }, nil
	case <-ctx.Done():
		gone()
		return nil, context.Cause(ctx)
	}
}
