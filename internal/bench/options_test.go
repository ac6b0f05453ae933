package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/bench/load"
)

func TestOptions(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{"-calls", "1,20", "-rows", "idle,mp3", "-speakers", "0,3"})
	require.NoError(t, err)
	require.Equal(t, []int{1, 20}, o.calls)
	require.Equal(t, load.Row{Source: load.MP3, Speakers: []int{0, 3}}, o.plan(20, "").Rows[1])
	for _, args := range [][]string{
		{"-calls", "0"}, {"-calls", "few"}, {"-speakers", "-1"}, {"-addresses", "0"}, {"-rows", "mp4"},
	} {
		_, err := parse(args)
		require.Error(t, err, args)
	}
}
