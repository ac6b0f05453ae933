//go:build unix

package source_test

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/ffmpeg"
	"github.com/gotgcall/gotgcall/internal/source"
	"github.com/gotgcall/gotgcall/media"
)

// BenchmarkFirstSound measures from Open to the first packet in hand, of one source and
// of fifty that are opened at once, and the processor time of the encoders till then. The
// encoders play on, as they would in calls.
func BenchmarkFirstSound(b *testing.B) {
	song := media.FromFile(fixture(b, "long.mp3", tone("30", "-b:a", "128k")...), media.EncodeOptions{})
	ogg := media.FromFile(fixture(b, "long.ogg", noise("600", "-c:a", "libopus", "-b:a", "64k")...), media.EncodeOptions{})
	webm := media.FromFile(fixture(b, "long.webm", noise("30", "-c:a", "libopus")...), media.EncodeOptions{})
	movie := media.FromFile(fixture(b, "360p.mp4", movie("640x360", "30", "5", "-preset", "ultrafast")...),
		media.EncodeOptions{Tracks: media.TrackVideo})
	for _, c := range []struct {
		name   string
		src    media.Source
		atOnce int
	}{{"mp3", song, 1}, {"mp3", song, 50}, {"ogg", ogg, 1}, {"ogg", ogg, 50}, {"webm", webm, 1}, {"360p mp4", movie, 1}} {
		b.Run(c.name+"/"+strconv.Itoa(c.atOnce), func(b *testing.B) {
			var waited []time.Duration
			env := env()
			env.Opener = source.New(ffmpeg.Build{})
			before := childTime(b)
			for b.Loop() {
				waited = append(waited, firstSounds(b, env, c.src, c.atOnce)...)
			}
			slices.Sort(waited)
			for _, p := range []int{50, 99} {
				b.ReportMetric(float64(waited[(len(waited)-1)*p/100].Microseconds())/1000, "ms-p"+strconv.Itoa(p))
			}
			b.ReportMetric(float64((childTime(b)-before).Microseconds())/1000/float64(len(waited)), "ms-cpu/start")
		})
	}
}

// firstSounds opens a source a number of times at once, and returns how long each took.
// It closes them when all are open.
func firstSounds(b *testing.B, env media.Env, src media.Source, atOnce int) []time.Duration {
	waited, streams := make([]time.Duration, atOnce), make([]media.Stream, atOnce)
	var opened sync.WaitGroup
	begin := time.Now()
	for i := range atOnce {
		opened.Go(func() {
			var err error
			if streams[i], err = src.Open(context.Background(), env); err == nil {
				_, err = streams[i].ReadFrame()
			}
			waited[i] = time.Since(begin)
			if err != nil {
				b.Error(err)
			}
		})
	}
	opened.Wait()
	b.StopTimer()
	defer b.StartTimer()
	for _, stream := range streams {
		require.NoError(b, stream.Close())
	}
	return waited
}

// childTime is the processor time of the children that have ended.
func childTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_CHILDREN, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
