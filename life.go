package gotgcall

import "github.com/gotgcall/gotgcall/instances"

// life is one call of a chat, from its creation until the chat is free. It brings
// the call's events to the dispatcher.
type life struct {
	client *Client
	chatID int64
	call   instances.Call // set before the life is added
}

func (l *life) StreamEnd(t StreamType, d Device, err error) {
	l.client.events.streamEnd(l.chatID, t, d, err)
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
