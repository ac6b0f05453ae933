package gotgcall_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/e2e/subprocess"
	"github.com/gotgcall/gotgcall/internal/mediatest"
)

// BenchmarkShared plays one source in many calls for ten seconds, in packets of 60 ms, and
// reports the processor time per second of play of the encoder, which there is one of, and
// of this process per call. Some calls pause, leave and come back meanwhile; of ten others
// the one that sent least is reported, in percent of what was due.
func BenchmarkShared(b *testing.B) {
	const (
		play   = 10 * time.Second
		packet = 60 * time.Millisecond
	)
	path := b.TempDir() + "/song.mp3"
	require.NoError(b, mediatest.MakeTones(context.Background(), ffmpeg, path, mediatest.AudioSpec{Seconds: 120}))
	for _, calls := range []int64{20, 200, 1000} {
		b.Run(fmt.Sprint(calls), func(b *testing.B) {
			server, client := subprocess.Start(b, subprocess.Options{}), newClient(b)
			for b.Loop() {
				all := gotgcall.Shared(gotgcall.FromFile(path, gotgcall.EncodeOptions{PacketMs: 60}))
				encoders := childrenTime()
				for chat := range calls {
					connect(b, client, chat, server.Join)
				}
				for chat := range calls {
					require.NoError(b, client.SetStreamSources(chat, all))
				}
				before, start, began := sent(b, client, calls), processorTime(), time.Now()
				for chat := int64(1); chat < calls; chat += 100 {
					_, err := client.Pause(chat)
					require.NoError(b, err)
					require.NoError(b, client.Stop(chat+2))
					connect(b, client, chat+2, server.Join)
					require.NoError(b, client.SetStreamSources(chat+2, all))
				}
				<-time.After(play)
				for chat := int64(1); chat < calls; chat += 100 {
					_, err := client.Resume(chat)
					require.NoError(b, err)
				}
				used, elapsed, least := processorTime()-start, time.Since(began), 1.0
				for i, packets := range sent(b, client, calls) {
					least = min(least, float64(packets-before[i])*packet.Seconds()/elapsed.Seconds())
				}
				for chat := range calls {
					require.NoError(b, client.Stop(chat))
				}
				b.ReportMetric((childrenTime()-encoders).Seconds()*1000/play.Seconds(), "ms-cpu-encoder/s")
				b.ReportMetric(used.Seconds()*1000/elapsed.Seconds()/float64(calls), "ms-cpu/call-second")
				b.ReportMetric(100*least, "%-sent")
			}
		})
	}
}

// sent returns how many packets each of ten calls has sent.
func sent(b *testing.B, client *gotgcall.Client, calls int64) (packets []uint64) {
	b.Helper()
	for i := range int64(10) {
		stats, err := client.Stats(i * calls / 10)
		require.NoError(b, err)
		packets = append(packets, stats.Audio.Packets)
	}
	return packets
}
