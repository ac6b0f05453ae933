package models_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/models"
)

func TestTimeoutsSaySo(t *testing.T) {
	t.Parallel()
	for _, sentinel := range []error{models.ErrConnectionTimeout, models.ErrStalled} {
		err := fmt.Errorf("connect: %w: not up after 10s", sentinel)
		require.ErrorIs(t, err, sentinel)
		var timeout interface{ Timeout() bool }
		require.ErrorAs(t, err, &timeout)
		require.True(t, timeout.Timeout())
	}
	require.NotErrorIs(t, models.ErrConnectionTimeout, models.ErrStalled)
	var timeout interface{ Timeout() bool }
	require.NotErrorAs(t, models.ErrFile, &timeout)
}
