package gogram

import (
	"context"
	"errors"
	"fmt"

	mtproto "github.com/amarnathcjd/gogram"

	gogramcalls "github.com/gotgcall/gotgcall/adapters/gogram"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
)

// call sends a request. Its errors are those of [telegram.Messenger].
func call[T any](ctx context.Context, m *Messenger, request gogramcalls.Request) (T, error) {
	answer, err := gogramcalls.Call[T](ctx, m.tg, request)
	if errors.Is(err, groupcall.ErrAccountDead) {
		m.deadOnce.Do(func() { close(m.dead) }) // ends Listen
	}
	return answer, classify(err)
}

// failed says what was being done.
func failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// classes are Telegram's names of errors that mean something to who talks; what package
// gogramcalls knows by name is not repeated.
var classes = map[string]error{
	"MESSAGE_AUTHOR_REQUIRED":   telegram.ErrGone,
	"MESSAGE_EDIT_TIME_EXPIRED": telegram.ErrGone,
	"MESSAGE_IDS_EMPTY":         telegram.ErrGone,
	"MESSAGE_ID_INVALID":        telegram.ErrGone,
	"MSG_ID_INVALID":            telegram.ErrGone,

	"CHAT_GUEST_SEND_FORBIDDEN": groupcall.ErrNotAllowed,
	"CHAT_RESTRICTED":           groupcall.ErrNotAllowed,
	"CHAT_SEND_PLAIN_FORBIDDEN": groupcall.ErrNotAllowed,
	"MESSAGE_DELETE_FORBIDDEN":  groupcall.ErrNotAllowed,
	"TOPIC_CLOSED":              groupcall.ErrNotAllowed,
	"TOPIC_DELETED":             groupcall.ErrNotAllowed,

	"INPUT_USER_DEACTIVATED": groupcall.ErrNotInChat,
	"USER_IS_BLOCKED":        groupcall.ErrNotInChat,
}

// classify adds the meaning of one of Telegram's errors.
func classify(err error) error {
	var rpc *mtproto.ErrResponseCode
	if errors.As(err, &rpc) && classes[rpc.Message] != nil {
		return fmt.Errorf("%w: %w", classes[rpc.Message], err)
	}
	return err
}

// named reports whether an error is one of Telegram's by these names.
func named(err error, names ...string) bool {
	var rpc *mtproto.ErrResponseCode
	if !errors.As(err, &rpc) {
		return false
	}
	for _, n := range names {
		if rpc.Message == n {
			return true
		}
	}
	return false
}
