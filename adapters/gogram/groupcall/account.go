package groupcall

import (
	"context"
	"time"
)

// Account is a user account of Telegram, as far as group calls are concerned. Chats are
// known by marked ids: -id for a basic group, -1000000000000-id for a supergroup or
// channel. Access hashes, peers and sessions are the implementation's own business.
//
// Every method but Self sends a request and blocks until the answer, an error or ctx's
// end. Its errors are those of this package, or others that wrap ctx's error or name
// what Telegram said. After ctx's end the request may still be executed.
type Account interface {
	// Self returns the account's own user.
	Self() User

	// Call returns the call of a chat, scheduled or live. It fails with [ErrNoCall],
	// [ErrNotInChat] or [ErrBanned].
	Call(ctx context.Context, chat int64) (Call, error)

	// StartCall starts a call in a chat. It fails with [ErrNotAllowed] without the
	// right to manage calls.
	StartCall(ctx context.Context, chat int64, o StartOptions) (Call, error)

	// Join sends what [gotgcall.Client.CreateCall] or [gotgcall.Client.Rejoin]
	// returned, and returns the server's answer with it. A join replaces an earlier one
	// of the same account. It fails with [ErrFresh] when the payload's SSRCs are in use, and with
	// [ErrCallEnded], [ErrNotInChat], [ErrBanned] or [ErrTransient].
	Join(ctx context.Context, c Call, params string, o JoinOptions) (Joined, error)

	// Leave ends the account's participation with that SSRC. It fails with
	// [ErrNotInCall] or [ErrCallEnded] when there is none.
	Leave(ctx context.Context, c Call, ssrc uint32) error

	// Edit changes the account's own flags in a call, only those that are set. It
	// fails with [ErrNotModified], [ErrNotAllowed], [ErrNotInCall] or [ErrCallEnded].
	Edit(ctx context.Context, c Call, e Edit) error

	// Me returns the account's own entry among the participants. It fails with
	// [ErrNotInCall] or [ErrCallEnded].
	Me(ctx context.Context, c Call) (Participant, error)

	// RTMP returns where a chat's live stream is published; renew asks for another
	// key. It fails with [ErrNotAllowed]. The key is a secret.
	RTMP(ctx context.Context, chat int64, renew bool) (url, key string, err error)

	// JoinChat makes the account a member of a chat by an invite link, or by a public
	// chat's @name. To be a member already is no error. It fails with [ErrInvite],
	// [ErrJoinRequested], [ErrTooManyChats] or [ErrBanned].
	JoinChat(ctx context.Context, invite string) error

	// Events calls f for what happens in the account's calls, one event at a time,
	// until ctx ends or the session is dead ([ErrAccountDead]). Events may be late,
	// doubled, out of order or missing, as Telegram's updates are. It is called once.
	Events(ctx context.Context, f func(Event)) error
}

// User is somebody on Telegram.
type User struct {
	ID       int64
	Name     string // first and last name, as they typed it
	Username string // without @; empty for most
	Bot      bool
}

// Call is a group call of a chat.
type Call struct {
	Chat         int64
	ID           int64
	AccessHash   int64
	RTMP         bool      // a live stream, which is published by RTMP and not joined
	Scheduled    time.Time // when it is to begin; zero for a live one
	JoinMuted    bool      // who joins must be allowed to speak
	Participants int       // everybody in it, the account included
	Version      int       // of the list of participants; 0 where unknown
}

// StartOptions are those of a new call.
type StartOptions struct {
	Title string
	RTMP  bool
}

// JoinOptions are the flags with which an account joins.
type JoinOptions struct {
	Muted        bool
	VideoStopped bool // no picture is sent
}

// Joined is the answer to a join.
type Joined struct {
	Answer string      // for [gotgcall.Client.Connect]
	Me     Participant // as the answer says; the zero value where it says nothing
	Call   Call        // the call with its newest figures
}

// Edit is a change of the account's own flags; nil leaves one as it is.
type Edit struct {
	Muted        *bool
	VideoStopped *bool
	VideoPaused  *bool
	RaiseHand    *bool
}

// Participant is the account's own entry in a call.
type Participant struct {
	SSRC          uint32 // of its sound; 0 where unknown
	Muted         bool
	CanSelfUnmute bool // false with Muted: an admin muted it
	Left          bool
	Min           bool // Muted and CanSelfUnmute are not to be relied on
}

// Event is one of [CallChanged], [CallEnded], [MeChanged], [ParticipantsChanged],
// [ChatLost], [ChatMigrated] and [Reconnected].
type Event interface{ event() }

// CallChanged reports a call that has begun or whose figures changed.
type CallChanged struct{ Call Call }

// CallEnded reports the end of a call for everybody.
type CallEnded struct {
	Chat int64 // 0 where the update does not say
	ID   int64
}

// MeChanged reports a change of the account's own entry in a call.
type MeChanged struct {
	CallID  int64
	Me      Participant
	Version int
}

// ParticipantsChanged reports that others joined or left a call.
type ParticipantsChanged struct {
	CallID  int64
	Version int
}

// ChatLost reports that the account is out of a chat, for whatever reason.
type ChatLost struct{ Chat int64 }

// ChatMigrated reports that a basic group has become a supergroup.
type ChatMigrated struct{ From, To int64 }

// Reconnected reports that the connection to Telegram was interrupted: events may be
// missing.
type Reconnected struct{}

func (CallChanged) event()         {}
func (CallEnded) event()           {}
func (MeChanged) event()           {}
func (ParticipantsChanged) event() {}
func (ChatLost) event()            {}
func (ChatMigrated) event()        {}
func (Reconnected) event()         {}
