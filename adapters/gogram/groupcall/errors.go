package groupcall

import (
	"errors"
	"fmt"
	"time"
)

// What an [Account] fails with, to be tested by errors.Is.
var (
	ErrNoCall        = errors.New("the chat has no video chat")
	ErrCallEnded     = errors.New("the video chat has ended")
	ErrNotInCall     = errors.New("the account is not in the video chat")
	ErrNotInChat     = errors.New("the account is not in the chat")
	ErrBanned        = errors.New("the account is banned from the chat")
	ErrNotAllowed    = errors.New("the account lacks the right to do this")
	ErrTooManyChats  = errors.New("the account is in too many chats")
	ErrInvite        = errors.New("the invite link does not work")
	ErrJoinRequested = errors.New("an admin must approve the account's request to join")
	ErrFresh         = errors.New("the SSRC is in use") // try with other ones
	ErrJoinAs        = errors.New("the account may not join in that name")
	ErrRefused       = errors.New("the join payload was refused")
	ErrTransient     = errors.New("Telegram's call server has problems") //nolint:staticcheck // a name
	ErrNotModified   = errors.New("nothing would change")
	ErrAccountDead   = errors.New("the account's session is dead")
	ErrFrozen        = errors.New("the account is frozen")
)

// Flood is Telegram's demand to wait before the same request is sent again.
type Flood struct{ Wait time.Duration }

// Error says how long to wait.
func (f *Flood) Error() string {
	return fmt.Sprintf("Telegram demands a wait of %v", f.Wait)
}
