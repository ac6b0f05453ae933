package gotgcall

import (
	"fmt"
	"slices"
	"sync"

	"github.com/gotgcall/gotgcall/instances"
)

// life is one call of a chat, from its creation until the chat is free. It brings
// the call's events to the dispatcher.
type life struct {
	client *Client
	chatID int64
	call   instances.Call // set before the life is added

	mu   sync.Mutex   // guards what follows
	owed []StreamType // ends that wait for OnStreamEnd
}

// StreamEnd reports the end of a track. It is owed until OnStreamEnd is called.
func (l *life) StreamEnd(t StreamType, d Device, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owed = append(l.owed, t)
	l.client.events.streamEnd(l.chatID, t, d, err, l.delivered)
}

// delivered takes an end off those that are owed.
func (l *life) delivered() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owed = l.owed[1:]
}

// stats returns the call's, with the tracks whose end is still to be delivered.
func (l *life) stats() Stats {
	l.mu.Lock()
	owed := slices.Clone(l.owed)
	l.mu.Unlock()
	s := l.call.Stats()
	if len(s.Tracks) == 0 {
		s.Tracks = owed
	}
	return s
}

func (l *life) Upgrade(state MediaState) { l.client.events.upgrade(l.chatID, state) }

func (l *life) Connection(info NetworkInfo) { l.client.events.connection(l.chatID, info) }

// Ended posts the last events and frees the chat in one step: a callback that hears
// them can make the next call, and none of them comes after that call's first.
func (l *life) Ended(r *instances.Remains, last func()) {
	c := l.client
	c.mu.Lock()
	defer c.mu.Unlock()
	last()
	delete(c.byChat, l.chatID)
	if r != nil {
		c.keepLost(l.chatID, *r)
	}
}

func (l *life) Gone() { l.client.ending.Done() }

// rejoin asks a live call for another join.
func (l *life) rejoin() (string, error) {
	g, ok := l.call.(*instances.Group)
	if !ok {
		return "", fmt.Errorf("%w: not a WebRTC call", ErrWrongMode)
	}
	return g.Rejoin()
}
