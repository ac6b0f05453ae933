package session

import (
	"fmt"
	"log/slog"

	"github.com/amarnathcjd/gogram/telegram"
)

// dispatchUpdates gives a client's handlers the updates that the server pushes, in a form
// in which gogram handles them without harm: by itself it drops every updatesCombined,
// asks the server for each sender whom it does not know yet, and panics, on a goroutine
// that nobody can guard, on a file that has expired and on some answers about what it
// has missed. So it is never led to ask for that: what is missed while the connection is
// down is not delivered. Secret chats are not taken part in.
func dispatchUpdates(tg *telegram.Client, log *slog.Logger) {
	tg.NewUpdateDispatcher()
	tg.AddCustomServerRequestHandler(func(u any) (done bool) {
		defer func() {
			if p := recover(); p != nil {
				log.Error("gogram panicked on an update", "type", fmt.Sprintf("%T", u), "panic", p)
			}
		}()
		in, ok := contents(u)
		if !ok {
			return false
		}
		tg.Cache.UpdatePeersToCache(in.Users, in.Chats)
		return telegram.HandleIncomingUpdates(in, tg)
	})
}

// contents returns the updates of a container in one that has no place in a sequence.
func contents(u any) (in *telegram.UpdatesObj, ok bool) {
	in = &telegram.UpdatesObj{}
	var list []telegram.Update
	switch u := u.(type) {
	case *telegram.UpdatesObj:
		list, in.Users, in.Chats, in.Date = u.Updates, u.Users, u.Chats, u.Date
	case *telegram.UpdatesCombined:
		list, in.Users, in.Chats, in.Date = u.Updates, u.Users, u.Chats, u.Date
	case *telegram.UpdateShort:
		list, in.Date = []telegram.Update{u.Update}, u.Date
	case *telegram.UpdateShortMessage:
		user := &telegram.PeerUser{UserID: u.UserID}
		list = []telegram.Update{&telegram.UpdateNewMessage{Message: &telegram.MessageObj{
			Out: u.Out, Mentioned: u.Mentioned, MediaUnread: u.MediaUnread, Silent: u.Silent, ID: u.ID,
			FromID: user, PeerID: user, Message: u.Message, Date: u.Date, FwdFrom: u.FwdFrom, ViaBotID: u.ViaBotID,
			ReplyTo: u.ReplyTo, Entities: u.Entities, TtlPeriod: u.TtlPeriod,
		}}}
	case *telegram.UpdateShortChatMessage:
		list = []telegram.Update{&telegram.UpdateNewMessage{Message: &telegram.MessageObj{
			Out: u.Out, Mentioned: u.Mentioned, MediaUnread: u.MediaUnread, Silent: u.Silent, ID: u.ID,
			FromID: &telegram.PeerUser{UserID: u.FromID}, PeerID: &telegram.PeerChat{ChatID: u.ChatID},
			Message: u.Message, Date: u.Date, FwdFrom: u.FwdFrom, ViaBotID: u.ViaBotID,
			ReplyTo: u.ReplyTo, Entities: u.Entities, TtlPeriod: u.TtlPeriod,
		}}}
	case *telegram.UpdatesTooLong: // what was missed
	default:
		return nil, false
	}
	for _, u := range list {
		if harmless(u) {
			in.Updates = append(in.Updates, u)
		}
	}
	return in, true
}

// harmless takes an update out of its sequence, and out of it what gogram panics on. It
// returns false for those that have to be left out.
func harmless(u telegram.Update) bool {
	switch u := u.(type) {
	case nil, *telegram.UpdateChannelTooLong, *telegram.UpdateEncryption, *telegram.UpdateNewEncryptedMessage:
		return false
	case *telegram.UpdateNewMessage:
		u.Pts, u.PtsCount = 0, 0
		return withoutExpired(u.Message)
	case *telegram.UpdateNewChannelMessage:
		u.Pts, u.PtsCount = 0, 0
		return withoutExpired(u.Message)
	case *telegram.UpdateNewScheduledMessage:
		return withoutExpired(u.Message)
	case *telegram.UpdateEditMessage:
		u.Pts, u.PtsCount = 0, 0
		return withoutExpired(u.Message)
	case *telegram.UpdateEditChannelMessage:
		u.Pts, u.PtsCount = 0, 0
		return withoutExpired(u.Message)
	case *telegram.UpdateDeleteMessages:
		u.Pts, u.PtsCount = 0, 0
	case *telegram.UpdateDeleteChannelMessages:
		u.Pts, u.PtsCount = 0, 0
	case *telegram.UpdateReadHistoryInbox:
		u.Pts, u.PtsCount = 0, 0
	case *telegram.UpdateReadHistoryOutbox:
		u.Pts, u.PtsCount = 0, 0
	case *telegram.UpdateReadMessagesContents:
		u.Pts, u.PtsCount = 0, 0
	case *telegram.UpdateReadChannelInbox:
		u.Pts = 0
	case *telegram.UpdateWebPage:
		u.Pts, u.PtsCount = 0, 0
	case *telegram.UpdateChannelWebPage:
		u.Pts, u.PtsCount = 0, 0
	case *telegram.UpdateFolderPeers:
		u.Pts, u.PtsCount = 0, 0
	case *telegram.UpdatePinnedMessages:
		u.Pts, u.PtsCount = 0, 0
	case *telegram.UpdatePinnedChannelMessages:
		u.Pts, u.PtsCount = 0, 0
	}
	return true
}

// withoutExpired removes a file that is not there any longer from a message. It returns
// false for no message.
func withoutExpired(m telegram.Message) bool {
	msg, ok := m.(*telegram.MessageObj)
	if !ok {
		return m != nil
	}
	if media, ok := msg.Media.(*telegram.MessageMediaDocument); ok {
		if _, ok := media.Document.(*telegram.DocumentObj); !ok {
			msg.Media = nil
		}
	}
	return true
}
