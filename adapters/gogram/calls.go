package gogramcalls

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/amarnathcjd/gogram/telegram"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
)

// Call returns the call of a chat, scheduled or live.
func (a *account) Call(ctx context.Context, chat int64) (groupcall.Call, error) {
	in, err := a.find(ctx, chat)
	if err != nil {
		return groupcall.Call{}, err
	}
	got, err := call[*telegram.PhoneGroupCall](ctx, a, &telegram.PhoneGetGroupCallParams{Call: in, Limit: 1})
	switch {
	case errors.Is(err, groupcall.ErrCallEnded): // since it was found
		return groupcall.Call{}, fmt.Errorf("%w: %w", groupcall.ErrNoCall, err)
	case err != nil:
		return groupcall.Call{}, err
	}
	learn(a.tg, got.Users, got.Chats)
	g, ok := got.Call.(*telegram.GroupCallObj)
	if !ok {
		return groupcall.Call{}, groupcall.ErrNoCall
	}
	c := described(chat, g)
	a.know(c)
	return c, nil
}

// find returns what a chat says of its call.
func (a *account) find(ctx context.Context, chat int64) (telegram.InputGroupCall, error) {
	if chat >= 0 {
		return nil, fmt.Errorf("%d is no group: the id of one is negative, and begins with -100 for a supergroup", chat)
	}
	a.use(chat)
	p, err := a.peer(ctx, chat)
	if err != nil {
		return nil, err
	}
	var r Request
	if ch, ok := inputChannel(p); ok {
		r = &telegram.ChannelsGetFullChannelParams{Channel: ch}
	} else {
		id, _ := basicGroup(chat)
		r = &telegram.MessagesGetFullChatParams{ChatID: id}
	}
	full, err := call[*telegram.MessagesChatFull](ctx, a, r)
	if err != nil {
		return nil, err
	}
	learn(a.tg, full.Users, full.Chats)
	var in telegram.InputGroupCall
	switch f := full.FullChat.(type) {
	case *telegram.ChannelFull:
		in = f.Call
	case *telegram.ChatFullObj:
		in = f.Call
	}
	if in == nil {
		if to := a.movedTo(full.Chats, chat); to != 0 {
			a.queue.put(groupcall.ChatMigrated{From: chat, To: to})
		}
		return nil, groupcall.ErrNoCall
	}
	return in, nil
}

// movedTo returns the supergroup that a basic group has become, or 0.
func (a *account) movedTo(chats []telegram.Chat, chat int64) int64 {
	for _, c := range chats {
		old, ok := c.(*telegram.ChatObj)
		if !ok || -old.ID != chat {
			continue
		}
		if to, ok := old.MigratedTo.(*telegram.InputChannelObj); ok {
			return -channelMark - to.ChannelID
		}
	}
	return 0
}

// StartCall starts a call, or returns the one that another admin has started meanwhile.
func (a *account) StartCall(ctx context.Context, chat int64, o groupcall.StartOptions) (groupcall.Call, error) {
	a.use(chat)
	p, err := a.peer(ctx, chat)
	if err != nil {
		return groupcall.Call{}, err
	}
	updates, err := call[telegram.Updates](ctx, a, &telegram.PhoneCreateGroupCallParams{
		Peer: p, RandomID: rand.Int32(), Title: o.Title, RtmpStream: o.RTMP,
	})
	if err != nil {
		return groupcall.Call{}, err
	}
	for _, u := range a.unpack(updates) {
		if u, ok := u.(*telegram.UpdateGroupCall); ok {
			if g, ok := u.Call.(*telegram.GroupCallObj); ok {
				c := described(chat, g)
				a.know(c)
				return c, nil
			}
		}
	}
	return a.Call(ctx, chat)
}

// Leave ends the account's participation.
func (a *account) Leave(ctx context.Context, c groupcall.Call, ssrc uint32) error {
	updates, err := call[telegram.Updates](ctx, a, &telegram.PhoneLeaveGroupCallParams{
		Call: input(c), Source: int32(ssrc),
	})
	if err == nil {
		a.unpack(updates) // the account knows that it has left
	}
	return err
}

// Edit changes the account's own flags.
func (a *account) Edit(ctx context.Context, c groupcall.Call, e groupcall.Edit) error {
	updates, err := call[telegram.Updates](ctx, a, &editParticipant{
		Call: input(c), Participant: a.self(),
		Muted: e.Muted, RaiseHand: e.RaiseHand, VideoStopped: e.VideoStopped, VideoPaused: e.VideoPaused,
	})
	if err != nil {
		return err
	}
	for _, u := range a.unpack(updates) { // gogram gives them to nobody else
		a.update(u)
	}
	return nil
}

// Me returns the account's own entry.
func (a *account) Me(ctx context.Context, c groupcall.Call) (groupcall.Participant, error) {
	got, err := call[*telegram.PhoneGroupParticipants](ctx, a, &telegram.PhoneGetGroupParticipantsParams{
		Call: input(c), Ids: []telegram.InputPeer{a.self()}, Limit: 1,
	})
	if err != nil {
		return groupcall.Participant{}, err
	}
	learn(a.tg, got.Users, got.Chats)
	a.know(groupcall.Call{ID: c.ID, Version: int(got.Version)})
	for _, p := range got.Participants {
		if p != nil && a.isMe(p) && !p.Left {
			return figure(p), nil
		}
	}
	return groupcall.Participant{}, groupcall.ErrNotInCall
}

// RTMP returns where a chat's live stream is published.
func (a *account) RTMP(ctx context.Context, chat int64, renew bool) (url, key string, err error) {
	a.use(chat)
	p, err := a.peer(ctx, chat)
	if err != nil {
		return "", "", err
	}
	got, err := call[*telegram.PhoneGroupCallStreamRtmpURL](ctx, a, &telegram.PhoneGetGroupCallStreamRtmpURLParams{
		Peer: p, Revoke: renew,
	})
	if err != nil {
		return "", "", err
	}
	return got.URL, got.Key, nil
}

// unpack returns the updates in the answer to a request, and learns from it.
func (a *account) unpack(updates telegram.Updates) []telegram.Update {
	switch u := updates.(type) {
	case *telegram.UpdatesObj:
		learn(a.tg, u.Users, u.Chats)
		return u.Updates
	case *telegram.UpdatesCombined:
		learn(a.tg, u.Users, u.Chats)
		return u.Updates
	case *telegram.UpdateShort:
		return []telegram.Update{u.Update}
	}
	return nil
}
