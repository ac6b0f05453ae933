package gogram

import (
	"context"
	"time"

	tl "github.com/amarnathcjd/gogram/telegram"

	gogramcalls "github.com/gotgcall/gotgcall/adapters/gogram"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
)

// command returns the command that a message is. Forwarded messages, those sent by way
// of a bot and what the messenger posted itself are none. A user account obeys in groups
// only.
func (m *Messenger) command(a *arrival) (c telegram.Command, ok bool) {
	msg := a.msg
	if msg == nil || msg.FwdFrom != nil || msg.ViaBotID != 0 || msg.FromScheduled {
		return c, false
	}
	if _, _, ok := telegram.ParseCommand(msg.Message, m.names...); !ok {
		return c, false
	}
	chat := marked(msg.PeerID)
	_, private := msg.PeerID.(*tl.PeerUser)
	if chat == 0 || !m.me.Bot && (private || msg.Post) {
		return c, false
	}
	c = telegram.Command{
		Place:   telegram.Place{Chat: chat, Topic: topic(msg), ReplyTo: int(msg.ID)},
		Private: private,
		From:    sender(a, chat),
		Text:    msg.Message,
		Date:    time.Unix(int64(msg.Date), 0),
	}
	c.Anonymous = c.From.ID == chat && !private
	if a.from != nil && a.from.Bot && c.From.ID != m.me.ID {
		return c, false
	}
	if !m.remember(a, c) {
		return c, false
	}
	c.Reply, c.ReplyInfo = media(msg, chat)
	return c, true
}

// remember keeps where the sender was seen and what the sender is called. It returns
// false for what the messenger posted itself.
func (m *Messenger) remember(a *arrival, c telegram.Command) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a.msg.Out {
		if _, own := m.sent.get(message{c.Chat, int(a.msg.ID)}); own {
			return false
		}
	}
	if c.From.ID > 0 {
		m.said.put(c.From.ID, c.From.Name)
		m.seen.put(userIn{c.Chat, c.From.ID}, a.msg.ID)
	}
	return true
}

// sender returns who sent a message. The id is the chat's own for an anonymous admin and
// for a post of a channel, and another channel's where a user writes in its name.
func sender(a *arrival, chat int64) track.User {
	id := marked(a.msg.FromID)
	if id == 0 {
		id = chat // a post, or a private message
	}
	u := track.User{ID: id}
	if a.msg.PostAuthor != "" {
		u.Name = a.msg.PostAuthor
	} else if a.from != nil {
		u.Name = fullName(a.from)
	}
	return u
}

// topic returns the topic of a forum that a message is in, 0 for none.
func topic(msg *tl.MessageObj) int {
	h, ok := msg.ReplyTo.(*tl.MessageReplyHeaderObj)
	switch {
	case !ok || !h.ForumTopic:
		return 0
	case h.ReplyToTopID != 0:
		return int(h.ReplyToTopID)
	}
	return int(h.ReplyToMsgID)
}

// repliesTo reports whether a message replies to another one of its chat. In a forum the
// first message of the topic does not count.
func repliesTo(msg *tl.MessageObj) bool {
	h, ok := msg.ReplyTo.(*tl.MessageReplyHeaderObj)
	return ok && h.ReplyToMsgID != 0 && h.ReplyToPeerID == nil &&
		(!h.ForumTopic || h.ReplyToTopID != 0)
}

// withReply completes a command by the media of the message that it replies to. Without
// media it stays as it is.
func (m *Messenger) withReply(ctx context.Context, c telegram.Command, msg *tl.MessageObj) telegram.Update {
	h := msg.ReplyTo.(*tl.MessageReplyHeaderObj) // as repliesTo found
	replied, err := m.message(ctx, c.Chat, &tl.InputMessageReplyTo{ID: msg.ID}, h.ReplyToMsgID)
	if err != nil || replied == nil { // a bot in privacy mode sees what is replied to only this way
		replied, err = m.message(ctx, c.Chat, &tl.InputMessageID{ID: h.ReplyToMsgID}, h.ReplyToMsgID)
	}
	if err != nil {
		m.log.Info("the message that a command replies to cannot be had", "chat", c.Chat, "err", err)
	}
	if replied != nil {
		c.Reply, c.ReplyInfo = media(replied, c.Chat)
		m.mu.Lock()
		m.replies.put(message{c.Chat, int(replied.ID)}, msg.ID)
		m.mu.Unlock()
	}
	return c
}

// message returns a message of a chat, nil where there is none.
func (m *Messenger) message(ctx context.Context, chat int64, which tl.InputMessage, id int32) (*tl.MessageObj, error) {
	var request gogramcalls.Request = &tl.MessagesGetMessagesParams{ID: []tl.InputMessage{which}}
	if channel, ok := channelID(chat); ok {
		in, err := m.channel(channel)
		if err != nil {
			return nil, err
		}
		request = &tl.ChannelsGetMessagesParams{Channel: in, ID: []tl.InputMessage{which}}
	}
	answer, err := call[tl.MessagesMessages](ctx, m, request)
	if err != nil {
		return nil, failed("get message", err)
	}
	var list []tl.Message
	switch a := answer.(type) {
	case *tl.MessagesMessagesObj:
		list = a.Messages
	case *tl.MessagesMessagesSlice:
		list = a.Messages
	case *tl.MessagesChannelMessages:
		list = a.Messages
	}
	for _, msg := range list {
		if msg, ok := msg.(*tl.MessageObj); ok && msg.ID == id && marked(msg.PeerID) == chat {
			return msg, nil
		}
	}
	return nil, nil
}

// media returns the file in a message, nil where there is none. Pictures, and what
// destroys itself or must be paid for, are none.
func media(msg *tl.MessageObj, chat int64) (*track.Media, telegram.MediaInfo) {
	var info telegram.MediaInfo
	d := document(msg)
	if d == nil {
		return nil, info
	}
	file := &track.Media{Chat: chat, Message: int(msg.ID), ID: d.ID, MIME: d.MimeType, Size: d.Size}
	for _, a := range d.Attributes {
		switch a := a.(type) {
		case *tl.DocumentAttributeFilename:
			file.Name = a.FileName
		case *tl.DocumentAttributeAudio:
			info.Title, info.Artist = a.Title, a.Performer
			info.Length = length(float64(a.Duration))
		case *tl.DocumentAttributeVideo:
			info.Video = true
			info.Length = length(a.Duration)
		}
	}
	return file, info
}

// length returns what a sender says of a file's length, 0 where that makes no sense.
func length(seconds float64) time.Duration {
	const week = 7 * 24 * 3600
	if seconds > 0 && seconds < week { // false for NaN
		return time.Duration(seconds * float64(time.Second))
	}
	return 0
}

func document(msg *tl.MessageObj) *tl.DocumentObj {
	in, ok := msg.Media.(*tl.MessageMediaDocument)
	if !ok || in.TtlSeconds != 0 {
		return nil
	}
	d, _ := in.Document.(*tl.DocumentObj)
	return d
}

// press returns the press of a button; its user's name may be unknown.
func (m *Messenger) press(u *tl.UpdateBotCallbackQuery) telegram.Press {
	m.mu.Lock()
	name, _ := m.said.get(u.UserID)
	m.mu.Unlock()
	return telegram.Press{
		Query: u.QueryID, Chat: marked(u.Peer), Message: int(u.MsgID),
		From: track.User{ID: u.UserID, Name: name}, Data: string(u.Data),
	}
}

// withName completes a press by the name of its user.
func (m *Messenger) withName(ctx context.Context, p telegram.Press) telegram.Update {
	who, err := m.userIn(p.Chat, p.From.ID)
	if err != nil {
		return p
	}
	answer, err := call[any](ctx, m, &tl.UsersGetUsersParams{ID: []tl.InputUser{inputUser(who)}})
	if err != nil {
		return p
	}
	for _, u := range usersOf(answer) {
		if u.ID == p.From.ID {
			p.From.Name = fullName(u)
			m.mu.Lock()
			m.said.put(u.ID, p.From.Name)
			m.mu.Unlock()
		}
	}
	return p
}

// usersOf returns the users of an answer that is a list. gogram's type of it depends on
// what is in it.
func usersOf(answer any) []*tl.UserObj {
	if list, ok := answer.([]*tl.UserObj); ok {
		return list
	}
	mixed, _ := answer.([]tl.User)
	var users []*tl.UserObj
	for _, u := range mixed {
		if u, ok := u.(*tl.UserObj); ok {
			users = append(users, u)
		}
	}
	return users
}
