package play

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/play/playtest"
	"github.com/gotgcall/gotgcall/media"
)

// coded is a source whose pictures are H.264, unless they have to be VP8.
type coded struct {
	*playtest.Source

	mu     sync.Mutex // guards opened
	opened []media.Codec
}

func newCoded(length time.Duration) *coded { return &coded{Source: playtest.New(av, length)} }

func (c *coded) Encoding() media.EncodeOptions {
	return media.EncodeOptions{VideoEncoder: media.H264, Tracks: media.TrackVideo}
}

func (c *coded) Open(ctx context.Context, env media.Env) (media.Stream, error) {
	return c.OpenAt(ctx, env, c.Begin)
}

func (c *coded) OpenAt(ctx context.Context, env media.Env, position time.Duration) (media.Stream, error) {
	codec := media.CodecH264
	if env.VP8Only {
		codec = media.CodecVP8
	}
	c.mu.Lock()
	c.opened = append(c.opened, codec)
	c.mu.Unlock()
	stream, err := c.Source.OpenAt(ctx, env, position)
	if err != nil {
		return nil, err
	}
	s := stream.(*playtest.Stream)
	for i := range s.Frames {
		if s.Frames[i].Track == v {
			s.Frames[i].Codec = codec
		}
	}
	return s, nil
}

// openings are the codecs with which it was opened.
func (c *coded) openings() []media.Codec {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]media.Codec(nil), c.opened...)
}

// requireSound asserts that the sound has every frame, in time, from the beginning to
// the end of a source.
func requireSound(t *testing.T, r *rig, length time.Duration) {
	t.Helper()
	got := r.got(a)
	requireInPlace(t, got, true)
	require.Zero(t, got[0].media)
	require.Equal(t, length, got[len(got)-1].media+20*ms)
}

// TestSourceThatWaitsIsReopenedAsVP8: nothing of it is lost, as nothing was played.
func TestSourceThatWaitsIsReopenedAsVP8(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		r.Disconnect()
		src := newCoded(3 * time.Second)
		src.OpenTakes = 100 * ms
		require.NoError(t, r.SetSource(t.Context(), src))
		r.SetVP8Only(true)
		sleep(150 * ms) // as a connection takes
		r.plug()
		sleep(10 * time.Second)
		require.Equal(t, []media.Codec{media.CodecH264, media.CodecVP8}, src.openings())
		requireSound(t, r, 3*time.Second)
		pictures := r.got(v)
		require.Len(t, pictures, 75)
		for _, p := range pictures {
			require.Equal(t, media.CodecVP8, p.Codec)
		}
		require.Equal(t, []endOf{{av, nil}}, r.ended())
	})
}

// TestServerThatTakesNoH264GetsVP8InMidPlay: the sound has no hole, and the pictures go
// on with a key frame. What comes later is VP8 from the start, and H.264 again for
// another server.
func TestServerThatTakesNoH264GetsVP8InMidPlay(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		src, next, late, last := newCoded(5*time.Second), newCoded(time.Second), newCoded(time.Second), newCoded(time.Second)
		src.OpenTakes = 100 * ms
		require.NoError(t, r.SetSource(t.Context(), src))
		require.NoError(t, r.SetNext(t.Context(), next))
		sleep(2005 * ms)
		r.SetVP8Only(true)
		sleep(10 * time.Second)
		require.Equal(t, []media.Codec{media.CodecH264, media.CodecVP8}, src.openings())
		require.Equal(t, []media.Codec{media.CodecH264, media.CodecVP8}, next.openings())
		requireInPlaceUpTo(t, r.got(a), 300)
		changed := false
		for _, p := range r.got(v) {
			if p.Codec == media.CodecVP8 && !changed {
				changed = true
				require.True(t, p.Key)
				require.InDelta(t, 2.17, p.media.Seconds(), 0.1)
			}
			require.Equal(t, changed, p.Codec == media.CodecVP8)
		}
		require.NoError(t, r.SetSource(t.Context(), late))
		require.Equal(t, []media.Codec{media.CodecVP8}, late.openings())
		r.SetVP8Only(false)
		require.NoError(t, r.SetSource(t.Context(), last))
		require.Equal(t, []media.Codec{media.CodecH264}, last.openings())
		require.Len(t, late.openings(), 1, "what is VP8 stays so")
	})
}

// requireInPlaceUpTo asserts that the first frames are due one after another.
func requireInPlaceUpTo(t *testing.T, got []written, count int) {
	t.Helper()
	require.Len(t, got, count)
	for i := 1; i < count; i++ {
		require.Equal(t, got[i-1].due.Add(got[i-1].Duration), got[i].due, "frame %d", i)
	}
}

// TestSourceThatIsBeingOpenedIsOpenedAgain as VP8, once it is open.
func TestSourceThatIsBeingOpenedIsOpenedAgain(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		r.Disconnect()
		src := newCoded(time.Second)
		src.OpenTakes = 300 * ms
		done := make(chan error, 1)
		go func() { done <- r.SetSource(t.Context(), src) }()
		sleep(100 * ms)
		r.SetVP8Only(true)
		require.NoError(t, <-done)
		r.plug()
		sleep(5 * time.Second)
		require.Equal(t, []media.Codec{media.CodecH264, media.CodecVP8}, src.openings())
		require.Equal(t, []endOf{{av, nil}}, r.ended())
	})
}

// TestSourceThatCannotSeekPlaysItsSound, and one that has not begun is opened again.
func TestSourceThatCannotSeekPlaysItsSound(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		src := newCoded(3 * time.Second)
		hidden := unseekable{src}
		require.NoError(t, r.SetSource(t.Context(), hidden))
		sleep(1005 * ms)
		r.SetVP8Only(true)
		sleep(5 * time.Second)
		require.Len(t, src.openings(), 1)
		requireSound(t, r, 3*time.Second)
		require.Equal(t, []endOf{{av, nil}}, r.ended())
		r.SetVP8Only(false)
		r.Disconnect()
		require.NoError(t, r.SetSource(t.Context(), hidden))
		r.SetVP8Only(true)
		sleep(100 * ms)
		require.Equal(t, []media.Codec{media.CodecH264, media.CodecH264, media.CodecVP8}, src.openings())
	})
}

// unseekable hides that a source can seek.
type unseekable struct{ media.RawSource }

// TestPlayerIsClosedWhileItReopens, however long that takes.
func TestPlayerIsClosedWhileItReopens(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		src := newCoded(30 * time.Second)
		require.NoError(t, r.SetSource(t.Context(), src))
		sleep(time.Second)
		src.OpenTakes = time.Hour
		r.SetVP8Only(true)
		sleep(50 * ms)
		r.Close(context.Canceled)
		r.SetVP8Only(false)
	})
}
