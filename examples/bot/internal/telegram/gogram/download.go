package gogram

import (
	"context"
	"errors"
	"fmt"
	"os"

	tl "github.com/amarnathcjd/gogram/telegram"

	gogramcalls "github.com/gotgcall/gotgcall/adapters/gogram"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
)

// errReplaced is returned when a message holds another file than the one that was queued.
var errReplaced = errors.New("the message has another file now")

// Download writes the file of a message to a file. The message is fetched for it: what
// Telegram says of a file is valid for some hours.
func (m *Messenger) Download(ctx context.Context, file track.Media, to *os.File, progress func(done, total int64)) error {
	err := m.download(ctx, file, to, progress)
	if errors.Is(err, gogramcalls.ErrReference) { // it lasts an hour or so, and the turn may take long
		err = m.download(ctx, file, to, progress)
	}
	return failed("download", err)
}

func (m *Messenger) download(ctx context.Context, file track.Media, to *os.File, progress func(done, total int64)) error {
	id := int32(file.Message)
	msg, err := m.message(ctx, file.Chat, &tl.InputMessageID{ID: id}, id)
	m.mu.Lock()
	reply, ok := m.replies.get(message{file.Chat, file.Message})
	m.mu.Unlock()
	if msg == nil && ok {
		msg, err = m.message(ctx, file.Chat, &tl.InputMessageReplyTo{ID: reply}, id)
	}
	if err == nil && msg == nil {
		err = telegram.ErrGone
	}
	if err != nil {
		return err
	}
	d := document(msg)
	switch {
	case d == nil:
		return telegram.ErrGone
	case d.ID != file.ID:
		return fmt.Errorf("%w: %w", telegram.ErrGone, errReplaced)
	case file.Size != 0 && d.Size != file.Size:
		return fmt.Errorf("the file has %d bytes, not %d", d.Size, file.Size)
	}
	return m.files.Download(ctx, d, to, progress)
}
