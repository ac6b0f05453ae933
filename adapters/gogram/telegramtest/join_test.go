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

func TestASecondJoinDisconnectsTheFirst(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	world := telegramtest.New(t)
	dj := world.NewUser("DJ")
	chat := world.NewChat("Friends", dj)
	call := chat.StartCall()
	account := world.Account(dj)
	enter(ctx, t, account, newClient(t), chat.ID())
	first, err := call.Await(ctx, dj)
	require.NoError(t, err)
	<-time.After(time.Until(world.Requests("Join")[0].At.Add(1100 * time.Millisecond)))
	enter(ctx, t, account, newClient(t), chat.ID())
	second, err := call.Await(ctx, dj)
	require.NoError(t, err)
	require.NotEqual(t, first.SSRC, second.SSRC)
	select {
	case <-first.Media.Done():
	case <-ctx.Done():
		t.Fatal("the first is still connected")
	}
	require.Len(t, call.Participants(), 1)
}

func TestWhoIsSilentLeaves(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	world := telegramtest.New(t, telegramtest.WithSilence(2*time.Second))
	chat := world.NewChat("Friends", world.NewUser("Owner"))
	call := chat.StartCall()
	var clients []*gotgcall.Client
	var users []groupcall.User
	for _, name := range []string{"stopped", "dark", "playing"} {
		u := world.NewUser(name)
		chat.Add(u)
		client := newClient(t)
		enter(ctx, t, world.Account(u), client, chat.ID())
		clients, users = append(clients, client), append(users, u)
	}
	dark, err := call.Await(ctx, users[1])
	require.NoError(t, err)
	dark.Media.BlackOut(time.Hour)
	require.NoError(t, clients[0].Stop(chat.ID()))
	require.NoError(t, world.Wait(ctx, func() bool { return len(call.Past()) == 2 }))
	left := call.Participants()
	require.Len(t, left, 1)
	require.Equal(t, users[2].ID, left[0].User)
}
