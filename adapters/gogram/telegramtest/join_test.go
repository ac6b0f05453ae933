package telegramtest_test

import (
	"context"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
	"github.com/gotgcall/gotgcall/sfutest"
)

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func newClient(t *testing.T) *gotgcall.Client {
	t.Helper()
	client, err := gotgcall.New()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

// enter lets an account join the call of a chat with a client, and connects it.
func enter(ctx context.Context, t *testing.T, a groupcall.Account, client *gotgcall.Client, chat int64) groupcall.Joined {
	t.Helper()
	call, err := a.Call(ctx, chat)
	require.NoError(t, err)
	params, err := client.CreateCall(chat)
	require.NoError(t, err)
	joined, err := a.Join(ctx, call, params, groupcall.JoinOptions{VideoStopped: true})
	require.NoError(t, err)
	require.NoError(t, client.ConnectContext(ctx, chat, joined.Answer))
	return joined
}

func TestWhatAnAccountPlaysIsHeard(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	song := filepath.Join(t.TempDir(), "song.wav")
	require.NoError(t, sfutest.WriteTones(song, time.Second, 440))
	world := telegramtest.New(t)
	dj, ann := world.NewUser("DJ"), world.NewUser("Ann")
	chat := world.NewChat("Friends", ann, dj)
	call := chat.StartCall()
	client := newClient(t)
	account := world.Account(dj)

	joined := enter(ctx, t, account, client, chat.ID())
	ssrc, err := client.AudioSSRC(chat.ID())
	require.NoError(t, err)
	require.Equal(t, groupcall.Participant{SSRC: ssrc, CanSelfUnmute: true}, joined.Me)
	require.NoError(t, client.SetStreamSources(chat.ID(), gotgcall.FromFile(song, gotgcall.EncodeOptions{})))
	tones, err := call.Tones(ctx, dj, 1)
	require.NoError(t, err)
	require.Less(t, math.Abs(tones[0].Frequency-440), 10.0)

	require.NoError(t, account.Leave(ctx, joined.Call, ssrc))
	require.Empty(t, call.Participants())
	require.ErrorIs(t, account.Leave(ctx, joined.Call, ssrc), groupcall.ErrNotInCall)
}
