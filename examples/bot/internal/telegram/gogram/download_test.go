package gogram

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/adapters/gogram/tltest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
)

// holding lets a server hold a file in message 30 of the group.
func holding(server *tltest.Server, m *Messenger, data []byte) track.Media {
	list := slices.Clone(m.tg.DcList.DCs[4][:1]) // all clients share it
	list[0].Addr = server.Addr()
	m.tg.DcList.DCs[4] = list
	server.On("messages.getMessages", func(*Request) any {
		return M{"_": "messages.messages", "topics": []any{}, "chats": []any{}, "users": []any{}, "messages": []any{
			text(groupChat, 30, "", M{"media": song(88, len(data), M{"_": "documentAttributeFilename", "file_name": "../../evil.mp3"})}),
		}}
	})
	server.On("upload.getFile", func(r *Request) any {
		from, n := int(r.Args["offset"].(int64)), r.Args["limit"].(int)
		from = min(from, len(data))
		return M{"_": "upload.file", "type": M{"_": "storage.filePartial"}, "mtime": 1, "bytes": data[from:min(from+n, len(data))]}
	})
	return track.Media{Chat: groupChat, Message: 30, ID: 88, Size: int64(len(data)), Name: "../../evil.mp3"}
}

func TestDownloadIsExact(t *testing.T) {
	t.Parallel()
	server, m := connected(t, true)
	data := bytes.Repeat([]byte("0123456789abcdef"), 100_000)
	file := holding(server, m, data)
	dir := t.TempDir()
	to, err := os.Create(filepath.Join(dir, "song"))
	require.NoError(t, err)
	defer to.Close()
	_, err = to.Write(bytes.Repeat([]byte("x"), len(data)+5000))
	require.NoError(t, err)
	var done int64
	require.NoError(t, m.Download(t.Context(), file, to, func(d, total int64) {
		done = max(done, d)
		require.Equal(t, int64(len(data)), total)
	}))
	got, err := os.ReadFile(to.Name())
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got), "%d bytes of %d", len(got), len(data))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "the sender's name is nobody's")
}

func TestDownloadRefusesAnotherFile(t *testing.T) {
	t.Parallel()
	server, m := connected(t, true)
	file := holding(server, m, []byte("x"))
	to, err := os.Create(filepath.Join(t.TempDir(), "song"))
	require.NoError(t, err)
	defer to.Close()
	file.ID = 99
	require.ErrorIs(t, m.Download(t.Context(), file, to, func(int64, int64) {}), telegram.ErrGone)
	server.On("messages.getMessages", func(*Request) any {
		return M{"_": "messages.messages", "topics": []any{}, "chats": []any{}, "users": []any{}, "messages": []any{M{"_": "messageEmpty", "id": 30}}}
	})
	require.ErrorIs(t, m.Download(t.Context(), file, to, func(int64, int64) {}), telegram.ErrGone)
	require.Empty(t, server.Calls("upload.getFile"))
}

func TestDownloadEndsWithItsContext(t *testing.T) {
	t.Parallel()
	server, m := connected(t, true)
	file := holding(server, m, bytes.Repeat([]byte("x"), 3_000_000))
	ctx, cancel := context.WithCancel(t.Context())
	server.On("upload.getFile", func(*Request) any {
		cancel()
		return tltest.Error{Code: 400, Message: "FILE_REFERENCE_EXPIRED"}
	})
	to, err := os.Create(filepath.Join(t.TempDir(), "song"))
	require.NoError(t, err)
	defer to.Close()
	require.ErrorIs(t, m.Download(ctx, file, to, func(int64, int64) {}), context.Canceled)
}
