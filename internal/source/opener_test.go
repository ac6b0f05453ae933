package source_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/source"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// wrapped is a program's own source.
type wrapped struct{ media.Source }

func TestOpenerTakesWhatPackageMediaDescribes(t *testing.T) {
	t.Parallel()
	_, err := source.Opener{}.Open(t.Context(), env(), wrapped{media.FromFile("x", media.EncodeOptions{})})
	require.ErrorIs(t, err, models.ErrInvalidParams)
	require.ErrorContains(t, err, "wrapped")
}

func TestWrappedSourceOpensWhatItWraps(t *testing.T) {
	t.Parallel()
	require.NotEmpty(t, play(t, wrapped{media.FromFile(song(t), media.EncodeOptions{})}))
}
