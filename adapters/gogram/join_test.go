package gogramcalls

import (
	"sync"
	"testing"
	"time"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/internal/tlserver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const answer = "the answer"

func TestJoinSendsWhatTelegramWants(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	s.On("phone.joinGroupCall", func(*tlserver.Request) any { return updates(connection(answer)) })
	_, err := a.Join(t.Context(), theCall, `{"ssrc":1}`, groupcall.JoinOptions{VideoStopped: true})
	require.NoError(t, err)
	assert.Equal(t, M{
		"_": "phone.joinGroupCall", "flags": 4, "video_stopped": true,
		"call":    inputCall(),
		"join_as": M{"_": "inputPeerUser", "user_id": myID, "access_hash": int64(99)},
		"params":  M{"_": "dataJSON", "data": `{"ssrc":1}`},
	}, s.Calls("phone.joinGroupCall")[0].Args)
}

func TestJoinAnswerIsFoundInEveryForm(t *testing.T) {
	t.Parallel()
	screen := M{"_": "updateGroupCallConnection", "presentation": true, "params": M{"_": "dataJSON", "data": "screen"}}
	whole := []any{
		M{"_": "updateGroupCall", "call": groupCall(9)},
		participants(8, participant(1, M{"left": true})),
		participants(9, participant(ssrc, M{"muted": true})),
		connection("an older one"), connection(answer), screen,
	}
	mine := groupcall.Participant{SSRC: ssrc, Muted: true}
	counted := theCall
	counted.Participants, counted.Version = 3, 9
	for _, c := range []struct {
		name   string
		answer any
		pushed any
		want   groupcall.Joined
	}{
		{"updates", updates(whole...), nil, groupcall.Joined{Answer: answer, Me: mine, Call: counted}},
		{
			"updatesCombined",
			M{"_": "updatesCombined", "updates": whole},
			nil,
			groupcall.Joined{Answer: answer, Me: mine, Call: counted},
		},
		{
			"updateShort",
			M{"_": "updateShort", "update": connection(answer)},
			nil,
			groupcall.Joined{Answer: answer, Call: theCall},
		},
		{
			"pushed afterwards", updates(whole[:3]...),
			M{"_": "updateShort", "update": connection(answer)},
			groupcall.Joined{Answer: answer, Me: mine, Call: counted},
		},
		{
			"pushed among others",
			M{"_": "updatesTooLong"},
			updates(screen, connection(answer)),
			groupcall.Joined{Answer: answer, Call: theCall},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, a := newTestAccount(t)
			s.On("updates.getDifference", func(*tlserver.Request) any { return M{"_": "updates.differenceEmpty"} })
			s.On("phone.joinGroupCall", func(*tlserver.Request) any {
				if c.pushed != nil {
					s.Push(c.pushed.(M))
				}
				return c.answer
			})
			got, err := a.Join(t.Context(), theCall, "{}", groupcall.JoinOptions{})
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestJoinWithoutConnectionWantsAnother(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	a.conf.push = 50 * time.Millisecond
	s.On("phone.joinGroupCall", func(*tlserver.Request) any { return updates() })
	_, err := a.Join(t.Context(), theCall, "{}", groupcall.JoinOptions{})
	require.ErrorIs(t, err, groupcall.ErrFresh)
}

func TestJoinInAForbiddenNameIsDoneInOnesOwn(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	s.On("phone.joinGroupCall", func(r *tlserver.Request) any {
		if r.Args["join_as"].(M)["_"] != "inputPeerSelf" {
			return Error{Code: 400, Message: "JOIN_AS_PEER_INVALID"}
		}
		return updates(connection(answer))
	})
	got, err := a.Join(t.Context(), theCall, "{}", groupcall.JoinOptions{})
	require.NoError(t, err)
	assert.Equal(t, answer, got.Answer)
}

// call is what Telegram does about who is in a call.
type theirCall struct {
	mu sync.Mutex
	in map[string]bool // by the payload, for the SSRC in it
	n  int             // joins that were executed
}

// join puts the account in, in place of an earlier participation with another SSRC.
func (c *theirCall) join(r *tlserver.Request) (answer any, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	payload := r.Args["params"].(M)["data"].(string)
	if c.in[payload] {
		return Error{Code: 400, Message: "GROUPCALL_SSRC_DUPLICATE_MUCH"}, false
	}
	c.in = map[string]bool{payload: true}
	return updates(connection("for " + payload)), c.n == 1
}

// interrupt lets a join be executed and its answer be lost, and returns once the account
// has joined with another SSRC.
func interruptJoin(t *testing.T, s *tlserver.Server, a *account, interrupt func(*tlserver.Request)) {
	t.Helper()
	var c theirCall
	s.On("phone.joinGroupCall", func(r *tlserver.Request) any {
		got, first := c.join(r)
		if first {
			interrupt(r)
			return tlserver.NoAnswer{}
		}
		return got
	})
	_, err := a.Join(t.Context(), theCall, "first", groupcall.JoinOptions{})
	require.ErrorIs(t, err, groupcall.ErrFresh, "it was executed twice")
	got, err := a.Join(t.Context(), theCall, "second", groupcall.JoinOptions{})
	require.NoError(t, err)
	assert.Equal(t, "for second", got.Answer)
	c.mu.Lock()
	defer c.mu.Unlock()
	assert.Equal(t, map[string]bool{"second": true}, c.in, "one participant")
	assert.Equal(t, 3, c.n)
}

func TestJoinDuringAChangeOfSaltLeavesOneParticipant(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	s.On("messages.getChats", func(*tlserver.Request) any { return M{"_": "messages.chats"} })
	interruptJoin(t, s, a, func(*tlserver.Request) {
		s.RotateSalt()
		go func() { _, _ = a.tg.MessagesGetChats([]int64{1}) }() // makes gogram send both again
	})
}
