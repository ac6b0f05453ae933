package gogram

import (
	"fmt"

	tl "github.com/amarnathcjd/gogram/telegram"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
)

// channels is where the marked ids of supergroups and channels begin, downwards.
const channels = -1_000_000_000_000

// marked returns a peer's marked id, 0 for none.
func marked(p tl.Peer) int64 {
	switch p := p.(type) {
	case *tl.PeerUser:
		return p.UserID
	case *tl.PeerChat:
		return -p.ChatID
	case *tl.PeerChannel:
		return channels - p.ChannelID
	}
	return 0
}

// channelID returns a supergroup's or channel's own id.
func channelID(chat int64) (id int64, ok bool) {
	return channels - chat, chat < channels
}

// peer returns how a chat or a user is addressed. A bot may address what it never saw,
// a user account may not.
func (m *Messenger) peer(chat int64) (tl.InputPeer, error) {
	if id, ok := channelID(chat); ok {
		c, err := m.channel(id)
		if err != nil {
			return nil, err
		}
		return &tl.InputPeerChannel{ChannelID: c.ChannelID, AccessHash: c.AccessHash}, nil
	}
	if chat < 0 {
		return &tl.InputPeerChat{ChatID: -chat}, nil
	}
	if p, err := m.tg.GetPeerUser(chat); err == nil {
		return p, nil
	}
	if !m.me.Bot || chat == 0 {
		return nil, fmt.Errorf("%w: no access hash of user %d", groupcall.ErrNotInChat, chat)
	}
	return &tl.InputPeerUser{UserID: chat}, nil
}

// channel returns how a supergroup or channel is addressed, by its own id.
func (m *Messenger) channel(id int64) (*tl.InputChannelObj, error) {
	p, err := m.tg.GetPeerChannel(id)
	switch {
	case err == nil:
		return &tl.InputChannelObj{ChannelID: p.ChannelID, AccessHash: p.AccessHash}, nil
	case m.me.Bot:
		return &tl.InputChannelObj{ChannelID: id}, nil
	}
	return nil, fmt.Errorf("%w: no access hash of channel %d", groupcall.ErrNotInChat, id)
}

// userIn returns how a user is addressed who was seen in a chat.
func (m *Messenger) userIn(chat, user int64) (tl.InputPeer, error) {
	if user == m.me.ID {
		return &tl.InputPeerSelf{}, nil
	}
	p, err := m.peer(user)
	if err == nil {
		return p, nil
	}
	m.mu.Lock()
	id, ok := m.seen.get(userIn{chat, user})
	m.mu.Unlock()
	if !ok {
		return nil, err
	}
	in, err := m.peer(chat)
	if err != nil {
		return nil, err
	}
	return &tl.InputPeerUserFromMessage{Peer: in, MsgID: id, UserID: user}, nil
}

// inputUser returns a peer's form for requests about users.
func inputUser(p tl.InputPeer) tl.InputUser {
	switch p := p.(type) {
	case *tl.InputPeerUser:
		return &tl.InputUserObj{UserID: p.UserID, AccessHash: p.AccessHash}
	case *tl.InputPeerUserFromMessage:
		return &tl.InputUserFromMessage{Peer: p.Peer, MsgID: p.MsgID, UserID: p.UserID}
	case *tl.InputPeerSelf:
		return &tl.InputUserSelf{}
	}
	return &tl.InputUserEmpty{}
}
