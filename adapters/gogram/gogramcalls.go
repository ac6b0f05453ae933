package gogramcalls

import (
	"github.com/amarnathcjd/gogram/telegram"
	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
)

// New returns the group calls of the user account that is logged in with a connected
// client. tg and client stay the caller's: groupcall.Calls.Close stops playing and leaves
// them open. There should be one New for each of them. It fails with [ErrBot] for a bot.
func New(tg *telegram.Client, client *gotgcall.Client, opts ...groupcall.Option) (*groupcall.Calls, error) {
	account, err := NewAccount(tg)
	if err != nil {
		return nil, err
	}
	return groupcall.New(account, client, opts...), nil
}
