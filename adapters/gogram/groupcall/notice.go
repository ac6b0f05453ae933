package groupcall

import (
	"errors"
	"fmt"
	"time"
)

// Notice is something that a bot should know of a chat's call: one of [Entered],
// [Left], [Waiting], [Interrupted], [Restored], [Silenced], [Unsilenced],
// [TrackEnded], [Listening], [Moved] and [AccountLost].
type Notice interface {
	// Chat returns the chat that it is about; 0 for all of them.
	Chat() int64
	// Words returns it as a sentence for the chat's members, in plain English. It is
	// empty where there is nothing to say.
	Words() string
}

// InChat is the chat that a [Notice] is about.
type InChat int64

// Chat returns the chat's marked id.
func (i InChat) Chat() int64 { return int64(i) }

// Entered reports that the account is in the call, and what it plays is heard.
type Entered struct{ InChat }

// Left reports that the account is out of the call, or waits for it no longer, and
// plays nothing. Err is nil when [Calls.Leave] was the reason. At is the position at
// which the source was left, 0 where nothing was played.
type Left struct {
	InChat
	Err error
	At  time.Duration
}

// Waiting reports that the source is kept and begins, or goes on, by itself: when a
// call begins, unless Until comes first; after a [*Flood], at Until.
type Waiting struct {
	InChat
	Err   error
	Until time.Time
}

// Interrupted reports that the account has lost the call and tries to come back.
type Interrupted struct {
	InChat
	Err error
}

// Restored reports that the account is back after [Interrupted] or [Waiting], and
// plays on where it was.
type Restored struct{ InChat }

// Silenced reports that an admin has muted the account: what it plays is paused.
type Silenced struct{ InChat }

// Unsilenced reports that the account may speak again: what it played goes on.
type Unsilenced struct{ InChat }

// TrackEnded reports the end of a source, once for all its tracks: nil at the natural
// end, or what [gotgcall.Client.OnStreamEnd] says. The call goes on without a sound
// until the next source. An end by Stop, or by a lost connection, is none.
type TrackEnded struct {
	InChat
	Err error
}

// Listening reports how many people are in the call, accounts of the program not
// counted.
type Listening struct {
	InChat
	Listeners int
}

// Moved reports that the chat has become another one, a supergroup. What [Calls.Play]
// was given plays on there by itself, and Plays is true; what followed it by
// [gotgcall.Client.SetNextSource] has to be played there again, from At.
type Moved struct {
	InChat
	To    int64
	Plays bool
	At    time.Duration
}

// AccountLost reports that the account can be used no longer: [ErrAccountDead] or
// [ErrFrozen]. Every chat gets its [Left] besides.
type AccountLost struct{ Err error }

// Chat returns 0.
func (AccountLost) Chat() int64 { return 0 }

// Words returns "".
func (Entered) Words() string { return "" }

// Words returns the reason.
func (n Left) Words() string {
	if n.Err == nil {
		return ""
	}
	return Words(n.Err)
}

// Words returns what is waited for.
func (n Waiting) Words() string { return (&ParkedError{Err: n.Err, Until: n.Until}).Words() }

// Words says that the account comes back.
func (Interrupted) Words() string { return "The connection is lost. I'm coming back." }

// Words says that playback goes on.
func (Restored) Words() string { return "I'm back." }

// Words says what an admin can do.
func (Silenced) Words() string {
	return "An admin muted me, so I paused. Allow me to speak and I go on."
}

// Words returns "".
func (Unsilenced) Words() string { return "" }

// Words returns why the source ended before its time.
func (n TrackEnded) Words() string {
	if n.Err == nil {
		return ""
	}
	return Words(n.Err)
}

// Words returns "".
func (Listening) Words() string { return "" }

// Words returns "".
func (Moved) Words() string { return "" }

// Words returns what happened to the account.
func (n AccountLost) Words() string { return Words(n.Err) }

// ParkedError is what [Calls.Play] fails with when the source is kept and plays by
// itself later: when a call begins, or when Telegram allows the request again. It
// wraps the reason: [ErrNoCall], [ErrCallEnded], [ErrScheduled] or a [*Flood].
type ParkedError struct {
	Err   error
	Until time.Time // when it is tried again, after a Flood; else when it is given up
}

// Error returns the reason and the time.
func (e *ParkedError) Error() string {
	return fmt.Sprintf("kept until %s: %v", e.Until.Format(time.TimeOnly), e.Err)
}

// Unwrap returns the reason.
func (e *ParkedError) Unwrap() error { return e.Err }

// Words returns what is waited for, as a sentence for the chat's members.
func (e *ParkedError) Words() string {
	var flood *Flood
	var scheduled *ScheduledError
	switch {
	case errors.As(e.Err, &flood):
		return fmt.Sprintf("Telegram asks me to wait %s; I join then.", seconds(flood.Wait))
	case errors.As(e.Err, &scheduled):
		return fmt.Sprintf("The video chat begins %s; I join then.", scheduled.Begin.UTC().Format("on 2 January at 15:04 UTC"))
	case errors.Is(e.Err, ErrCallEnded):
		return "The video chat has ended. Start one within " + minutes(time.Until(e.Until)) + " and I go on where I was."
	}
	return "There is no video chat. Start one within " + minutes(time.Until(e.Until)) + " and I play."
}

func seconds(d time.Duration) string {
	return fmt.Sprintf("%d s", int((d+time.Second-1)/time.Second))
}

func minutes(d time.Duration) string {
	if d < 2*time.Minute {
		return seconds(max(d.Round(time.Second), time.Second))
	}
	return fmt.Sprintf("%d minutes", int((d+time.Minute/2)/time.Minute))
}
