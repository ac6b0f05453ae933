package gogramcalls

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/amarnathcjd/gogram/telegram"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
)

// JoinChat makes the account a member of a chat.
func (a *account) JoinChat(ctx context.Context, invite string) error {
	hash, name := parseInvite(invite)
	var err error
	switch {
	case hash != "":
		err = a.importInvite(ctx, hash)
	case name != "":
		err = a.joinPublic(ctx, name)
	default:
		return fmt.Errorf("%w: it is not one of Telegram's", groupcall.ErrInvite)
	}
	if rpcName(err) == "USER_ALREADY_PARTICIPANT" {
		return nil
	}
	return err
}

func (a *account) importInvite(ctx context.Context, hash string) error {
	updates, err := call[telegram.Updates](ctx, a, &telegram.MessagesImportChatInviteParams{Hash: hash})
	if err == nil {
		a.unpack(updates)
	}
	return err
}

func (a *account) joinPublic(ctx context.Context, name string) error {
	got, err := call[*telegram.ContactsResolvedPeer](ctx, a, &telegram.ContactsResolveUsernameParams{Username: name})
	if err != nil {
		return err
	}
	learn(a.tg, got.Users, got.Chats)
	p, err := InputPeer(a.tg, Mark(got.Peer))
	if err != nil {
		return err
	}
	ch, ok := inputChannel(p)
	if !ok {
		return fmt.Errorf("%w: @%s is no group", groupcall.ErrInvite, name)
	}
	updates, err := call[telegram.Updates](ctx, a, &telegram.ChannelsJoinChannelParams{Channel: ch})
	if err == nil {
		a.unpack(updates)
	}
	return err
}

// parseInvite returns the hash of an invite link or the name of a public chat, and
// neither for what is none of Telegram's own.
func parseInvite(invite string) (hash, name string) {
	invite = strings.TrimSpace(invite)
	if s, ok := strings.CutPrefix(invite, "@"); ok {
		return "", word(s)
	}
	if !strings.Contains(invite, "://") {
		invite = "https://" + invite
	}
	u, err := url.Parse(invite)
	if err != nil {
		return "", ""
	}
	if u.Scheme == "tg" { // tg://join?invite=hash, tg://resolve?domain=name
		return word(u.Query().Get("invite")), word(u.Query().Get("domain"))
	}
	switch strings.ToLower(strings.TrimPrefix(u.Host, "www.")) {
	case "t.me", "telegram.me", "telegram.dog":
	default:
		return "", ""
	}
	path := strings.Trim(u.Path, "/")
	if s, ok := strings.CutPrefix(path, "+"); ok {
		return word(s), ""
	}
	if s, ok := strings.CutPrefix(path, "joinchat/"); ok {
		return word(s), ""
	}
	return "", word(path)
}

// word returns s if it can be a hash or a name.
func word(s string) string {
	if len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	}) {
		return ""
	}
	return s
}

// lookAt finds out whether the account is still in a chat, after an update that does not
// say.
func (a *account) lookAt(ctx context.Context, chat int64) {
	var r Request
	if id, ok := basicGroup(chat); ok {
		r = &telegram.MessagesGetChatsParams{ID: []int64{id}}
	} else {
		p, err := InputPeer(a.tg, chat)
		ch, ok := inputChannel(p)
		if err != nil || !ok {
			return
		}
		r = &telegram.ChannelsGetChannelsParams{ID: []telegram.InputChannel{ch}}
	}
	got, err := call[telegram.MessagesChats](ctx, a, r)
	if errors.Is(err, groupcall.ErrNotInChat) || errors.Is(err, groupcall.ErrBanned) {
		a.queue.put(groupcall.ChatLost{Chat: chat})
		return
	}
	var chats []telegram.Chat
	switch got := got.(type) {
	case *telegram.MessagesChatsObj:
		chats = got.Chats
	case *telegram.MessagesChatsSlice:
		chats = got.Chats
	}
	if to := a.movedTo(chats, chat); to != 0 {
		learn(a.tg, nil, chats)
		a.queue.put(groupcall.ChatMigrated{From: chat, To: to})
		return
	}
	for _, c := range chats {
		if id, out := membership(c); id == chat && out {
			a.queue.put(groupcall.ChatLost{Chat: chat})
		}
	}
}

// membership returns a chat's marked id, and whether the account is out of it.
func membership(c telegram.Chat) (chat int64, out bool) {
	switch c := c.(type) {
	case *telegram.ChatObj:
		return -c.ID, c.Left || c.Deactivated
	case *telegram.ChatForbidden:
		return -c.ID, true
	case *telegram.ChatEmpty:
		return -c.ID, true
	case *telegram.Channel:
		return -channelMark - c.ID, c.Left
	case *telegram.ChannelForbidden:
		return -channelMark - c.ID, true
	}
	return 0, false
}
