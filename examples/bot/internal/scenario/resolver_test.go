package scenario

import (
	"context"
	"os"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/examples/bot/internal/bot"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
)

// newResolver returns what turns the files in messages into sources.
func (s *stage) newResolver(m telegram.Messenger) bot.Resolver { return downloads{m, s.dir} }

type downloads struct {
	m   telegram.Messenger
	dir string
}

func (d downloads) Resolve(_ context.Context, r track.Request) ([]track.Track, error) {
	if r.Media == nil {
		return nil, &track.Refusal{Words: "Nothing found."}
	}
	return []track.Track{{
		Title: telegram.Clean(r.Info.Title, telegram.MaxTitle), Length: r.Info.Length, By: r.By,
		Video: r.Video, Origin: track.Origin{Media: r.Media},
	}}, nil
}

func (d downloads) Prepare(ctx context.Context, t track.Track, progress func(done, total int64)) (
	gotgcall.Source, func(), error,
) {
	f, err := os.CreateTemp(d.dir, "download-*")
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	release := func() { _ = os.Remove(f.Name()) }
	if err := d.m.Download(ctx, *t.Origin.Media, f, progress); err != nil {
		release()
		return nil, nil, err
	}
	return gotgcall.FromFile(f.Name(), gotgcall.EncodeOptions{}), release, nil
}
