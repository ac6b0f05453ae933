package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
)

// Bot serves chats, one goroutine for each.
type Bot struct {
	// immutable after New
	cfg      Config
	log      *slog.Logger
	me       int64
	username string
	itself   bool // it talks by an account that plays
	table    table
	roles    *roles
	global   *rate.Limiter // of messages, for all chats
	presses  *answers
	life     context.Context // done when everything has been said
	end      context.CancelFunc

	// owned by the goroutine of Listen
	flood *flood
	seen  *seen

	working sync.WaitGroup // requests beside the chats, and the chats

	mu         sync.Mutex // guards what follows
	assistants []*assistant
	lost       map[int64]bool // assistants that are of no use
	chats      map[int64]*chat
	volumes    map[int64]int       // of chats that have chosen one, in percent
	gone       map[int64]time.Time // chats that the bot is out of, and since when
	closing    bool
}

// New returns a Bot that does nothing until [Bot.Run].
func New(cfg Config) (*Bot, error) {
	if len(cfg.Assistants) == 0 {
		return nil, errors.New("new bot: it needs an account that plays")
	}
	b, err := newBot(cfg)
	if err != nil {
		return nil, fmt.Errorf("new bot: %w", err)
	}
	for _, a := range cfg.Assistants {
		b.assistants = append(b.assistants, b.join(a))
		b.itself = b.itself || a.Account.Self().ID == b.me
	}
	return b, nil
}

// newBot returns a Bot without assistants.
func newBot(cfg Config) (*Bot, error) {
	cfg, err := newConfig(cfg)
	if err != nil {
		return nil, err
	}
	b := &Bot{
		cfg: cfg, log: cfg.Logger, table: newTable(),
		global: rate.NewLimiter(rate.Limit(cfg.Limits.MessagesPerSecond), cfg.Limits.MessagesPerSecond),
		flood:  newFlood(cfg.Limits), seen: newSeen(),
		lost: make(map[int64]bool), chats: make(map[int64]*chat), volumes: make(map[int64]int), gone: make(map[int64]time.Time),
	}
	b.me, b.username = cfg.Messenger.Self()
	b.life, b.end = context.WithCancel(context.Background())
	b.roles = &roles{
		ctx: b.life, ask: cfg.Messenger.Role, believe: cfg.Times.Role, request: cfg.Times.Request,
		working: &b.working, known: make(map[member]*standing),
	}
	b.presses = newAnswers(cfg.Messenger, cfg.Times.Request, b.log)
	return b, nil
}

// Run serves chats until ctx ends, or the Messenger fails, whose error it then returns.
// Chats that played when the bot was stopped go on where they were. At the end each
// chat's position is written, and the calls are left, within 5 s. It is called once.
func (b *Bot) Run(ctx context.Context) error {
	b.working.Go(func() { b.presses.run(b.life) }) // as the next one
	b.working.Go(func() { b.sweep(b.life) })       // shutdown ends and waits for them
	b.working.Go(func() { b.publishMenu(ctx) })    // ends with its request
	err := b.restore()
	if err == nil {
		err = b.cfg.Messenger.Listen(ctx, b.handle)
	}
	b.shutdown()
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		err = fmt.Errorf("run bot: %w", err)
	}
	return err
}

// publishMenu tells Telegram the commands.
func (b *Bot) publishMenu(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, b.cfg.Times.Request)
	defer cancel()
	if err := b.cfg.Messenger.Menu(ctx, b.table.menu()); err != nil && ctx.Err() == nil {
		b.log.Warn("Telegram does not show the commands", "err", err)
	}
}

// restore makes the chats that are to go on playing.
func (b *Bot) restore() error {
	ids, err := b.cfg.Store.Chats()
	if err != nil {
		return err
	}
	for _, id := range ids {
		p, err := loadPlace(b.cfg.Store, id)
		switch {
		case err != nil:
			b.log.Error("a chat's state cannot be read", "chat", id, "err", err)
		case !p.Lost.IsZero():
			b.mu.Lock()
			b.gone[id] = p.Lost
			b.mu.Unlock()
		case p.Playing && !p.Paused:
			b.post(id, 0, (*chat).carryOn)
		}
	}
	return nil
}

// shutdown writes what is to survive, leaves all calls and ends all goroutines.
func (b *Bot) shutdown() {
	b.mu.Lock()
	b.closing = true
	chats := make([]*chat, 0, len(b.chats))
	for _, c := range b.chats {
		chats = append(chats, c)
	}
	assistants := b.assistants
	b.mu.Unlock()
	for _, c := range chats {
		c.box.post(func() { c.shut() })
	}
	for _, c := range chats {
		<-c.done
	}
	if err := b.cfg.Store.Flush(); err != nil {
		b.log.Error("the bot's state is lost", "err", err)
	}
	var leaving sync.WaitGroup
	for _, a := range assistants {
		leaving.Go(func() { _ = a.calls.Close() }) // takes 5 s at most
	}
	leaving.Wait()
	b.end()
	b.working.Wait()
	for _, c := range chats {
		c.files.close()
	}
}

// chatLocked returns a chat, which is made if it is not in memory; nil when the bot is
// ending. mu must be held.
func (b *Bot) chatLocked(id int64) *chat {
	c := b.chats[id]
	if c == nil && !b.closing {
		c = newChat(b, id)
		b.chats[id] = c
		delete(b.gone, id)
		b.working.Go(c.run) // ends when it is idle, lost or shut; shutdown waits for it
	}
	return c
}

// post runs f for a chat on its goroutine. A chat that is just being put out of memory
// is made again.
func (b *Bot) post(id int64, limit int, f func(*chat)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.chatLocked(id)
	return c != nil && c.box.offer(func() { f(c) }, limit)
}

// tell is post for a chat that is in memory.
func (b *Bot) tell(id int64, f func(*chat)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.chats[id]; c != nil {
		c.box.post(func() { f(c) })
	}
}

// retire puts a chat out of memory, unless something waits for it.
func (b *Bot) retire(c *chat) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing || !c.box.closeIfEmpty() {
		return false
	}
	delete(b.chats, c.id)
	delete(b.volumes, c.id)
	return true
}

// notice takes in what an assistant reports. It must not block.
func (b *Bot) notice(account int64, n groupcall.Notice) {
	switch n := n.(type) {
	case groupcall.AccountLost:
		b.log.Error("an account is of no use any longer", "account", account, "err", n.Err)
		b.mu.Lock()
		b.lost[account] = true
		b.mu.Unlock()
	case groupcall.Moved:
		b.move(n.Chat(), n.To)
		if !n.Plays {
			b.tell(n.To, func(c *chat) {
				if c.play.phase == playing {
					c.begin(n.At)
				}
			})
		}
	default:
		b.tell(n.Chat(), func(c *chat) { c.notice(account, n) })
	}
}

// move gives a chat another id: a basic group has become a supergroup. The news of it
// comes more than once.
func (b *Bot) move(from, to int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, other := b.chats[from], b.chats[to]
	switch {
	case from == to || b.closing:
	case c == nil:
		if other = b.chatLocked(to); other != nil {
			other.box.post(func() { other.inherit(from) })
		}
	default:
		delete(b.chats, from)
		b.chats[to] = c
		c.box.post(func() { c.moved(from, to) })
		if other != nil {
			other.box.post(func() { other.giveWay(c) })
		}
	}
}

// sweepEvery is how often chats are looked for whose time has passed.
const sweepEvery = time.Minute

// sweep forgets the queues of chats that the bot has been out of for long.
func (b *Bot) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		for _, id := range b.expired() {
			if err := b.cfg.Store.Forget(id); err != nil {
				b.log.Error("a chat cannot be forgotten", "chat", id, "err", err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (b *Bot) expired() (ids []int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, since := range b.gone {
		if time.Since(since) >= b.cfg.Times.KeepLost {
			ids = append(ids, id)
			delete(b.gone, id)
		}
	}
	return ids
}

// lose puts a chat out of memory that the bot is out of. Its queue is kept for a while.
func (b *Bot) lose(id int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.chatLocked(id); c != nil {
		delete(b.chats, id)
		b.gone[id] = time.Now()
		c.box.post(c.lose)
	}
}

// role calls f with a user's role, on the chat's goroutine.
func (c *chat) role(user int64, f func(telegram.Role, error)) {
	c.bot.roles.get(c.id, user, func(r telegram.Role, err error) {
		c.box.post(func() { f(r, err) })
	})
}
