package gogramcalls

import (
	"context"
	"errors"
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
	joins    atomic.Int32
	ssrc     atomic.Uint32 // of the account; 0 while it is out
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s, tg := connected(t)
	st := &stage{telegram: s, media: sfutest.NewServer(t), song: filepath.Join(t.TempDir(), "song.wav")}
	require.NoError(t, sfutest.WriteTones(st.song, 2*time.Second, 440))
	scriptCall(s, nil)
	s.On("phone.joinGroupCall", st.join)
	s.On("phone.getGroupParticipants", func(*tlserver.Request) any {
		list := []any{}
		if ssrc := st.ssrc.Load(); ssrc != 0 {
			list = append(list, participant(ssrc, M{"can_self_unmute": true}))
		}
		return M{"_": "phone.groupParticipants", "version": 7, "participants": list}
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

// join lets the account in, in place of an earlier participation.
func (st *stage) join(r *tlserver.Request) any {
	st.joins.Add(1)
	answer, err := st.media.Join(context.Background(), r.Args["params"].(M)["data"].(string))
	if refused := (*sfutest.JoinError)(nil); errors.As(err, &refused) {
		return Error{Code: 400, Message: refused.Code}
	}
	list := st.media.Participants()
	for i, p := range list {
		if i < len(list)-1 {
			p.Kick()
		} else {
			st.ssrc.Store(p.SSRC())
		}
	}
	return updates(participants(7, participant(st.ssrc.Load(), M{"can_self_unmute": true})), connection(answer))
}

// hears waits for the song.
func (st *stage) hears(ctx context.Context, t *testing.T) *sfutest.Participant {
	t.Helper()
	p, err := st.media.Accept(ctx)
	require.NoError(t, err)
	tones, err := p.Tones(ctx, 1)
	require.NoError(t, err)
	assert.InDelta(t, 440, tones[0].Frequency, 5)
	return p
}

func TestOneLinePlays(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	require.NoError(t, st.calls.Play(ctx, chat, gotgcall.FromFile(st.song, gotgcall.EncodeOptions{})))

	p := st.hears(ctx, t)
	require.NoError(t, st.calls.Leave(ctx, chat))
	left := st.telegram.Calls("phone.leaveGroupCall")
	require.Len(t, left, 1)
	assert.Equal(t, p.SSRC(), uint32(left[0].Args["source"].(int)))
	assert.Len(t, st.telegram.Calls("phone.joinGroupCall"), 1)
}
