package tlserver

import (
	"bytes"
	"crypto/rand"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestValuesSurviveTheWire(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	for name, v := range map[string]M{
		"flags and vectors": {
			"_": "phone.joinGroupCall", "flags": 5, "muted": true, "video_stopped": true,
			"call":    M{"_": "inputGroupCall", "id": int64(7), "access_hash": int64(-8)},
			"join_as": M{"_": "inputPeerSelf"},
			"params":  M{"_": "dataJSON", "data": `{"ssrc":1}`},
		},
		"a long string": {"_": "dataJSON", "data": string(bytes.Repeat([]byte("x"), 300))},
		"an optional Bool": {
			"_": "phone.editGroupCallParticipant", "flags": 17, "muted": false, "video_paused": true,
			"call":        M{"_": "inputGroupCall", "id": int64(7), "access_hash": int64(-8)},
			"participant": M{"_": "inputPeerUser", "user_id": int64(1), "access_hash": int64(2)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wire, err := s.encode(without(v, "flags"))
			require.NoError(t, err)
			got, rest, err := s.decode(wire)
			require.NoError(t, err)
			assert.Empty(t, rest)
			assert.Equal(t, v, got)
		})
	}
}

func without(v M, key string) M {
	c := M{}
	for k, x := range v {
		if k != key {
			c[k] = x
		}
	}
	return c
}

func TestScriptsAreCheckedAgainstTheSchema(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	_, err := s.encode(M{"_": "dataJSON", "dta": "x"})
	require.ErrorContains(t, err, `no field "dta"`)
	_, err = s.encode(M{"_": "updateGroupCallParticipants", "call": M{"_": "inputPeerSelf"}})
	require.ErrorContains(t, err, "is no InputGroupCall")
	_, err = s.encode(M{"_": "nothing"})
	require.Error(t, err)
}

func TestMissingFieldsAreZero(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	wire, err := s.encode(M{"_": "updates"})
	require.NoError(t, err)
	got, _, err := s.decode(wire)
	require.NoError(t, err)
	assert.Equal(t, M{"_": "updates", "updates": []any{}, "users": []any{}, "chats": []any{}, "date": 0, "seq": 0}, got)
}

func TestSealedMessagesOpenWithTheirKeyOnly(t *testing.T) {
	t.Parallel()
	key := make([]byte, 256)
	_, _ = rand.Read(key)
	text := bytes.Repeat([]byte("0123456789abcdef"), 3)
	sealed := seal(key, bytes.Clone(text))
	aesKey, iv := aesKeys(key, sealed[8:24], fromServer)
	assert.Equal(t, text, decryptIGE(aesKey, iv, sealed[24:])[:len(text)])
	_, err := open(key, sealed[8:])
	require.Error(t, err, "the client's messages have other keys")
}

// A decoder reads what a client sends, but a test must not hang or grow by it.
func FuzzDecode(f *testing.F) {
	s := schemaOf(f)
	for _, v := range []M{{"_": "updates"}, {"_": "dataJSON", "data": "x"}, {"_": "phone.createGroupCall", "title": "t"}} {
		wire, err := s.encode(v)
		require.NoError(f, err)
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		v, rest, err := s.decode(in)
		if err != nil {
			return
		}
		wire, err := s.encode(v)
		if err != nil {
			return // unset flags of fields that are there
		}
		_, _, err = s.decode(wire)
		require.NoError(t, err)
		_ = rest
	})
}
