package gogram

import (
	"context"
	"errors"
	"time"

	tl "github.com/amarnathcjd/gogram/telegram"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
)

// Role returns what a user is in a chat. A channel in whose name somebody writes is a
// member.
func (m *Messenger) Role(ctx context.Context, chat, user int64) (telegram.Role, error) {
	role, _, err := m.standing(ctx, chat, user)
	return role, failed("get role", err)
}

// standing returns a user's role, and whether the user is banned.
func (m *Messenger) standing(ctx context.Context, chat, user int64) (role telegram.Role, banned bool, err error) {
	switch id, ok := channelID(chat); {
	case user < 0: // who may write in a channel's name is in the chat
		return telegram.Member, false, nil
	case ok:
		return m.channelStanding(ctx, chat, id, user)
	case chat < 0:
		role, err = m.groupRole(ctx, -chat, user)
		return role, false, err
	default: // alone with the bot
		return telegram.Owner, false, nil
	}
}

func (m *Messenger) channelStanding(ctx context.Context, chat, id, user int64) (role telegram.Role, banned bool, err error) {
	channel, err := m.channel(id)
	if err != nil {
		return telegram.Stranger, false, err
	}
	who, err := m.userIn(chat, user)
	if err != nil {
		return telegram.Stranger, false, err
	}
	answer, err := call[*tl.ChannelsChannelParticipant](ctx, m, &tl.ChannelsGetParticipantParams{Channel: channel, Participant: who})
	if named(err, "USER_NOT_PARTICIPANT", "PARTICIPANT_ID_INVALID", "USER_ID_INVALID") {
		return telegram.Stranger, false, nil
	}
	if err != nil {
		return telegram.Stranger, false, err
	}
	m.learn(answer.Users, answer.Chats)
	role, banned = participantRole(answer.Participant)
	return role, banned, nil
}

func participantRole(p tl.ChannelParticipant) (role telegram.Role, banned bool) {
	switch p := p.(type) {
	case *tl.ChannelParticipantCreator:
		return telegram.Owner, false
	case *tl.ChannelParticipantAdmin:
		if p.AdminRights != nil && p.AdminRights.ManageCall {
			return telegram.CallAdmin, false
		}
		return telegram.Admin, false
	case *tl.ChannelParticipantObj, *tl.ChannelParticipantSelf:
		return telegram.Member, false
	case *tl.ChannelParticipantBanned:
		if kicked := p.BannedRights != nil && p.BannedRights.ViewMessages; kicked {
			return telegram.Stranger, true
		}
		if p.Left {
			return telegram.Stranger, false
		}
		return telegram.Member, false // who may not write, say
	}
	return telegram.Stranger, false
}

// groupRole returns a user's role in a basic group, by the group's own id. Its admins
// may manage calls.
func (m *Messenger) groupRole(ctx context.Context, id, user int64) (telegram.Role, error) {
	full, err := call[*tl.MessagesChatFull](ctx, m, &tl.MessagesGetFullChatParams{ChatID: id})
	if err != nil {
		return telegram.Stranger, err
	}
	m.learn(full.Users, full.Chats)
	group, ok := full.FullChat.(*tl.ChatFullObj)
	if !ok {
		return telegram.Stranger, groupcall.ErrNotInChat
	}
	list, ok := group.Participants.(*tl.ChatParticipantsObj)
	if !ok { // forbidden: the account is out
		return telegram.Stranger, groupcall.ErrNotInChat
	}
	for _, p := range list.Participants {
		switch p := p.(type) {
		case *tl.ChatParticipantCreator:
			if p.UserID == user {
				return telegram.Owner, nil
			}
		case *tl.ChatParticipantAdmin:
			if p.UserID == user {
				return telegram.CallAdmin, nil
			}
		case *tl.ChatParticipantObj:
			if p.UserID == user {
				return telegram.Member, nil
			}
		}
	}
	return telegram.Stranger, nil
}

// learn keeps the access hashes of an answer.
func (m *Messenger) learn(users []tl.User, chats []tl.Chat) {
	m.tg.Cache.UpdatePeersToCache(users, chats)
}

// An invite link is for one account at once.
const (
	inviteLife = 10 * time.Minute
	inviteUses = 1
)

// Invite lets a user into a chat as far as the account may: it lifts a ban, approves a
// request to join, adds the user to a basic group, or returns a link that works once.
func (m *Messenger) Invite(ctx context.Context, chat, user int64) (link string, err error) {
	link, err = m.invite(ctx, chat, user)
	return link, failed("invite", err)
}

func (m *Messenger) invite(ctx context.Context, chat, user int64) (link string, err error) {
	role, banned, err := m.standing(ctx, chat, user)
	if err != nil && !errors.Is(err, groupcall.ErrNotInChat) || role != telegram.Stranger {
		return "", err
	}
	peer, err := m.peer(chat)
	if err != nil {
		return "", err
	}
	if who, err := m.userIn(chat, user); err == nil {
		if banned {
			if err := m.unban(ctx, chat, who); err != nil {
				return "", err
			}
		}
		_, err := call[tl.Updates](ctx, m, &tl.MessagesHideChatJoinRequestParams{Approved: true, Peer: peer, UserID: inputUser(who)})
		if err == nil || named(err, "USER_ALREADY_PARTICIPANT") {
			return "", nil
		}
		if added := m.add(ctx, chat, who); added {
			return "", nil
		}
	}
	if name := m.publicName(ctx, chat); name != "" {
		return "@" + name, nil
	}
	invite, err := call[*tl.ChatInviteExported](ctx, m, &tl.MessagesExportChatInviteParams{
		Peer: peer, ExpireDate: int32(time.Now().Add(inviteLife).Unix()), UsageLimit: inviteUses, Title: "music",
	})
	if err != nil {
		return "", err
	}
	return invite.Link, nil
}

// unban lets a user come back to a supergroup or channel.
func (m *Messenger) unban(ctx context.Context, chat int64, who tl.InputPeer) error {
	id, _ := channelID(chat)
	channel, err := m.channel(id)
	if err != nil {
		return err
	}
	_, err = call[tl.Updates](ctx, m, &tl.ChannelsEditBannedParams{
		Channel: channel, Participant: who, BannedRights: &tl.ChatBannedRights{},
	})
	return err
}

// add makes a user a member of a basic group, where that is allowed.
func (m *Messenger) add(ctx context.Context, chat int64, who tl.InputPeer) bool {
	if _, ok := channelID(chat); ok {
		return false
	}
	answer, err := call[*tl.MessagesInvitedUsers](ctx, m, &tl.MessagesAddChatUserParams{ChatID: -chat, UserID: inputUser(who)})
	return named(err, "USER_ALREADY_PARTICIPANT") || err == nil && len(answer.MissingInvitees) == 0
}

// publicName returns the username of a public chat, or nothing.
func (m *Messenger) publicName(ctx context.Context, chat int64) string {
	id, ok := channelID(chat)
	if !ok {
		return ""
	}
	channel, err := m.channel(id)
	if err != nil {
		return ""
	}
	answer, err := call[tl.MessagesChats](ctx, m, &tl.ChannelsGetChannelsParams{ID: []tl.InputChannel{channel}})
	if err != nil {
		return ""
	}
	for _, c := range chatsOf(answer) {
		c, ok := c.(*tl.Channel)
		if !ok || c.ID != id {
			continue
		}
		if c.Username != "" {
			return c.Username
		}
		for _, u := range c.Usernames {
			if u.Active {
				return u.Username
			}
		}
	}
	return ""
}

func chatsOf(answer tl.MessagesChats) []tl.Chat {
	switch a := answer.(type) {
	case *tl.MessagesChatsObj:
		return a.Chats
	case *tl.MessagesChatsSlice:
		return a.Chats
	}
	return nil
}
