package gogram

import (
	"context"
	"errors"
	"math/rand/v2"

	tl "github.com/amarnathcjd/gogram/telegram"

	gogramcalls "github.com/gotgcall/gotgcall/adapters/gogram"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
)

// Send posts a message. Its id is 0 when Telegram has it but the answer that names it
// was lost.
func (m *Messenger) Send(ctx context.Context, to telegram.Place, msg telegram.Message) (id int, err error) {
	peer, err := m.peer(to.Chat)
	if err != nil {
		return 0, failed("send message", err)
	}
	request := &tl.MessagesSendMessageParams{
		NoWebpage:   true,
		Silent:      msg.Silent,
		Peer:        peer,
		ReplyTo:     replyTo(to),
		Message:     msg.Text,
		RandomID:    1 + rand.Int64N(1<<62), // by which Telegram knows a repetition
		ReplyMarkup: m.keyboard(msg.Buttons),
		Entities:    entities(msg.Entities),
	}
	answer, err := call[tl.Updates](ctx, m, request)
	if request.ReplyTo != nil && named(err, "REPLY_MESSAGE_ID_INVALID", "REPLY_TO_INVALID") { // it was deleted
		request.ReplyTo = replyTo(telegram.Place{Topic: to.Topic})
		answer, err = call[tl.Updates](ctx, m, request)
	}
	if named(err, "RANDOM_ID_DUPLICATE") { // gogram sent it twice, and it was posted
		return 0, nil
	}
	if err != nil {
		return 0, failed("send message", err)
	}
	id = sentID(answer, request.RandomID)
	m.mu.Lock()
	m.sent.put(message{to.Chat, id}, struct{}{})
	m.mu.Unlock()
	return id, nil
}

// replyTo returns where in a chat a message goes.
func replyTo(to telegram.Place) tl.InputReplyTo {
	switch {
	case to.ReplyTo != 0:
		return &tl.InputReplyToMessage{ReplyToMsgID: int32(to.ReplyTo), TopMsgID: int32(to.Topic)}
	case to.Topic != 0:
		return &tl.InputReplyToMessage{ReplyToMsgID: int32(to.Topic)}
	}
	return nil
}

// sentID returns the id of the message that was sent with a random id.
func sentID(answer tl.Updates, random int64) int {
	var updates []tl.Update
	switch u := answer.(type) {
	case *tl.UpdateShortSentMessage:
		return int(u.ID)
	case *tl.UpdateShort:
		updates = []tl.Update{u.Update}
	case *tl.UpdatesObj:
		updates = u.Updates
	case *tl.UpdatesCombined:
		updates = u.Updates
	}
	posted := 0
	for _, u := range updates {
		switch u := u.(type) {
		case *tl.UpdateMessageID:
			if u.RandomID == random {
				return int(u.ID)
			}
		case *tl.UpdateNewMessage:
			posted = messageID(u.Message)
		case *tl.UpdateNewChannelMessage:
			posted = messageID(u.Message)
		}
	}
	return posted
}

func messageID(msg tl.Message) int {
	if msg, ok := msg.(*tl.MessageObj); ok {
		return int(msg.ID)
	}
	return 0
}

// Edit replaces a message.
func (m *Messenger) Edit(ctx context.Context, chat int64, id int, msg telegram.Message) error {
	peer, err := m.peer(chat)
	if err == nil && id == 0 {
		err = telegram.ErrGone
	}
	if err == nil {
		_, err = call[tl.Updates](ctx, m, &tl.MessagesEditMessageParams{
			NoWebpage:   true,
			Peer:        peer,
			ID:          int32(id),
			Message:     msg.Text,
			ReplyMarkup: m.keyboard(msg.Buttons),
			Entities:    entities(msg.Entities),
		})
	}
	return failed("edit message", err)
}

// Delete deletes messages.
func (m *Messenger) Delete(ctx context.Context, chat int64, ids ...int) error {
	list := make([]int32, 0, len(ids))
	for _, id := range ids {
		if id != 0 {
			list = append(list, int32(id))
		}
	}
	if len(list) == 0 {
		return nil
	}
	var request gogramcalls.Request = &tl.MessagesDeleteMessagesParams{Revoke: true, ID: list}
	if id, ok := channelID(chat); ok {
		channel, err := m.channel(id)
		if err != nil {
			return failed("delete messages", err)
		}
		request = &tl.ChannelsDeleteMessagesParams{Channel: channel, ID: list}
	}
	_, err := call[*tl.MessagesAffectedMessages](ctx, m, request)
	if errors.Is(err, telegram.ErrGone) {
		return nil
	}
	return failed("delete messages", err)
}

// Answer answers the press of a button. An answer that comes too late is no error.
func (m *Messenger) Answer(ctx context.Context, query int64, text string, alert bool) error {
	_, err := call[any](ctx, m, &tl.MessagesSetBotCallbackAnswerParams{
		QueryID: query, Message: text, Alert: alert && text != "",
	})
	if named(err, "QUERY_ID_INVALID") {
		return nil
	}
	return failed("answer button", err)
}

// keyboard returns the buttons of a bot's message. User accounts cannot send any.
func (m *Messenger) keyboard(rows [][]telegram.Button) tl.ReplyMarkup {
	if !m.me.Bot || len(rows) == 0 {
		return nil
	}
	markup := &tl.ReplyInlineMarkup{}
	for _, row := range rows {
		line := &tl.KeyboardButtonRow{}
		for _, b := range row {
			line.Buttons = append(line.Buttons, &tl.KeyboardButtonCallback{Text: b.Text, Data: []byte(b.Data)})
		}
		markup.Rows = append(markup.Rows, line)
	}
	return markup
}

func entities(list []telegram.Entity) []tl.MessageEntity {
	var out []tl.MessageEntity
	for _, e := range list {
		at, n := int32(e.Offset), int32(e.Length)
		switch e.Kind {
		case telegram.Bold:
			out = append(out, &tl.MessageEntityBold{Offset: at, Length: n})
		case telegram.Italic:
			out = append(out, &tl.MessageEntityItalic{Offset: at, Length: n})
		case telegram.Code:
			out = append(out, &tl.MessageEntityCode{Offset: at, Length: n})
		case telegram.Link:
			out = append(out, &tl.MessageEntityTextURL{Offset: at, Length: n, URL: e.URL})
		case telegram.Quote:
			out = append(out, &tl.MessageEntityBlockquote{Offset: at, Length: n})
		}
	}
	return out
}
