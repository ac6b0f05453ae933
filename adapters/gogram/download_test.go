package gogramcalls

import (
	"bytes"
	"context"
	"crypto/rsa"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/amarnathcjd/gogram/telegram"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/internal/tlserver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	homeDC    = 4
	foreignDC = 2
)

// content is 3 MB and a bit, so that the last part is a short one.
func content() []byte {
	b := make([]byte, 3_000_001)
	for i := range b {
		b[i] = byte(i>>8) ^ byte(i*31)
	}
	return b
}

// serve lets a server have a file.
func serve(s *tlserver.Server, b []byte) {
	s.On("upload.getFile", func(r *tlserver.Request) any {
		from := min(int(r.Args["offset"].(int64)), len(b))
		to := min(from+r.Args["limit"].(int), len(b))
		return M{"_": "upload.file", "bytes": b[from:to]}
	})
}

func document(dc int32, size int) *telegram.DocumentObj {
	return &telegram.DocumentObj{
		ID: 1, AccessHash: 2, FileReference: []byte{3}, DcID: dc, Size: int64(size),
		Attributes: []telegram.DocumentAttribute{&telegram.DocumentAttributeFilename{FileName: "../x"}},
	}
}

// reach lets a client find a data centre at a test's server.
func reach(tg *telegram.Client, dc int, s *tlserver.Server) {
	list := slices.Clone(tg.DcList.DCs[dc][:1])
	list[0].Addr = s.Addr()
	tg.DcList.DCs[dc] = list
}

// trust lets a client make keys with a test's server. gogram knows Telegram's own key
// only.
func trust(tg *telegram.Client, key *rsa.PublicKey) {
	field := reflect.ValueOf(tg.MTProto).Elem().FieldByName("publicKey")
	*(**rsa.PublicKey)(unsafe.Pointer(field.UnsafeAddr())) = key
}

func tempFile(t *testing.T, content []byte) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ours")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func read(t *testing.T, f *os.File) []byte {
	t.Helper()
	_, err := f.Seek(0, io.SeekStart)
	require.NoError(t, err)
	b, err := io.ReadAll(f)
	require.NoError(t, err)
	return b
}

func newTestDownloader(t *testing.T) (*tlserver.Server, *Downloader) {
	t.Helper()
	s, tg := connected(t)
	reach(tg, homeDC, s)
	d := NewDownloader(tg)
	t.Cleanup(func() { _ = d.Close() })
	return s, d
}

func TestDownloadIsTheFileAndNothingElse(t *testing.T) {
	t.Parallel()
	s, d := newTestDownloader(t)
	want := content()
	serve(s, want)
	f := tempFile(t, bytes.Repeat([]byte("old"), 2_000_000))
	var done []int64
	require.NoError(t, d.Download(t.Context(), document(homeDC, len(want)), f, func(n, total int64) {
		assert.Equal(t, int64(len(want)), total)
		done = append(done, n)
	}))
	assert.True(t, bytes.Equal(want, read(t, f)))
	assert.True(t, slices.IsSorted(done))
	assert.Equal(t, []int64{0, int64(len(want))}, []int64{done[0], done[len(done)-1]})

	dir := filepath.Dir(f.Name())
	for _, at := range []string{dir, filepath.Dir(dir)} {
		_, err := os.Stat(filepath.Join(at, "x"))
		require.ErrorIs(t, err, os.ErrNotExist, "the sender's name is nothing to us")
	}
	for _, c := range s.Calls("upload.getFile") {
		assert.NotEqual(t, 1, c.Conn, "the client's own connection is left alone")
	}
}

func TestDownloadFromAForeignDataCentreIsOneAtATime(t *testing.T) {
	t.Parallel()
	_, d := newTestDownloader(t)
	defer d.Close() // before the server is gone
	abroad := tlserver.New(t)
	reach(d.tg, foreignDC, abroad)
	trust(d.tg, abroad.PublicKey())
	abroad.FailKeys(1)
	want := content()[:1_000_001]
	var open, most atomic.Int32
	var mu sync.Mutex
	var offsets []int64
	abroad.On("upload.getFile", func(r *tlserver.Request) any {
		most.Store(max(most.Load(), open.Add(1)))
		defer open.Add(-1)
		from := r.Args["offset"].(int64)
		mu.Lock()
		offsets = append(offsets, from)
		mu.Unlock()
		return M{"_": "upload.file", "bytes": want[from:min(from+int64(r.Args["limit"].(int)), int64(len(want)))]}
	})
	var wg sync.WaitGroup
	for range 2 {
		f := tempFile(t, nil)
		wg.Go(func() {
			if assert.NoError(t, d.Download(t.Context(), document(foreignDC, len(want)), f, nil)) {
				assert.True(t, bytes.Equal(want, read(t, f)))
			}
		})
	}
	wg.Wait()
	assert.Equal(t, int32(1), most.Load())
	assert.Equal(t, []int64{0, partSize, 0, partSize}, offsets)
	calls := abroad.Calls("upload.getFile")
	assert.Equal(t, calls[0].Conn, calls[3].Conn, "the connection is kept")
}

func TestDownloadSurvivesWhatPasses(t *testing.T) {
	t.Parallel()
	s, d := newTestDownloader(t)
	want := content()[:partSize+1]
	troubles := []any{Error{Code: 420, Message: "FLOOD_WAIT_1"}, Error{Code: 500, Message: "RPC_CALL_FAIL"}}
	var mu sync.Mutex
	s.On("upload.getFile", func(r *tlserver.Request) any {
		mu.Lock()
		defer mu.Unlock()
		if len(troubles) > 0 {
			trouble := troubles[0]
			troubles = troubles[1:]
			return trouble
		}
		from := int(r.Args["offset"].(int64))
		return M{"_": "upload.file", "bytes": want[from:min(from+partSize, len(want))]}
	})
	f := tempFile(t, nil)
	require.NoError(t, d.Download(t.Context(), document(homeDC, len(want)), f, nil))
	assert.True(t, bytes.Equal(want, read(t, f)))
}

func TestFailedDownloadLeavesNothing(t *testing.T) {
	t.Parallel()
	s, d := newTestDownloader(t)
	f := tempFile(t, []byte("old"))
	first := func(then any) {
		s.On("upload.getFile", func(r *tlserver.Request) any {
			if r.Args["offset"].(int64) == 0 {
				return M{"_": "upload.file", "bytes": make([]byte, partSize)}
			}
			return then
		})
	}
	first(Error{Code: 400, Message: "FILE_REFERENCE_EXPIRED"})
	require.ErrorIs(t, d.Download(t.Context(), document(homeDC, 2*partSize), f, nil), ErrReference)
	assert.Empty(t, read(t, f))

	first(M{"_": "upload.file"})
	require.ErrorContains(t, d.Download(t.Context(), document(homeDC, 2*partSize), f, nil), "ends at")
	assert.Empty(t, read(t, f))

	first(Error{Code: 420, Message: "FLOOD_WAIT_300"})
	var flood *groupcall.Flood
	require.ErrorAs(t, d.Download(t.Context(), document(homeDC, 2*partSize), f, nil), &flood)

	ctx, cancel := context.WithCancel(t.Context())
	s.On("upload.getFile", func(*tlserver.Request) any {
		cancel()
		return tlserver.NoAnswer{}
	})
	err := d.Download(ctx, document(homeDC, 2*partSize), f, nil)
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, read(t, f))

	require.NoError(t, d.Close())
	require.ErrorIs(t, d.Download(t.Context(), document(homeDC, 1), f, nil), errDownloaderClosed)
}

func TestDownloadTakesNoMoreThanWasAnnounced(t *testing.T) {
	t.Parallel()
	s, d := newTestDownloader(t)
	serve(s, content())
	f := tempFile(t, nil)
	require.NoError(t, d.Download(t.Context(), document(homeDC, 10), f, nil))
	assert.Equal(t, content()[:10], read(t, f))
}
