package gogram

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	tl "github.com/amarnathcjd/gogram/telegram"

	gogramcalls "github.com/gotgcall/gotgcall/adapters/gogram"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
)

const (
	// maxWaiting bounds the updates that have arrived and were not handed on. More are
	// dropped: a flood is nothing that somebody waits for.
	maxWaiting = 256

	// maxLookups bounds the requests that complete updates, at once and waiting.
	maxLookups, maxLookupsWaiting = 4, 64
)

// listener hands what gogram's goroutines bring to one function, one at a time.
type listener struct {
	m *Messenger

	arrived chan any             // *arrival of a message, or a tl.Update
	ready   chan telegram.Update // completed by a lookup
	slots   chan struct{}        // of lookups at once
	waiting int                  // lookups; owned by run
	lookups sync.WaitGroup
	ended   atomic.Bool
}

// arrival is a message with what gogram knows of its sender.
type arrival struct {
	msg  *tl.MessageObj
	from *tl.UserObj
}

// Listen calls f for each command, each press of a button and each change of the chat. It
// fails with groupcall.ErrAccountDead when the session has ended.
func (m *Messenger) Listen(ctx context.Context, f func(telegram.Update)) error {
	return m.listen(ctx, f, func() {})
}

// listen is Listen, and calls ready when no update is missed any longer.
func (m *Messenger) listen(ctx context.Context, f func(telegram.Update), ready func()) error {
	l := &listener{
		m:       m,
		arrived: make(chan any, maxWaiting),
		ready:   make(chan telegram.Update, maxLookupsWaiting),
		slots:   make(chan struct{}, maxLookups),
	}
	ctx, cancel := context.WithCancel(ctx)
	// The handlers stay: gogram cannot remove any while it calls them.
	m.tg.AddMessageHandler(tl.OnNewMessage, func(msg *tl.NewMessage) error {
		l.arrive(&arrival{msg.Message, msg.Sender})
		return nil
	}, tl.Custom(func(*tl.NewMessage) bool { return true })) // a filter lets the account's own through
	m.tg.AddRawHandler(nil, func(u tl.Update, _ *tl.Client) error {
		switch u := u.(type) {
		case *tl.UpdateNewMessage:
			l.arriveService(u.Message)
		case *tl.UpdateNewChannelMessage:
			l.arriveService(u.Message)
		default:
			l.arrive(u)
		}
		return nil
	})
	ready()
	if m.me.Bot { // an account's own events watch over its client
		l.lookups.Go(func() { // ends with ctx; awaited below
			err := gogramcalls.Watch(ctx, m.tg, gogramcalls.WatchOptions{Logger: m.log}, nil)
			if errors.Is(err, groupcall.ErrAccountDead) {
				m.deadOnce.Do(func() { close(m.dead) })
			}
		})
	}
	defer l.lookups.Wait()
	defer cancel()
	defer l.ended.Store(true)
	return l.run(ctx, f)
}

// arrive is called on gogram's goroutines.
func (l *listener) arrive(u any) {
	if l.ended.Load() {
		return
	}
	select {
	case l.arrived <- u:
	default:
		l.m.log.Warn("too many updates: one was dropped")
	}
}

// arriveService takes service messages: the handler of messages gets the others.
func (l *listener) arriveService(msg tl.Message) {
	if msg, ok := msg.(*tl.MessageService); ok {
		l.arrive(msg)
	}
}

func (l *listener) run(ctx context.Context, f func(telegram.Update)) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.m.dead:
			return groupcall.ErrAccountDead
		case u := <-l.ready:
			l.waiting--
			if u != nil {
				f(u)
			}
		case u := <-l.arrived:
			l.take(ctx, u, f)
		}
	}
}

// take hands an update on, or has it completed first.
func (l *listener) take(ctx context.Context, u any, f func(telegram.Update)) {
	m := l.m
	switch u := u.(type) {
	case *arrival:
		if c, ok := m.command(u); ok {
			l.complete(ctx, f, c, func() telegram.Update { return m.withReply(ctx, c, u.msg) }, repliesTo(u.msg) && c.Reply == nil)
		}
	case *tl.UpdateBotCallbackQuery:
		p := m.press(u)
		l.complete(ctx, f, p, func() telegram.Update { return m.withName(ctx, p) }, p.From.Name == "")
	case *tl.MessageService:
		if moved, ok := migration(u); ok {
			f(moved)
		} else if gone, ok := u.Action.(*tl.MessageActionChatDeleteUser); ok && gone.UserID == m.me.ID {
			f(telegram.ChatGone{Chat: marked(u.PeerID)})
		}
	case *tl.UpdateChannelParticipant:
		l.participant(f, channels-u.ChannelID, u.UserID, stays(u.NewParticipant))
	case *tl.UpdateChatParticipant:
		l.participant(f, -u.ChatID, u.UserID, u.NewParticipant != nil)
	case *tl.UpdateChatParticipantAdmin:
		f(telegram.RoleChanged{Chat: -u.ChatID, User: u.UserID})
	case *tl.UpdateChannel: // the account joined, left, was banned or got other rights
		l.complete(ctx, f, nil, func() telegram.Update { return m.membership(ctx, channels-u.ChannelID) }, true)
	case *tl.UpdateChat:
		l.complete(ctx, f, nil, func() telegram.Update { return m.membership(ctx, -u.ChatID) }, true)
	}
}

// complete hands u on, or what lookup returns where one is needed. Too many lookups are
// not made.
func (l *listener) complete(ctx context.Context, f func(telegram.Update), u telegram.Update, lookup func() telegram.Update, needed bool) {
	if !needed || l.waiting >= maxLookupsWaiting {
		if u != nil {
			f(u)
		}
		return
	}
	l.waiting++
	l.lookups.Go(func() { // ends with ctx; awaited by Listen
		select {
		case l.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		got := lookup()
		<-l.slots
		l.ready <- got // has room for all
	})
}

func (l *listener) participant(f func(telegram.Update), chat, user int64, stays bool) {
	if user == l.m.me.ID && !stays {
		f(telegram.ChatGone{Chat: chat})
		return
	}
	f(telegram.RoleChanged{Chat: chat, User: user})
}

// stays reports whether a participant is in the chat.
func stays(p tl.ChannelParticipant) bool {
	role, _ := participantRole(p)
	return role != telegram.Stranger
}

func migration(msg *tl.MessageService) (moved telegram.ChatMoved, ok bool) {
	switch a := msg.Action.(type) {
	case *tl.MessageActionChatMigrateTo:
		return telegram.ChatMoved{From: marked(msg.PeerID), To: channels - a.ChannelID}, true
	case *tl.MessageActionChannelMigrateFrom:
		return telegram.ChatMoved{From: -a.ChatID, To: marked(msg.PeerID)}, true
	}
	return telegram.ChatMoved{}, false
}

// membership returns what has become of the account in a chat, or nil when it is in.
func (m *Messenger) membership(ctx context.Context, chat int64) telegram.Update {
	var request gogramcalls.Request = &tl.MessagesGetChatsParams{ID: []int64{-chat}}
	if id, ok := channelID(chat); ok {
		channel, err := m.channel(id)
		if err != nil {
			return nil
		}
		request = &tl.ChannelsGetChannelsParams{ID: []tl.InputChannel{channel}}
	}
	answer, err := call[tl.MessagesChats](ctx, m, request)
	if named(err, "CHANNEL_PRIVATE", "CHANNEL_INVALID", "CHAT_ID_INVALID") {
		return telegram.ChatGone{Chat: chat}
	}
	if err != nil {
		return nil
	}
	m.learn(nil, chatsOf(answer))
	for _, c := range chatsOf(answer) {
		switch c := c.(type) {
		case *tl.ChannelForbidden, *tl.ChatForbidden:
			return telegram.ChatGone{Chat: chat}
		case *tl.Channel:
			if c.Left {
				return telegram.ChatGone{Chat: chat}
			}
		case *tl.ChatObj:
			if to, ok := c.MigratedTo.(*tl.InputChannelObj); ok {
				return telegram.ChatMoved{From: chat, To: channels - to.ChannelID}
			}
			if c.Left || c.Deactivated {
				return telegram.ChatGone{Chat: chat}
			}
		}
	}
	return telegram.RoleChanged{Chat: chat, User: m.me.ID}
}
