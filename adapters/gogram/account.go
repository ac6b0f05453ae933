package gogramcalls

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/amarnathcjd/gogram/telegram"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/internal/safe"
)

// account is gogram's groupcall.Account.
type account struct {
	tg   *telegram.Client
	me   groupcall.User
	hash int64 // of the account itself
	log  *slog.Logger
	conf config

	joining chan struct{} // holds one token: an answer that is pushed does not say whose it is
	pushed  chan string   // that answer; nil and dropped while nobody joins

	queue  events
	listen atomic.Bool

	mu       sync.Mutex
	chats    map[int64]int64 // call -> chat; marked
	used     map[int64]bool  // chats that were asked for
	versions map[int64]int32 // call -> of its list of participants, the newest seen
	looking  map[look]bool   // what is under way; true: and wanted again

	dead     chan struct{} // closed with the session's end
	deadOnce sync.Once
}

// config is what options set.
type config struct {
	log   *slog.Logger
	idle  time.Duration // silence after which the connection is probed
	probe time.Duration // how long a probe may take
	push  time.Duration // how long a join's answer may be late
}

// AccountOption changes an Account.
type AccountOption func(*config)

// WithLogger sets the log. It is slog.Default without.
func WithLogger(l *slog.Logger) AccountOption { return func(c *config) { c.log = l } }

const (
	defaultIdle  = 60 * time.Second // two of the pings that gogram sends
	defaultProbe = requestTimeout
	defaultPush  = 3 * time.Second
)

// NewAccount returns the user account that is logged in with a connected client. There
// should be one for a client. It fails with [ErrBot] for a bot.
func NewAccount(tg *telegram.Client, opts ...AccountOption) (groupcall.Account, error) {
	return newAccount(tg, opts...)
}

func newAccount(tg *telegram.Client, opts ...AccountOption) (*account, error) {
	conf := config{log: slog.Default(), idle: defaultIdle, probe: defaultProbe, push: defaultPush}
	for _, o := range opts {
		o(&conf)
	}
	var me *telegram.UserObj
	if err := safe.Do(func() error { me = tg.Me(); return nil }); err != nil {
		return nil, err
	}
	switch {
	case me == nil || me.ID == 0:
		return nil, errors.New("nobody is logged in, or Telegram cannot be reached")
	case me.Bot:
		return nil, ErrBot
	}
	a := &account{
		tg: tg,
		me: groupcall.User{
			ID:       me.ID,
			Name:     strings.TrimSpace(me.FirstName + " " + me.LastName),
			Username: me.Username,
		},
		hash:     me.AccessHash,
		log:      conf.log,
		conf:     conf,
		joining:  make(chan struct{}, 1),
		pushed:   make(chan string, 1),
		queue:    events{ready: make(chan struct{}, 1)},
		chats:    map[int64]int64{},
		used:     map[int64]bool{},
		versions: map[int64]int32{},
		looking:  map[look]bool{},
		dead:     make(chan struct{}),
	}
	err := safe.Do(func() error { // it panics when updates are off
		tg.AddRawHandler(nil, func(u telegram.Update, _ *telegram.Client) error {
			a.update(u)
			return nil
		})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("a client without updates: %w", err)
	}
	return a, nil
}

// Self returns the account's own user.
func (a *account) Self() groupcall.User { return a.me }

// slow is the duration of a request that has gone through a reconnect, or nearly.
const slow = 8 * time.Second

// call sends a request of the account.
func call[T any](ctx context.Context, a *account, r Request) (T, error) {
	began := time.Now()
	answer, err := Call[T](ctx, a.tg, r)
	if errors.Is(err, groupcall.ErrAccountDead) {
		a.deadOnce.Do(func() { close(a.dead) })
	}
	if time.Since(began) > slow {
		a.queue.put(groupcall.Reconnected{})
	}
	return answer, err
}

// self returns the account as a peer.
func (a *account) self() telegram.InputPeer {
	if a.hash == 0 {
		return &telegram.InputPeerSelf{}
	}
	return &telegram.InputPeerUser{UserID: a.me.ID, AccessHash: a.hash}
}

// know remembers the chat of a call.
func (a *account) know(c groupcall.Call) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.Chat != 0 {
		for id, chat := range a.chats { // a chat has one call
			if chat == c.Chat && id != c.ID {
				delete(a.chats, id)
				delete(a.versions, id)
			}
		}
		a.chats[c.ID] = c.Chat
	}
	a.versions[c.ID] = max(a.versions[c.ID], int32(c.Version))
}

// use remembers a chat as one whose fate matters.
func (a *account) use(chat int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.used[chat] = true
}

func (a *account) chatOf(call int64) int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.chats[call]
}

// forget drops a call that is over.
func (a *account) forget(call int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.chats, call)
	delete(a.versions, call)
}

func input(c groupcall.Call) telegram.InputGroupCall {
	return &telegram.InputGroupCallObj{ID: c.ID, AccessHash: c.AccessHash}
}

// described returns a call as Telegram describes it.
func described(chat int64, g *telegram.GroupCallObj) groupcall.Call {
	c := groupcall.Call{
		Chat: chat, ID: g.ID, AccessHash: g.AccessHash,
		RTMP: g.RtmpStream, JoinMuted: g.JoinMuted,
		Participants: int(g.ParticipantsCount), Version: int(g.Version),
	}
	if g.ScheduleDate != 0 {
		c.Scheduled = time.Unix(int64(g.ScheduleDate), 0)
	}
	return c
}

// figure returns the account's own entry as Telegram describes it.
func figure(p *telegram.GroupCallParticipant) groupcall.Participant {
	return groupcall.Participant{
		SSRC: uint32(p.Source), Muted: p.Muted, CanSelfUnmute: p.CanSelfUnmute, Left: p.Left, Min: p.Min,
	}
}

// isMe reports the account's own entry.
func (a *account) isMe(p *telegram.GroupCallParticipant) bool {
	return p.Self || Mark(p.Peer) == a.me.ID
}

var errNoAnswer = fmt.Errorf("%w: Telegram gave no connection", groupcall.ErrFresh)
