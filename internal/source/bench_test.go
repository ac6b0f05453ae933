package source_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/media"
)

// BenchmarkOpen measures from Open to the first frame in hand.
func BenchmarkOpen(b *testing.B) {
	for name, source := range map[string]media.Source{
		"mp3": media.FromFile(fixture(b, "long.mp3", tone("30", "-b:a", "128k")...), media.EncodeOptions{}),
		"360p mp4": media.FromFile(fixture(b, "360p.mp4", movie("640x360", "30", "5", "-preset", "ultrafast")...),
			media.EncodeOptions{Tracks: media.TrackVideo}),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				stream, err := source.Open(context.Background(), env())
				require.NoError(b, err)
				_, err = stream.ReadFrame()
				require.NoError(b, err)
				b.StopTimer()
				require.NoError(b, stream.Close())
				b.StartTimer()
			}
		})
	}
}
