package gogramcalls

import (
	"context"
	"fmt"

	"github.com/amarnathcjd/gogram/telegram"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/internal/safe"
)

// channelMark is added to a channel's id, and the sum negated, to tell it from users and
// basic groups.
const channelMark = 1_000_000_000_000

// Mark returns the marked id of a peer: a user's id, -id of a basic group,
// -1000000000000-id of a supergroup or channel; 0 for nil.
func Mark(p telegram.Peer) int64 {
	switch p := p.(type) {
	case *telegram.PeerUser:
		return p.UserID
	case *telegram.PeerChat:
		return -p.ChatID
	case *telegram.PeerChannel:
		return -channelMark - p.ChannelID
	}
	return 0
}

// basicGroup returns the bare id of a basic group.
func basicGroup(chat int64) (id int64, ok bool) {
	return -chat, chat < 0 && chat > -channelMark
}

// channel returns the bare id of a supergroup or channel.
func channel(chat int64) (id int64, ok bool) {
	return -channelMark - chat, chat < -channelMark
}

// InputPeer returns the peer of a marked id, with the access hash that the client has
// learned. It fails with [groupcall.ErrNotInChat] when it has learned none.
func InputPeer(tg *telegram.Client, chat int64) (telegram.InputPeer, error) {
	if id, ok := basicGroup(chat); ok {
		return &telegram.InputPeerChat{ChatID: id}, nil
	}
	hash, ok := accessHash(tg, chat)
	if !ok {
		return nil, fmt.Errorf("%w: the access hash of %d is unknown", groupcall.ErrNotInChat, chat)
	}
	if id, ok := channel(chat); ok {
		return &telegram.InputPeerChannel{ChannelID: id, AccessHash: hash}, nil
	}
	return &telegram.InputPeerUser{UserID: chat, AccessHash: hash}, nil
}

// accessHash reads the cache itself: gogram's own look-ups guess what an id is from its
// digits.
func accessHash(tg *telegram.Client, chat int64) (hash int64, ok bool) {
	if tg.Cache == nil {
		return 0, false
	}
	tg.Cache.RLock()
	defer tg.Cache.RUnlock()
	if tg.Cache.InputPeers == nil {
		return 0, false
	}
	if id, isChannel := channel(chat); isChannel {
		hash, ok = tg.Cache.InputPeers.InputChannels[id]
	} else {
		hash, ok = tg.Cache.InputPeers.InputUsers[chat]
	}
	return hash, ok
}

// learn keeps the access hashes of an answer, which gogram does for updates only.
func learn(tg *telegram.Client, users []telegram.User, chats []telegram.Chat) {
	if tg.Cache == nil {
		return
	}
	_ = safe.Do(func() error { tg.Cache.UpdatePeersToCache(users, chats); return nil })
}

// dialogsPage is the most that Telegram returns.
const dialogsPage = 100

// peer is [InputPeer]. It looks at the account's latest dialogs when the hash is
// unknown, as after the loss of the file that holds them.
func (a *account) peer(ctx context.Context, chat int64) (telegram.InputPeer, error) {
	p, err := InputPeer(a.tg, chat)
	if err == nil {
		return p, nil
	}
	dialogs, e := call[telegram.MessagesDialogs](ctx, a, &telegram.MessagesGetDialogsParams{
		OffsetPeer: &telegram.InputPeerEmpty{}, Limit: dialogsPage,
	})
	if e != nil {
		return nil, e
	}
	switch d := dialogs.(type) {
	case *telegram.MessagesDialogsObj:
		learn(a.tg, d.Users, d.Chats)
	case *telegram.MessagesDialogsSlice:
		learn(a.tg, d.Users, d.Chats)
	}
	return InputPeer(a.tg, chat)
}

// inputChannel returns the channel of a peer.
func inputChannel(p telegram.InputPeer) (*telegram.InputChannelObj, bool) {
	c, ok := p.(*telegram.InputPeerChannel)
	if !ok {
		return nil, false
	}
	return &telegram.InputChannelObj{ChannelID: c.ChannelID, AccessHash: c.AccessHash}, true
}
