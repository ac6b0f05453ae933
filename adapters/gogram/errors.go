package gogramcalls

import (
	"errors"
	"fmt"
	"time"

	gogram "github.com/amarnathcjd/gogram"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
)

// ErrBot is returned where a bot's client is given in place of a user's: Telegram does
// not let bots into calls.
var ErrBot = errors.New("bots cannot be in calls: log in a user account")

// ErrReference is returned when the reference to a file is too old. The message that
// holds the file has a new one.
var ErrReference = errors.New("the file's reference has expired")

// meanings are Telegram's names of errors, with their numbers cut out by gogram.
var meanings = map[string]error{
	"GROUPCALL_SSRC_DUPLICATE_MUCH": groupcall.ErrFresh,

	"GROUPCALL_INVALID":           groupcall.ErrCallEnded,
	"GROUPCALL_FORBIDDEN":         groupcall.ErrCallEnded,
	"GROUPCALL_ALREADY_DISCARDED": groupcall.ErrCallEnded,

	"GROUPCALL_JOIN_MISSING":   groupcall.ErrNotInCall,
	"PARTICIPANT_JOIN_MISSING": groupcall.ErrNotInCall,

	"JOIN_AS_PEER_INVALID": groupcall.ErrJoinAs,
	"DATA_JSON_INVALID":    groupcall.ErrRefused,

	"CHANNEL_INVALID":      groupcall.ErrNotInChat,
	"CHANNEL_PRIVATE":      groupcall.ErrNotInChat,
	"CHAT_ID_INVALID":      groupcall.ErrNotInChat,
	"CHAT_FORBIDDEN":       groupcall.ErrNotInChat,
	"PEER_ID_INVALID":      groupcall.ErrNotInChat,
	"USER_NOT_PARTICIPANT": groupcall.ErrNotInChat,

	"USER_BANNED_IN_CHANNEL": groupcall.ErrBanned,
	"USER_KICKED":            groupcall.ErrBanned,

	"CHANNELS_TOO_MUCH":      groupcall.ErrTooManyChats,
	"USER_CHANNELS_TOO_MUCH": groupcall.ErrTooManyChats,

	"INVITE_HASH_EMPTY":     groupcall.ErrInvite,
	"INVITE_HASH_EXPIRED":   groupcall.ErrInvite,
	"INVITE_HASH_INVALID":   groupcall.ErrInvite,
	"USERNAME_INVALID":      groupcall.ErrInvite,
	"USERNAME_NOT_OCCUPIED": groupcall.ErrInvite,
	"INVITE_REQUEST_SENT":   groupcall.ErrJoinRequested,

	"CHAT_ADMIN_REQUIRED":    groupcall.ErrNotAllowed,
	"CHAT_WRITE_FORBIDDEN":   groupcall.ErrNotAllowed,
	"PUBLIC_CHANNEL_MISSING": groupcall.ErrNotAllowed,
	"RIGHT_FORBIDDEN":        groupcall.ErrNotAllowed,
	"RAISE_HAND_FORBIDDEN":   groupcall.ErrNotAllowed,
	"VIDEO_PAUSE_FORBIDDEN":  groupcall.ErrNotAllowed,
	"VIDEO_STOP_FORBIDDEN":   groupcall.ErrNotAllowed,
	"BOT_METHOD_INVALID":     ErrBot,

	"CHAT_NOT_MODIFIED":      groupcall.ErrNotModified,
	"GROUPCALL_NOT_MODIFIED": groupcall.ErrNotModified,
	"MESSAGE_NOT_MODIFIED":   groupcall.ErrNotModified,

	"GROUPCALL_ADD_PARTICIPANTS_FAILED": groupcall.ErrTransient,
	"CREATE_CALL_FAILED":                groupcall.ErrTransient,
	"CALL_OCCUPY_FAILED":                groupcall.ErrTransient,
	"INTERDC_X_CALL_ERROR":              groupcall.ErrTransient,
	"INTERDC_X_CALL_RICH_ERROR":         groupcall.ErrTransient,
	"TIMEOUT":                           groupcall.ErrTransient,
	"Timedout":                          groupcall.ErrTransient,
	"Timeout":                           groupcall.ErrTransient,

	"FROZEN_METHOD_INVALID": groupcall.ErrFrozen,

	"AUTH_KEY_UNREGISTERED": groupcall.ErrAccountDead,
	"AUTH_KEY_DUPLICATED":   groupcall.ErrAccountDead,
	"AUTH_KEY_INVALID":      groupcall.ErrAccountDead,
	"SESSION_EXPIRED":       groupcall.ErrAccountDead,
	"SESSION_REVOKED":       groupcall.ErrAccountDead,
	"USER_DEACTIVATED":      groupcall.ErrAccountDead,
	"USER_DEACTIVATED_BAN":  groupcall.ErrAccountDead,

	"FILE_REFERENCE_EXPIRED": ErrReference,
	"FILE_REFERENCE_INVALID": ErrReference,
	"FILE_REFERENCE_EMPTY":   ErrReference,
}

// codeFlood is that of every demand to wait; with codeFailed and above, or the negative
// one, the server has failed.
const (
	codeFlood   = 420
	codeFailed  = 500
	codeTimeout = -503
)

// mapped adds the meaning of one of Telegram's errors. All others stay as they are.
func mapped(err error) error {
	var rpc *gogram.ErrResponseCode
	if !errors.As(err, &rpc) {
		return err
	}
	if m, ok := meanings[rpc.Message]; ok {
		return fmt.Errorf("%w: %w", m, err)
	}
	switch seconds, ok := rpc.AdditionalInfo.(int); {
	case ok && (rpc.Code == codeFlood || rpc.Message == "SLOWMODE_WAIT_X"):
		return fmt.Errorf("%w: %w", &groupcall.Flood{Wait: time.Duration(max(seconds, 1)) * time.Second}, err)
	case rpc.Code >= codeFailed || rpc.Code == codeTimeout:
		return fmt.Errorf("%w: %w", groupcall.ErrTransient, err)
	}
	return err
}

// rpcName returns Telegram's name of an error, or nothing.
func rpcName(err error) string {
	var rpc *gogram.ErrResponseCode
	if errors.As(err, &rpc) {
		return rpc.Message
	}
	return ""
}
