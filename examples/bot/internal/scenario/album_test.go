package scenario

import (
	"context"
	"slices"

	"github.com/gotgcall/gotgcall/examples/bot/internal/bot"
	"github.com/gotgcall/gotgcall/examples/bot/internal/chattest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
)

// album sends files and makes "/play name" play them all, as a playlist is. It is called
// before start.
func (s *stage) album(u *chattest.User, name string, files ...chattest.File) {
	for _, f := range files {
		s.albums[name] = append(s.albums[name], track.Track{
			Title: f.Title, Length: f.Length, Origin: track.Origin{Media: u.Sends(f).Media()},
		})
	}
}

// albums resolves the names of albums, and leaves the rest to another resolver.
type albums struct {
	bot.Resolver
	byName map[string][]track.Track
}

func (a albums) Resolve(ctx context.Context, r track.Request) ([]track.Track, error) {
	tracks := slices.Clone(a.byName[r.Words])
	if r.Media != nil || tracks == nil {
		return a.Resolver.Resolve(ctx, r)
	}
	for i := range tracks {
		tracks[i].By = r.By
	}
	return tracks[:min(len(tracks), r.Max)], nil
}
