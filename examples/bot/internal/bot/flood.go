package bot

import (
	"time"

	"golang.org/x/time/rate"
)

// verdict is what becomes of a command or a press.
type verdict int

const (
	pass verdict = iota
	warn         // refused, and the user is to be told why
	drop         // refused in silence
)

// warnEvery is how often somebody is warned.
const warnEvery = time.Minute

// keptUsers is how many users are kept in mind before those are forgotten that have been
// quiet for a minute.
const keptUsers = 1000

// flood keeps users from sending more than is good for others. It is owned by one
// goroutine.
type flood struct {
	limits Limits
	users  map[int64]*habit
	chats  map[int64]*habit
}

// habit is what somebody has sent of late.
type habit struct {
	commands *rate.Limiter
	presses  *rate.Limiter
	refused  int       // commands since the burst was last allowed again
	warned   time.Time // last
	seen     time.Time
}

func newFlood(limits Limits) *flood {
	return &flood{limits: limits, users: make(map[int64]*habit), chats: make(map[int64]*habit)}
}

// patience is how many commands too many are only refused. After them the user is not
// listened to until there has been quiet for as long as the burst takes, so that nothing
// is taken from others.
const patience = 5

// command judges a command.
func (f *flood) command(chat, user int64) verdict {
	now := time.Now()
	u := f.user(user, now)
	if u.commands.TokensAt(now) >= float64(f.limits.UserBurst) {
		u.refused = 0
	}
	if u.refused > patience || !u.commands.AllowN(now, 1) {
		u.refused++
		if u.refused > patience {
			u.drain(now)
		}
		return u.warn(now)
	}
	c := f.chat(chat, now)
	if !c.commands.AllowN(now, 1) {
		return c.warn(now)
	}
	return pass
}

// press judges the press of a button.
func (f *flood) press(user int64) verdict {
	now := time.Now()
	u := f.user(user, now)
	if u.presses.AllowN(now, 1) {
		return pass
	}
	return u.warn(now)
}

// drain takes what has been saved up, so that the time of quiet begins again.
func (h *habit) drain(now time.Time) {
	if n := int(h.commands.TokensAt(now)); n > 0 {
		h.commands.AllowN(now, n)
	}
}

// warn returns warn once a minute, else drop.
func (h *habit) warn(now time.Time) verdict {
	if !h.warned.IsZero() && now.Sub(h.warned) < warnEvery {
		return drop
	}
	h.warned = now
	return warn
}

func (f *flood) user(id int64, now time.Time) *habit {
	u := f.users[id]
	if u == nil {
		prune(f.users, now)
		u = &habit{
			commands: rate.NewLimiter(rate.Every(f.limits.UserEvery), f.limits.UserBurst),
			presses:  rate.NewLimiter(rate.Every(f.limits.PressEvery), 4),
		}
		f.users[id] = u
	}
	u.seen = now
	return u
}

func (f *flood) chat(id int64, now time.Time) *habit {
	c := f.chats[id]
	if c == nil {
		prune(f.chats, now)
		perMinute := f.limits.ChatPerMinute
		c = &habit{commands: rate.NewLimiter(rate.Every(time.Minute/time.Duration(perMinute)), perMinute)}
		f.chats[id] = c
	}
	c.seen = now
	return c
}

// prune forgets those that have been quiet for as long as warnings count.
func prune(habits map[int64]*habit, now time.Time) {
	if len(habits) < keptUsers {
		return
	}
	for id, h := range habits {
		if now.Sub(h.seen) > warnEvery {
			delete(habits, id)
		}
	}
}
