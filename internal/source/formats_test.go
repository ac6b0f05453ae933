package source_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/media"
)

func TestRareFormatsPlay(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"rare.sf":   tone("1", "-f", "ircam"),
		"rare.adx":  tone("1"),
		"rare.mjpg": movie("160x120", "25", "1", "-an", "-f", "mpjpeg"),
	} {
		opts := media.EncodeOptions{}
		if name == "rare.mjpg" {
			opts.Tracks = media.TrackVideo
		}
		frames := play(t, media.FromFile(fixture(t, name, args...), opts))
		require.Greater(t, len(frames), 20, name)
	}
}
