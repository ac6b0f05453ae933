package gogramcalls

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/internal/tlserver"
	"github.com/gotgcall/gotgcall/sfutest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stage is a channel with a call on both servers, Telegram's and that of the media.
type stage struct {
	telegram *tlserver.Server
	media    *sfutest.Server
	calls    *groupcall.Calls
	song     string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s, tg := connected(t)
	st := &stage{telegram: s, media: sfutest.NewServer(t), song: filepath.Join(t.TempDir(), "song.wav")}
	require.NoError(t, sfutest.WriteTones(st.song, 2*time.Second, 440))
	scriptCall(s, nil)
	var joined atomic.Uint32
	s.On("phone.joinGroupCall", func(r *tlserver.Request) any {
		params := r.Args["params"].(M)["data"].(string)
		answer, err := st.media.Join(context.Background(), params)
		if err != nil {
			return Error{Code: 400, Message: "DATA_JSON_INVALID"}
		}
		for _, p := range st.media.Participants() {
			joined.Store(p.SSRC())
		}
		return updates(participants(7, participant(joined.Load(), M{"can_self_unmute": true})), connection(answer))
	})
	s.On("phone.getGroupParticipants", func(*tlserver.Request) any {
		return M{"_": "phone.groupParticipants", "version": 7, "participants": []any{participant(joined.Load(), nil)}}
	})
	s.On("phone.editGroupCallParticipant", func(*tlserver.Request) any { return updates() })
	s.On("phone.leaveGroupCall", func(*tlserver.Request) any { return updates() })
	client, err := gotgcall.New()
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	st.calls, err = New(tg, client)
	require.NoError(t, err)
	t.Cleanup(func() { _ = st.calls.Close() })
	return st
}

func TestOneLinePlays(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	require.NoError(t, st.calls.Play(ctx, chat, gotgcall.FromFile(st.song, gotgcall.EncodeOptions{})))

	p, err := st.media.Accept(ctx)
	require.NoError(t, err)
	tones, err := p.Tones(ctx, 1)
	require.NoError(t, err)
	assert.InDelta(t, 440, tones[0].Frequency, 5)

	require.NoError(t, st.calls.Leave(ctx, chat))
	left := st.telegram.Calls("phone.leaveGroupCall")
	require.Len(t, left, 1)
	assert.Equal(t, p.SSRC(), uint32(left[0].Args["source"].(int)))
	assert.Len(t, st.telegram.Calls("phone.joinGroupCall"), 1)
}
