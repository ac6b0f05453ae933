package bot

import "time"

// class is how urgent a message or an edit is.
type class int

// The classes.
const (
	answer   class = iota // to a command
	card                  // what plays has changed
	progress              // a bar has moved
)

// reserve is how many messages of a minute a class leaves to those before it, so that no
// bar ever delays an answer.
func (c class) reserve() int { return [...]int{answer: 0, card: 3, progress: 6}[c] }

// inASecond is how many messages a chat gets at once.
const inASecond = 4

// Cards that change all the time slow down rather than use up the minute and then stand
// still: after steady messages in a minute they wait for cardPace after the last one.
const (
	steady   = 9
	cardPace = 5 * time.Second
)

// budget is how many messages and edits a chat gets: at most limit in any minute, and
// inASecond in any second.
type budget struct {
	limit int
	spent []time.Time // of the last minute, in order
}

// wait returns how long a message of a class has to wait; 0 when it may be sent now.
func (b *budget) wait(c class, now time.Time) time.Duration {
	for len(b.spent) > 0 && now.Sub(b.spent[0]) >= time.Minute {
		b.spent = b.spent[1:]
	}
	n := len(b.spent)
	var wait time.Duration
	if limit := max(1, b.limit-c.reserve()); n >= limit {
		wait = time.Minute - now.Sub(b.spent[n-limit])
	}
	if n >= inASecond {
		wait = max(wait, time.Second-now.Sub(b.spent[n-inASecond]))
	}
	if c != answer && n >= steady {
		wait = max(wait, cardPace-now.Sub(b.spent[n-1]))
	}
	return wait
}

// spend notes a message that is sent.
func (b *budget) spend(now time.Time) { b.spent = append(b.spent, now) }
