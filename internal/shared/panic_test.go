package shared

import (
	"context"
	"io"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/play/playtest"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// defective is a source that does something in place of frame n. At a position it does so
// in place of the first frame, or while it is opened.
type defective struct {
	*playtest.Source
	n     int
	does  func()
	opens bool // at a position
}

func (d defective) Open(ctx context.Context, env media.Env) (media.Stream, error) {
	stream, err := d.Source.Open(ctx, env)
	return &defectiveStream{stream, d.n, d.does}, err
}

func (d defective) OpenAt(ctx context.Context, env media.Env, position time.Duration) (media.Stream, error) {
	if !d.opens {
		d.does()
	}
	stream, err := d.Source.OpenAt(ctx, env, position)
	return &defectiveStream{stream, 0, d.does}, err
}

type defectiveStream struct {
	media.Stream
	left int
	does func()
}

func (s *defectiveStream) ReadFrame() (media.Frame, error) {
	if s.left == 0 {
		s.does()
	}
	s.left--
	return s.Stream.ReadFrame()
}

// TestStreamThatPanicsEndsForEach of its readers, after what came before.
func TestStreamThatPanicsEndsForEach(t *testing.T) {
	t.Parallel()
	for name, does := range map[string]func(){"panics": func() { panic("a defect") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				all := New(defective{playtest.New(a, time.Minute), 100, does, true})
				for range 2 { // it is opened again
					var readers []media.Stream
					for range 3 {
						s, err := all.Open(t.Context(), media.Env{})
						require.NoError(t, err)
						readers = append(readers, s)
					}
					for _, s := range readers {
						got, err := listen(t.Context(), t, s)
						require.ErrorIs(t, err, models.ErrInternal)
						require.ErrorContains(t, err, "the source panicked")
						require.Len(t, got, 100)
						require.NoError(t, s.Close())
					}
				}
			})
		})
	}
}

// TestStreamOfOneReaderThatPanics does so where it is read, and disturbs no other reader.
func TestStreamOfOneReaderThatPanics(t *testing.T) {
	t.Parallel()
	for name, opens := range map[string]bool{"while it is opened": false, "while it is read": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				all := FromStart(defective{playtest.New(a, time.Minute), -1, func() { panic("a defect") }, opens})
				slow, err := all.Open(t.Context(), media.Env{})
				require.NoError(t, err)
				fast, err := all.Open(t.Context(), media.Env{})
				require.NoError(t, err)
				_, err = slow.ReadFrame()
				require.NoError(t, err)
				for range 1000 {
					_, err := fast.ReadFrame()
					require.NoError(t, err)
				}
				require.PanicsWithValue(t, "a defect", func() { _, _ = slow.ReadFrame() })
				require.NoError(t, slow.Close())
				for range 2000 {
					_, err := fast.ReadFrame()
					require.NoError(t, err)
				}
				_, err = fast.ReadFrame()
				require.ErrorIs(t, err, io.EOF)
				require.NoError(t, fast.Close())
			})
		})
	}
}
