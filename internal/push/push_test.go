package push

import (
	"bytes"
	"io"
	"log/slog"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

func opusPacket(n byte) []byte { return []byte{31<<3 | 4, n, 2, 3} }

func open(t *testing.T, src media.Source) media.Stream {
	t.Helper()
	stream, err := src.Open(t.Context(), media.Env{FFmpegPath: "ffmpeg", Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stream.Close()) })
	return stream
}

func read(t *testing.T, stream media.Stream) media.Frame {
	t.Helper()
	f, err := stream.ReadFrame()
	require.NoError(t, err)
	return f
}

// Packets come as they were written, with silence where there is none, on one timeline.
func TestOpusIsPlayedAsItIsWritten(t *testing.T) {
	t.Parallel()
	o := NewOpus()
	stream := open(t, o)
	_, err := o.Open(t.Context(), media.Env{})
	require.ErrorIs(t, err, models.ErrInvalidParams)
	first := read(t, stream)
	require.Empty(t, first.Data)
	require.Equal(t, 10*time.Millisecond, first.Duration)
	for n := range byte(3) {
		_, err := o.Write(opusPacket(n))
		require.NoError(t, err)
	}
	require.Equal(t, 60*time.Millisecond, o.Waiting())
	at := 10 * time.Millisecond
	for n := range byte(3) {
		f := read(t, stream)
		require.Equal(t, at, f.PTS)
		require.Equal(t, 20*time.Millisecond, f.Duration)
		require.Equal(t, opusPacket(n), f.Data)
		at += f.Duration
	}
	sent := 0
	for n := range 200 {
		f := read(t, stream)
		require.Equal(t, at, f.PTS)
		at += f.Duration
		if len(f.Data) > 0 {
			require.Equal(t, []byte{30<<3 | 4, 0xFF, 0xFE}, f.Data)
			sent++
		}
		require.True(t, n >= 10 || len(f.Data) > 0)
	}
	require.Equal(t, 10+4, sent, "a tenth of a second, and then each 400 ms")

	_, err = o.Write([]byte{3})
	require.ErrorIs(t, err, models.ErrInvalidParams)
	_, err = o.Write(opusPacket(1))
	require.NoError(t, err)
	o.Flush()
	require.NotEqual(t, opusPacket(1), read(t, stream).Data)
	_, err = o.Write(opusPacket(2))
	require.NoError(t, err)
	require.NoError(t, o.Close())
	require.Equal(t, opusPacket(2), read(t, stream).Data)
	_, err = stream.ReadFrame()
	require.ErrorIs(t, err, io.EOF)
	_, err = o.Write(opusPacket(2))
	require.ErrorIs(t, err, models.ErrClosed)
}

// Half a minute may wait; then Write waits, for room, a flush or the end.
func TestWriteBlocksWhileMuchWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := NewOpus()
		stream := open(t, o)
		for range 1500 {
			_, err := o.Write(opusPacket(1))
			require.NoError(t, err)
		}
		result := make(chan error, 1)
		write := func() { _, err := o.Write(opusPacket(2)); result <- err }
		blocked := func() {
			t.Helper()
			synctest.Wait()
			require.Empty(t, result)
		}
		go write()
		blocked()
		read(t, stream)
		require.NoError(t, <-result)
		go write()
		blocked()
		o.Flush()
		require.NoError(t, <-result)
		require.Zero(t, o.Waiting())
		for range 1500 {
			_, err := o.Write(opusPacket(1))
			require.NoError(t, err)
		}
		go write()
		blocked()
		require.NoError(t, o.Close())
		require.ErrorIs(t, <-result, models.ErrClosed)
	})
}

func TestReadingOpusDoesNotAllocate(t *testing.T) {
	o := NewOpus()
	stream := open(t, o)
	p := opusPacket(1)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		if _, err := o.Write(p); err != nil {
			t.Error(err)
		}
		for range 2 {
			if _, err := stream.ReadFrame(); err != nil {
				t.Error(err)
			}
		}
	}))
}

// tone returns samples of a tone, mono at 24 kHz.
func tone(frequency float64, length time.Duration) []byte {
	var b []byte
	for i := range int(length * 24000 / time.Second) {
		v := int16(12000 * math.Sin(2*math.Pi*frequency*float64(i)/24000))
		b = append(b, byte(v), byte(v>>8))
	}
	return b
}

// readUntil reads a stream as fast as it plays until a condition holds, and returns its
// packets.
func readUntil(t *testing.T, stream media.Stream, done func(sounds int) bool) (packets []mediatest.Packet, end error) {
	t.Helper()
	var start time.Time
	sounds := 0
	for !done(sounds) {
		f, err := stream.ReadFrame()
		if err != nil {
			return packets, err
		}
		if start.IsZero() {
			start = time.Now().Add(-f.PTS)
		}
		if len(f.Data) > 3 {
			sounds++
		}
		if len(f.Data) > 0 {
			packets = append(packets, mediatest.Packet{Timestamp: uint32(f.PTS * 48 / time.Millisecond), Payload: bytes.Clone(f.Data)})
		}
		<-time.After(time.Until(start.Add(f.PTS + f.Duration)))
	}
	return packets, nil
}

// What is written is heard to the last sample, and what is flushed is not.
func TestSamplesAreHeardWhole(t *testing.T) {
	t.Parallel()
	p := NewPCM(media.PCMFormat{Rate: 24000, Channels: 1}, media.EncodeOptions{Voice: true})
	stream := open(t, p)
	_, err := p.Write(tone(500, 707*time.Millisecond))
	require.NoError(t, err)
	packets, err := readUntil(t, stream, func(sounds int) bool { return sounds > 20 && p.Waiting() == 0 })
	require.NoError(t, err)
	rest, err := readUntil(t, stream, func() func(int) bool {
		until := time.Now().Add(300 * time.Millisecond)
		return func(int) bool { return time.Now().After(until) }
	}())
	require.NoError(t, err)
	pcm, err := mediatest.DecodeOpus(append(packets, rest...))
	require.NoError(t, err)
	require.InDelta(t, 0.707, loudness(pcm, 0.1), 0.03)

	_, err = p.Write(tone(900, 5*time.Second))
	require.NoError(t, err)
	_, err = readUntil(t, stream, func(sounds int) bool { return sounds > 10 })
	require.NoError(t, err)
	p.Flush()
	_, err = p.Write(tone(1500, 200*time.Millisecond))
	require.NoError(t, err)
	require.NoError(t, p.Close())
	packets, err = readUntil(t, stream, func(int) bool { return false })
	require.ErrorIs(t, err, io.EOF)
	pcm, err = mediatest.DecodeOpus(packets)
	require.NoError(t, err)
	require.InDelta(t, 0.2, loudness(pcm, 0.1), 0.06, "the second tone alone")
}

// loudness returns for how long sound is louder than a level, in seconds.
func loudness(pcm *mediatest.PCM, level float32) float64 {
	loud := 0
	for i := 0; i+48 <= len(pcm.Samples); i += 48 {
		for _, v := range pcm.Samples[i : i+48] {
			if v > level {
				loud++
				break
			}
		}
	}
	return float64(loud) / 1000
}

// Of a program that writes as it speaks the encoder holds back two packets, at any rate.
func TestEncoderHoldsLittleBack(t *testing.T) {
	t.Parallel()
	for _, rate := range []int{16000, 24000, 44100, 48000} {
		p := NewPCM(media.PCMFormat{Rate: rate, Channels: 1}, media.EncodeOptions{Voice: true})
		stream := open(t, p)
		for n := range 50 {
			_, err := p.Write(make([]byte, rate/50*2))
			require.NoError(t, err)
			sounds := func() int {
				p.mu.Lock()
				defer p.mu.Unlock()
				return int(stream.(*pcmStream).read / chunk)
			}
			require.Eventually(t, func() bool { return sounds() >= int(warm/chunk)+n+1-2 }, 20*time.Second, time.Millisecond, "%d Hz, packet %d", rate, n)
			read(t, stream)
		}
		require.NoError(t, stream.Close())
	}
}

func TestPCMThatCannotPlay(t *testing.T) {
	t.Parallel()
	for _, f := range []media.PCMFormat{{}, {Rate: 48000}, {Rate: 48000, Channels: 3}, {Rate: 1000, Channels: 1}} {
		_, err := NewPCM(f, media.EncodeOptions{}).Open(t.Context(), media.Env{FFmpegPath: "ffmpeg"})
		require.ErrorIs(t, err, models.ErrInvalidParams)
		_, err = NewPCM(f, media.EncodeOptions{}).Write(make([]byte, 100))
		require.ErrorIs(t, err, models.ErrInvalidParams)
		require.Zero(t, NewPCM(f, media.EncodeOptions{}).Waiting())
	}
	p := NewPCM(media.PCMFormat{Rate: 48000, Channels: 2}, media.EncodeOptions{})
	_, err := p.Open(t.Context(), media.Env{FFmpegPath: "/nowhere/ffmpeg"})
	require.ErrorIs(t, err, models.ErrFFmpegSpawn)
	_, err = p.Open(t.Context(), media.Env{Format: media.Format{Width: 2, Height: 2, FPS: 1}})
	require.ErrorIs(t, err, models.ErrInvalidParams)
	stream := open(t, p)
	require.NoError(t, stream.Close())
	_, err = stream.ReadFrame()
	require.ErrorIs(t, err, models.ErrClosed)
	require.NoError(t, open(t, p).Close(), "again")
}
