package gogramcalls

import (
	"context"
	"errors"
	"sync"

	"github.com/amarnathcjd/gogram/telegram"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
)

// Events calls f for what happens in the account's calls, and watches over the client's
// connection meanwhile.
func (a *account) Events(ctx context.Context, f func(groupcall.Event)) error {
	if a.listen.Swap(true) {
		return errors.New("the account's events are read already")
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() {
		err := Watch(ctx, a.tg, WatchOptions{Idle: a.conf.idle, Timeout: a.conf.probe, Logger: a.log}, func() {
			a.queue.put(groupcall.Reconnected{})
		})
		if errors.Is(err, groupcall.ErrAccountDead) {
			a.deadOnce.Do(func() { close(a.dead) })
		}
	})
	for {
		for _, e := range a.queue.take() {
			switch e := e.(type) {
			case look:
				wg.Go(func() { a.lookOnce(ctx, e) })
			case groupcall.Event:
				f(e)
			}
		}
		select {
		case <-a.queue.ready:
		case <-a.dead:
			return groupcall.ErrAccountDead
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// look is a chat that has to be looked at, because an update does not say enough: is the
// account still in it, or which call has begun?
type look struct {
	chat int64
	call bool
}

// lookOnce looks at a chat. Where somebody does so already, that one looks again: what it
// sees may be older than the update.
func (a *account) lookOnce(ctx context.Context, l look) {
	a.mu.Lock()
	_, busy := a.looking[l]
	a.looking[l] = busy
	a.mu.Unlock()
	if busy {
		return
	}
	for again := true; again && ctx.Err() == nil; {
		if !l.call {
			a.lookAt(ctx, l.chat)
		} else if c, err := a.Call(ctx, l.chat); err == nil {
			a.queue.put(groupcall.CallChanged{Call: c})
		}
		a.mu.Lock()
		again = a.looking[l]
		a.looking[l] = false
		if !again {
			delete(a.looking, l)
		}
		a.mu.Unlock()
	}
}

// update takes an update. gogram calls it for several at a time, in no order.
func (a *account) update(u telegram.Update) {
	switch u := u.(type) {
	case *telegram.UpdateGroupCallConnection:
		a.push(u)
	case *telegram.UpdateGroupCall:
		a.groupCall(u)
	case *telegram.UpdateGroupCallParticipants:
		a.participants(u)
	case *telegram.UpdateChannel:
		a.lookLater(-channelMark - u.ChannelID)
	case *telegram.UpdateChat:
		a.lookLater(-u.ChatID)
	case *telegram.UpdateChatParticipants:
		if p, ok := u.Participants.(*telegram.ChatParticipantsForbidden); ok {
			a.lookLater(-p.ChatID)
		}
	case *telegram.UpdateNewMessage:
		a.message(u.Message)
	case *telegram.UpdateNewChannelMessage:
		a.message(u.Message)
	}
}

func (a *account) groupCall(u *telegram.UpdateGroupCall) {
	if u.LiveStory {
		return
	}
	switch g := u.Call.(type) {
	case *telegram.GroupCallObj:
		chat := Mark(u.Peer)
		if chat == 0 {
			chat = a.chatOf(g.ID)
		}
		if chat == 0 {
			return // a message says where it began
		}
		c := described(chat, g)
		a.know(c)
		a.queue.put(groupcall.CallChanged{Call: c})
	case *telegram.GroupCallDiscarded:
		chat := Mark(u.Peer)
		if chat == 0 {
			chat = a.chatOf(g.ID)
		}
		a.forget(g.ID)
		a.queue.put(groupcall.CallEnded{Chat: chat, ID: g.ID})
	}
}

// participants splits an update into what it says of the account and of others. What is
// older than something already seen says nothing of the account any longer.
func (a *account) participants(u *telegram.UpdateGroupCallParticipants) {
	id := idOf(u.Call)
	a.mu.Lock()
	old := u.Version < a.versions[id]
	a.versions[id] = max(a.versions[id], u.Version)
	if _, ours := a.chats[id]; !ours {
		delete(a.versions, id) // of a call that nobody asked for
	}
	a.mu.Unlock()
	others := false
	for _, p := range u.Participants {
		switch {
		case p == nil:
		case !a.isMe(p):
			others = others || p.Left || p.JustJoined
		case !old:
			a.queue.put(groupcall.MeChanged{CallID: id, Me: figure(p), Version: int(u.Version)})
		}
	}
	if others || old {
		a.queue.put(groupcall.ParticipantsChanged{CallID: id, Version: int(u.Version)})
	}
}

// message takes from the service messages of a chat that it has moved.
func (a *account) message(m telegram.Message) {
	s, ok := m.(*telegram.MessageService)
	if !ok {
		return
	}
	chat := Mark(s.PeerID)
	switch action := s.Action.(type) {
	case *telegram.MessageActionChatMigrateTo:
		a.queue.put(groupcall.ChatMigrated{From: chat, To: -channelMark - action.ChannelID})
	case *telegram.MessageActionGroupCall:
		a.begun(chat, action)
	}
}

// begun looks at a chat whose call has begun: the update that reports it may leave the
// chat out.
func (a *account) begun(chat int64, m *telegram.MessageActionGroupCall) {
	if m.Duration == 0 && a.isUsed(chat) && a.chatOf(idOf(m.Call)) != chat {
		a.queue.put(look{chat: chat, call: true})
	}
}

func (a *account) lookLater(chat int64) {
	if a.isUsed(chat) {
		a.queue.put(look{chat: chat})
	}
}

func (a *account) isUsed(chat int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.used[chat]
}

// maxEvents bounds what waits for a slow reader.
const maxEvents = 1024

// events is the queue between gogram's goroutines and the reader. When it overflows, the
// reader has to read everything again.
type events struct {
	mu    sync.Mutex
	list  []any         // groupcall.Event or look
	ready chan struct{} // capacity 1
}

func (q *events) put(e any) {
	q.mu.Lock()
	if len(q.list) >= maxEvents {
		q.list, e = q.list[:0], groupcall.Reconnected{}
	}
	q.list = append(q.list, e)
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

func (q *events) take() []any {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := q.list
	q.list = nil
	return list
}
