package groupcall

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall"
)

// Why an account is not in a call, besides the errors of [Account].
var (
	ErrScheduled     = errors.New("the video chat has not begun")
	ErrLiveStream    = errors.New("the video chat is a live stream")
	ErrNotLiveStream = errors.New("the video chat is no live stream")
	ErrRemoved       = errors.New("an admin removed the account from the video chat")
	ErrElsewhere     = errors.New("the account joined the video chat from another device")
	ErrAlone         = errors.New("nobody listens")
	ErrNothingPlays  = errors.New("nothing was played")
	ErrNoAnswer      = errors.New("Telegram did not answer") //nolint:staticcheck // a name
)

// ScheduledError is [ErrScheduled] with the time.
type ScheduledError struct{ Begin time.Time }

// Error says when the call begins.
func (e *ScheduledError) Error() string {
	return fmt.Sprintf("%v: it begins %s", ErrScheduled, e.Begin.Format(time.DateTime))
}

// Unwrap returns [ErrScheduled].
func (e *ScheduledError) Unwrap() error { return ErrScheduled }

// remedy is what is done about an error.
type remedy int

const (
	giveUp    remedy = iota // the error is the answer
	obey                    // wait for as long as Telegram demands
	again                   // the same request after 1, 2, 4 s, then one with fresh params
	fresh                   // join with fresh params, at once and after 1 and 2 s
	once                    // the same request once more
	find                    // look for the call once more, or else wait for one
	await                   // wait for a call
	beInvited               // become a member of the chat, once
	verify                  // ask whether the request was executed, and begin again
	retire                  // the account is of no use for any chat
)

// errorRow is what is done about an error, and said to the chat's members.
type errorRow struct {
	err   error
	do    remedy
	words string
}

// errorTable holds what can be told by errors.Is; the first match counts.
func errorTable() []errorRow {
	return []errorRow{
		{ErrNoCall, await, "There is no video chat. Start one and /play again."},
		{ErrCallEnded, find, "The video chat has ended. Start one and /play again."},
		{ErrScheduled, await, "The video chat has not begun."},
		{ErrLiveStream, giveUp, "This video chat is a live stream: use /live."},
		{ErrNotLiveStream, giveUp, "The video chat is no live stream. End it and /live again, or use /play."},
		{ErrNotInCall, fresh, "I was not let into the video chat. Try /play again."},
		{ErrTooManyChats, giveUp, "My account is in too many groups and cannot join another one."},
		{ErrInvite, giveUp, "The invite link does not work. Add my account to this group."},
		{ErrJoinRequested, giveUp, "An admin must approve my account's request to join. Then /play again."},
		{ErrBanned, beInvited, "My account is banned from this group. Lift the ban and /play again."},
		{ErrNotInChat, beInvited, "Add my account to this group (or make me admin with 'invite users')."},
		{ErrNotAllowed, giveUp, "My account needs the right to manage video chats."},
		{ErrFresh, fresh, "I could not join the video chat. Try /play again."},
		{ErrJoinAs, once, "My account may not join in that name."},
		{ErrRefused, giveUp, "I could not join the video chat: internal error."},
		{ErrTransient, again, "Telegram's call server has problems. Try /play again in a minute."},
		{ErrAccountDead, retire, "My account is logged out. My owner has to log in again."},
		{ErrFrozen, retire, "Telegram has frozen my account. My owner has to see to it."},
		{ErrRemoved, giveUp, "I was removed from the video chat and stay out. /play brings me back."},
		{ErrElsewhere, giveUp, "My account joined from another device, so I left. /play brings me back."},
		{ErrAlone, giveUp, "Nobody was listening, so I left."},
		{ErrNothingPlays, giveUp, ""},
		{ErrNoAnswer, giveUp, "Telegram did not answer. Try /play again in a minute."},
		{context.DeadlineExceeded, verify, "Telegram did not answer. Try /play again in a minute."},
		{context.Canceled, giveUp, ""},
		{gotgcall.ErrUnsupportedCallMode, giveUp, "This video chat is a live stream: use /live."},
		{gotgcall.ErrConnectionTimeout, fresh, "I cannot reach Telegram's call server. Try /play again in a minute."},
		{gotgcall.ErrConnectionFailed, fresh, "I lost Telegram's call server. Try /play again in a minute."},
		{gotgcall.ErrPublishRefused, giveUp, "Telegram refused the stream. Try /live again."},
		{gotgcall.ErrFFmpegCrashed, giveUp, "This track broke off."},
		{gotgcall.ErrStalled, giveUp, "This track stopped coming."},
		{gotgcall.ErrFile, giveUp, "This cannot be played."},
		{gotgcall.ErrSourceReplaced, giveUp, ""},
		{gotgcall.ErrClosed, giveUp, ""},
		{gotgcall.ErrStopped, giveUp, ""},
	}
}

// remedyFor returns what is done about an error of a request.
func remedyFor(err error) remedy {
	var flood *Flood
	if errors.As(err, &flood) {
		return obey
	}
	return row(err).do
}

// Words returns what went wrong as a sentence for the chat's members, in plain
// English; "" where it need not be said. An error that it does not know is shown
// itself.
func Words(err error) string {
	var parked *ParkedError
	var flood *Flood
	switch {
	case err == nil:
		return ""
	case errors.As(err, &parked):
		return parked.Words()
	case errors.As(err, &flood):
		return fmt.Sprintf("Telegram asks me to wait %s. Try again then.", seconds(flood.Wait))
	}
	r := row(err)
	if r.err == nil {
		return "That failed: " + err.Error()
	}
	var named *accountError
	if errors.As(err, &named) {
		return named.name(r.words)
	}
	return r.words
}

// accountError is an error whose words are about the account.
type accountError struct {
	user User
	err  error
}

// Error returns the error's.
func (e *accountError) Error() string { return e.err.Error() }

// Unwrap returns the error.
func (e *accountError) Unwrap() error { return e.err }

// name says which account words are about.
func (e *accountError) name(words string) string {
	who := e.user.Name
	if e.user.Username != "" {
		who = "@" + e.user.Username
	}
	if who == "" {
		return words
	}
	return strings.NewReplacer("My account", who, "my account", who).Replace(words)
}

// needsName reports whether members have to know which account an error is about.
func needsName(err error) bool {
	return strings.Contains(strings.ToLower(row(err).words), "my account")
}

func row(err error) errorRow {
	for _, r := range errorTable() {
		if errors.Is(err, r.err) {
			return r
		}
	}
	return errorRow{}
}
