package chattest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
)

// File is a file in a message.
type File struct {
	Path string // where its bytes are
	Name string // as its sender calls it; empty for that of Path
	MIME string // empty for audio/mpeg
	Size int64  // as Telegram says; 0 for that of Path

	Title, Artist string        // as its sender says
	Length        time.Duration // as its sender says
	Video         bool

	// Rate is how fast it is downloaded, in bytes per second; 0 is 8 MB/s.
	Rate int64

	id int64
}

// Download is one that the bot made.
type Download struct {
	File            File
	Message         int
	Started, Ended  time.Time // Ended is zero while it is under way
	Received, Total int64
	Err             error
}

const (
	defaultRate = 8 << 20
	maxChunk    = 128 << 10 // of upload.getFile, about
)

// Downloads returns all downloads so far, in the order of their beginnings.
func (m *Telegram) Downloads() []Download {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.downloads)
}

// Media describes the message's file, as the bot gets it; nil for none.
func (x Message) Media() *track.Media {
	f := x.File
	if f == nil {
		return nil
	}
	return &track.Media{Chat: x.Chat, Message: x.ID, ID: f.id, Name: f.Name, MIME: f.MIME, Size: f.Size}
}

// info is what Telegram says of the message's file.
func (x Message) info() telegram.MediaInfo {
	f := x.File
	if f == nil {
		return telegram.MediaInfo{}
	}
	return telegram.MediaInfo{Title: f.Title, Artist: f.Artist, Length: f.Length, Video: f.Video}
}

// complete fills in what the sender left out.
func (f File) complete() File {
	if f.Name == "" {
		f.Name = filepath.Base(f.Path)
	}
	if f.MIME == "" {
		f.MIME = "audio/mpeg"
	}
	if f.Size == 0 {
		if info, err := os.Stat(f.Path); err == nil {
			f.Size = info.Size()
		}
	}
	if f.Rate == 0 {
		f.Rate = defaultRate
	}
	return f
}

// Download implements [telegram.Messenger]. The request is called "Download". As with
// gogram, one download is under way at a time, and the others wait.
func (m *Telegram) Download(
	ctx context.Context, media track.Media, to *os.File, progress func(done, total int64),
) error {
	var f *File // not to be read before the answer
	r := m.request("Download", media.Chat, media)
	r.Repeated = true // part by part
	err := m.World.Do(ctx, r, func() error {
		if err := m.in(m.now(media.Chat)); err != nil {
			return err
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		x := m.message(media.Chat, media.Message)
		if x == nil || x.Deleted || x.File == nil {
			return telegram.ErrGone
		}
		f = x.File
		return nil
	})
	if err != nil {
		return fmt.Errorf("download: %w", err)
	}
	select {
	case m.downloading <- struct{}{}:
		defer func() { <-m.downloading }()
	case <-ctx.Done():
		return fmt.Errorf("download: %w", ctx.Err())
	}
	if err := m.transfer(ctx, *f, media.Message, to, progress); err != nil {
		return fmt.Errorf("download: %w", err)
	}
	return nil
}

// now returns the chat that one has become. Its messages stay where they were sent.
func (m *Telegram) now(chat int64) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if to, ok := m.moved[chat]; ok {
		return to
	}
	return chat
}

// transfer copies the file at its rate.
func (m *Telegram) transfer(
	ctx context.Context, f File, message int, to *os.File, progress func(done, total int64),
) (err error) {
	m.mu.Lock()
	i := len(m.downloads)
	m.downloads = append(m.downloads, Download{File: f, Message: message, Started: time.Now(), Total: f.Size})
	m.mu.Unlock()
	note := func(received int64, err error, ended bool) {
		m.mu.Lock()
		d := &m.downloads[i]
		d.Received, d.Err = received, err
		if ended {
			d.Ended = time.Now()
		}
		m.mu.Unlock()
		m.World.Changed()
	}
	var done int64
	defer func() { note(done, err, true) }()

	content, err := os.ReadFile(f.Path)
	if err != nil {
		return err
	}
	if _, err := to.Seek(0, 0); err != nil {
		return err
	}
	chunk := min(maxChunk, max(f.Rate/5, 1)) // five times a second at least
	for done < int64(len(content)) {
		n := min(chunk, int64(len(content))-done)
		if err := wait(ctx, time.Duration(float64(n)/float64(f.Rate)*float64(time.Second))); err != nil {
			return err
		}
		if _, err := to.Write(content[done : done+n]); err != nil {
			return err
		}
		done += n
		note(done, nil, false)
		if progress != nil {
			progress(done, f.Size)
		}
	}
	return to.Truncate(done)
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
