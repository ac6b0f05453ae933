package scenario

import (
	"path/filepath"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/examples/bot/internal/bot"
	"github.com/gotgcall/gotgcall/examples/bot/internal/files"
	"github.com/gotgcall/gotgcall/examples/bot/internal/guard"
	"github.com/gotgcall/gotgcall/examples/bot/internal/resolve"
	"github.com/gotgcall/gotgcall/examples/bot/internal/ytdlp"
)

// mediaDir is where the bot keeps its downloads.
func (s *stage) mediaDir() string { return filepath.Join(s.dir, "media") }

// newResolver returns what turns requests into sources, with the stage's Internet and
// yt-dlp.
func (s *stage) newResolver(r *running) bot.Resolver {
	s.t.Helper()
	store, err := files.Open(files.Config{Dir: s.mediaDir(), Floor: 1})
	require.NoError(s.t, err)
	r.closers = append(r.closers, func() { require.NoError(s.t, store.Close()) })
	cfg := resolve.Config{Guard: guard.Guard{Policy: s.internet.Policy, Resolver: s.names}, Files: store, Telegram: r.session}
	if s.pages != nil {
		proxy, err := guard.Listen(cfg.Guard)
		require.NoError(s.t, err)
		r.closers = append(r.closers, proxy.Close)
		cfg.Pages = ytdlp.Find(s.ctx, ytdlp.Config{Path: s.pages.Path, LookupTimeout: s.lookup}, proxy)
	}
	resolver, err := resolve.New(cfg)
	require.NoError(s.t, err)
	r.closers = append(r.closers, func() { require.NoError(s.t, resolver.Close()) })
	return resolver
}
