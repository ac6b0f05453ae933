package gogramcalls

import (
	"context"
	"testing"
	"time"

	"github.com/amarnathcjd/gogram/telegram"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/internal/tlserver"
	"github.com/gotgcall/gotgcall/adapters/gogram/session"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type (
	M     = tlserver.M
	Error = tlserver.Error
)

const (
	myID      = int64(7001)
	channelID = int64(1234567890)
	chat      = -channelMark - channelID
	groupID   = int64(1001) // a basic group whose marked id looks like a channel's: -1001
	callID    = int64(555)
	callHash  = int64(-666)
	ssrc      = uint32(0x9abcdef0) // negative as an int32
)

var theCall = groupcall.Call{Chat: chat, ID: callID, AccessHash: callHash}

func me() M {
	return M{"_": "user", "self": true, "id": myID, "access_hash": int64(99), "first_name": "Ada", "last_name": "L", "username": "ada"}
}

func inputCall() M { return M{"_": "inputGroupCall", "id": callID, "access_hash": callHash} }

func groupCall(version int) M {
	return M{"_": "groupCall", "id": callID, "access_hash": callHash, "participants_count": 3, "version": version}
}

func peerUser(id int64) M { return M{"_": "peerUser", "user_id": id} }

// participant is the account's own entry.
func participant(ssrc uint32, more M) M {
	p := M{"_": "groupCallParticipant", "self": true, "peer": peerUser(myID), "source": int32(ssrc)}
	for k, v := range more {
		p[k] = v
	}
	return p
}

func participants(version int, list ...any) M {
	return M{"_": "updateGroupCallParticipants", "call": inputCall(), "participants": list, "version": version}
}

func updates(list ...any) M { return M{"_": "updates", "updates": list} }

func connection(answer string) M {
	return M{"_": "updateGroupCallConnection", "params": M{"_": "dataJSON", "data": answer}}
}

func theChannel() M {
	return M{"_": "channel", "id": channelID, "access_hash": int64(42), "title": "t", "megagroup": true}
}

// connected returns a server with a channel and a client that is logged in.
func connected(t *testing.T) (*tlserver.Server, *telegram.Client) {
	t.Helper()
	s := tlserver.New(t)
	s.Self(me())
	tg, err := session.Open(t.Context(), session.Config{
		AppID: 1, AppHash: "h", Session: s.Session(), Name: t.Name(), Address: s.Addr(),
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = session.Close(tg) })
	tg.Cache.UpdatePeersToCache(nil, []telegram.Chat{&telegram.Channel{ID: channelID, AccessHash: 42}})
	return s, tg
}

func newTestAccount(t *testing.T) (*tlserver.Server, *account) {
	t.Helper()
	s, tg := connected(t)
	a, err := newAccount(tg)
	require.NoError(t, err)
	return s, a
}

// listen returns the account's events.
func listen(t *testing.T, a *account) <-chan groupcall.Event {
	t.Helper()
	got := make(chan groupcall.Event, 100)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = a.Events(ctx, func(e groupcall.Event) { got <- e })
	}()
	t.Cleanup(func() { cancel(); <-done })
	return got
}

// next returns the first event of a type.
func next[T groupcall.Event](t *testing.T, events <-chan groupcall.Event) T {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case e := <-events:
			if e, ok := e.(T); ok {
				return e
			}
		case <-late:
			t.Fatal("no such event")
		}
	}
}

func ptr[T any](v T) *T { return &v }

func TestEditSendsExactlyWhatIsSet(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	s.On("phone.editGroupCallParticipant", func(*tlserver.Request) any { return updates() })
	for _, c := range []struct {
		name string
		edit groupcall.Edit
		want M
	}{
		{"muted", groupcall.Edit{Muted: ptr(true)}, M{"flags": 1, "muted": true}},
		{"unmuted", groupcall.Edit{Muted: ptr(false)}, M{"flags": 1, "muted": false}},
		{"hand", groupcall.Edit{RaiseHand: ptr(true)}, M{"flags": 4, "raise_hand": true}},
		{"no picture", groupcall.Edit{VideoStopped: ptr(true)}, M{"flags": 8, "video_stopped": true}},
		{
			"picture paused, sound on",
			groupcall.Edit{Muted: ptr(false), VideoPaused: ptr(true)},
			M{"flags": 17, "muted": false, "video_paused": true},
		},
	} {
		require.NoError(t, a.Edit(t.Context(), theCall, c.edit), c.name)
		calls := s.Calls("phone.editGroupCallParticipant")
		c.want["_"] = "phone.editGroupCallParticipant"
		c.want["call"] = inputCall()
		c.want["participant"] = M{"_": "inputPeerUser", "user_id": myID, "access_hash": int64(99)}
		assert.Equal(t, c.want, calls[len(calls)-1].Args, c.name)
	}
}
