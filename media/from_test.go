package media_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

func descriptions() []media.Source {
	return []media.Source{
		media.FromFile("x", media.EncodeOptions{VideoFPS: 25}), media.FromURL("http://x/", media.EncodeOptions{}),
		media.FromShell("cat x", media.TrackAudio), media.FromShells("cat x", "cat y"),
	}
}

func TestDescriptionNeedsAnOpener(t *testing.T) {
	t.Parallel()
	for _, src := range descriptions() {
		_, err := src.Open(t.Context(), media.Env{})
		require.ErrorIs(t, err, models.ErrInvalidParams)
		require.ErrorContains(t, err, "Opener")
		_, err = src.(media.SeekableSource).OpenAt(t.Context(), media.Env{}, time.Second)
		require.ErrorIs(t, err, models.ErrInvalidParams)
	}
}

// TestDescriptionsCanBeWrittenDown: what is read back is the same source.
func TestDescriptionsCanBeWrittenDown(t *testing.T) {
	t.Parallel()
	for _, src := range descriptions() {
		text, err := json.Marshal(src)
		require.NoError(t, err)
		var back media.Source
		switch src.(type) {
		case media.File:
			back = read[media.File](t, text)
		case media.URL:
			back = read[media.URL](t, text)
		case media.Shell:
			back = read[media.Shell](t, text)
		case media.Shells:
			back = read[media.Shells](t, text)
		}
		require.Equal(t, src, back)
	}
}

func read[T media.Source](t *testing.T, text []byte) media.Source {
	t.Helper()
	var src T
	require.NoError(t, json.Unmarshal(text, &src))
	return src
}
