package session

import (
	"bytes"
	"context"
	"crypto/rsa"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/amarnathcjd/gogram/telegram"
	"github.com/gotgcall/gotgcall/adapters/gogram/internal/tlserver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// What gogram leaves running for the life of the program, once per client; and what a
// client that is closed while it reconnects does for 10 s.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram/telegram.(*Client).monitorNoUpdatesTimeout"),
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram/telegram.(*ExSenders).cleanupLoop"),
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram.(*MTProto).Disconnect"),
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram.(*MTProto).Disconnect.func1"),
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram.(*MTProto).sendPacketWithMsgID.func1"),       // of an ack that failed
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram/telegram.(*CACHE).UpdatePeersToCache.func2"), // writes a second later
	)
}

type (
	M     = tlserver.M
	Error = tlserver.Error
)

func user(id int64, bot bool) M {
	u := M{"_": "user", "self": true, "id": id, "access_hash": int64(5), "first_name": "Ada"}
	if bot {
		u["bot"], u["bot_info_version"] = true, 1
	}
	return u
}

// trust lets a client make a key with a test's server. gogram knows Telegram's own key
// only.
func trust(tg *telegram.Client, key *rsa.PublicKey) {
	field := reflect.ValueOf(tg.MTProto).Elem().FieldByName("publicKey")
	*(**rsa.PublicKey)(unsafe.Pointer(field.UnsafeAddr())) = key
}

func nobody(*tlserver.Request) any { return Error{Code: 401, Message: "AUTH_KEY_UNREGISTERED"} }

func somebody(*tlserver.Request) any { return M{"_": "updates.state", "pts": 1, "date": 1} }

// stranger returns a connected client with which nobody is logged in.
func stranger(t *testing.T) (*tlserver.Server, *telegram.Client) {
	t.Helper()
	s := tlserver.New(t)
	s.On("updates.getState", nobody)
	tg, err := New(Config{AppID: 17, AppHash: "hash", Address: s.Addr()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = Close(tg) })
	trust(tg, s.PublicKey())
	s.FailKeys(1)
	me, err := Connect(t.Context(), tg)
	require.NoError(t, err)
	require.Nil(t, me)
	return s, tg
}

// scriptLogin lets a phone number log in with a code.
func scriptLogin(s *tlserver.Server, code string) {
	s.On("auth.sendCode", func(*tlserver.Request) any {
		return M{
			"_": "auth.sentCode", "phone_code_hash": "the hash",
			"type": M{"_": "auth.sentCodeTypeApp", "length": 5},
		}
	})
	s.On("auth.signIn", func(r *tlserver.Request) any {
		if r.Args["phone_code"] != code {
			return Error{Code: 400, Message: "PHONE_CODE_INVALID"}
		}
		s.On("updates.getState", somebody)
		s.Self(user(7, false))
		return M{"_": "auth.authorization", "user": user(7, false)}
	})
}

// answers returns an Ask that gives answers one after another, and what it was asked.
func answers(list ...string) (Ask, *[]Question) {
	var asked []Question
	return func(_ context.Context, q Question) (string, error) {
		asked = append(asked, q)
		if len(list) == 0 {
			return "", errors.New("no more answers")
		}
		a := list[0]
		list = list[1:]
		return a, nil
	}, &asked
}

func TestLoginByPhoneAndCode(t *testing.T) {
	t.Parallel()
	s, tg := stranger(t)
	scriptLogin(s, "12345")
	ask, asked := answers("+49 (151) 123-456", "99999", " 12345 ")
	require.NoError(t, Login(t.Context(), tg, ask))
	assert.Equal(t, int64(7), tg.Me().ID)
	assert.Len(t, *asked, 3)
	assert.Contains(t, (*asked)[1].Text, "to your other devices")
	sent := s.Calls("auth.sendCode")[0].Args
	assert.Equal(t, []any{"49151123456", 17, "hash"}, []any{sent["phone_number"], sent["api_id"], sent["api_hash"]})
	assert.Equal(t, "the hash", s.Calls("auth.signIn")[0].Args["phone_code_hash"])

	// What is exported opens the account again.
	path := filepath.Join(t.TempDir(), "user.session")
	require.NoError(t, Save(path, tg.ExportSession()))
	kept, err := Load(path)
	require.NoError(t, err)
	again, err := Open(t.Context(), Config{AppHash: "hash", Session: kept})
	require.NoError(t, err)
	t.Cleanup(func() { _ = Close(again) })
	assert.Equal(t, int64(7), again.Me().ID)
	require.NoError(t, Login(t.Context(), again, nil), "nothing is asked")
}

// reach lets a client find a data centre at a test's server.
func reach(tg *telegram.Client, dc int, s *tlserver.Server) {
	list := slices.Clone(tg.DcList.DCs[dc][:1])
	list[0].Addr = s.Addr()
	tg.DcList.DCs[dc] = list
}

// Most accounts do not live where a client connects first.
func TestLoginFollowsTheAccountToItsDataCentre(t *testing.T) {
	t.Parallel()
	first, tg := stranger(t)
	first.On("auth.sendCode", func(*tlserver.Request) any { return Error{Code: 303, Message: "PHONE_MIGRATE_2"} })
	home := tlserver.New(t)
	home.On("updates.getState", nobody)
	home.FailKeys(1)
	scriptLogin(home, "12345")
	reach(tg, 2, home)
	trust(tg, home.PublicKey())
	ask, _ := answers("49151", "12345")
	require.NoError(t, Login(t.Context(), tg, ask))
	assert.Equal(t, int64(7), tg.Me().ID)
	assert.Len(t, home.Calls("auth.signIn"), 1)

	var kept telegram.Session
	require.NoError(t, kept.Decode(tg.ExportSession()))
	assert.Equal(t, home.Addr(), kept.Hostname)
}

func TestLoginWithoutSuccess(t *testing.T) {
	t.Parallel()
	s, tg := stranger(t)
	scriptLogin(s, "12345")
	ask, _ := answers("49151", "1", "2", "3")
	require.ErrorContains(t, Login(t.Context(), tg, ask), "wrong too often")

	ask, _ = answers("no digits")
	require.ErrorContains(t, Login(t.Context(), tg, ask), "no phone number")

	s.On("auth.signIn", func(*tlserver.Request) any { return M{"_": "auth.authorizationSignUpRequired"} })
	ask, _ = answers("49151", "12345")
	require.ErrorContains(t, Login(t.Context(), tg, ask), "no account")

	s.On("auth.sendCode", func(*tlserver.Request) any { return Error{Code: 400, Message: "PHONE_NUMBER_INVALID"} })
	ask, _ = answers("49151")
	require.ErrorContains(t, Login(t.Context(), tg, ask), "PHONE_NUMBER_INVALID")
}

func TestBotKeepsItsSession(t *testing.T) {
	t.Parallel()
	s := tlserver.New(t)
	s.Self(user(123456789, true))
	path := filepath.Join(t.TempDir(), "bot.session")
	require.NoError(t, Save(path, s.Session()))
	c := Config{AppID: 17, AppHash: "hash", Address: s.Addr()}

	tg, err := OpenBot(t.Context(), c, "123456789:token", path)
	require.NoError(t, err)
	assert.Equal(t, int64(123456789), tg.Me().ID)
	assert.Empty(t, s.Calls("auth.importBotAuthorization"), "no second login")
	require.NoError(t, Close(tg))

	_, err = OpenBot(t.Context(), c, "what is this", path)
	require.ErrorContains(t, err, "not a bot token")
}

func TestBotLogsIn(t *testing.T) {
	t.Parallel()
	s, tg := stranger(t)
	s.On("auth.importBotAuthorization", func(r *tlserver.Request) any {
		if r.Args["bot_auth_token"] != "123456789:token" {
			return Error{Code: 400, Message: "ACCESS_TOKEN_INVALID"}
		}
		s.On("updates.getState", somebody)
		s.Self(user(123456789, true))
		return M{"_": "auth.authorization", "user": user(123456789, true)}
	})
	require.ErrorContains(t, loginBot(t.Context(), tg, "123456789:other"), "does not know")
	require.NoError(t, loginBot(t.Context(), tg, "123456789:token"))
	assert.True(t, tg.Me().Bot)
}

func TestRevokedSessionIsDead(t *testing.T) {
	t.Parallel()
	s := tlserver.New(t)
	c := Config{AppID: 17, AppHash: "hash", Session: s.Session(), Address: s.Addr()}
	for _, name := range []string{"AUTH_KEY_UNREGISTERED", "SESSION_REVOKED", "USER_DEACTIVATED_BAN"} {
		s.On("updates.getState", func(*tlserver.Request) any { return Error{Code: 401, Message: name} })
		_, err := Open(t.Context(), c)
		require.ErrorIs(t, err, ErrDead, name)
	}
}

func TestPanicOfGogramIsAnError(t *testing.T) {
	t.Parallel()
	s := tlserver.New(t)
	s.On("users.getFullUser", func(*tlserver.Request) any { // GetMe takes the first of no users
		return M{"_": "users.userFull", "full_user": M{"_": "userFull", "id": int64(7)}}
	})
	_, err := Open(t.Context(), Config{AppID: 17, AppHash: "hash", Session: s.Session(), Address: s.Addr()})
	require.ErrorContains(t, err, "gogram panicked")
}

func TestConnectEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := tlserver.New(t)
	s.On("help.getConfig", func(*tlserver.Request) any { return tlserver.NoAnswer{} })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := Open(ctx, Config{AppID: 17, AppHash: "hash", Session: s.Session(), Address: s.Addr()})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// The test changes the directory, in which gogram likes to leave files.
func TestClientLeavesNoFilesButOurs(t *testing.T) {
	s := tlserver.New(t)
	s.Self(user(7, false))
	dir := t.TempDir()
	t.Chdir(dir)
	c := Config{AppID: 17, AppHash: "hash", Session: s.Session(), Address: s.Addr(), Peers: filepath.Join(dir, "peers.db")}
	require.NoError(t, Save("user.session", c.Session))
	tg, err := Open(t.Context(), c)
	require.NoError(t, err)
	tg.Cache.UpdatePeersToCache(nil, []telegram.Chat{&telegram.Channel{ID: 5, AccessHash: 55}})
	require.NoError(t, Close(tg))
	var names []string
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, f := range files {
		names = append(names, f.Name())
		info, err := f.Info()
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), f.Name())
	}
	assert.Equal(t, []string{"peers.db", "user.session"}, names)

	tg, err = Open(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(func() { _ = Close(tg) })
	peer, err := tg.GetPeerChannel(5)
	require.NoError(t, err)
	assert.Equal(t, int64(55), peer.AccessHash, "it survives a restart")
}

// buffer may be read while gogram writes.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func TestLogGoesToSlogWithoutSecrets(t *testing.T) {
	t.Parallel()
	var text buffer
	s := tlserver.New(t)
	s.Self(user(7, false))
	c := Config{
		AppID: 17, AppHash: "the-app-hash", Session: s.Session(), Address: s.Addr(), Name: "user",
		Logger: slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	tg, err := Open(t.Context(), c)
	require.NoError(t, err)
	require.NoError(t, Close(tg))
	assert.Contains(t, text.String(), "client=user")
	assert.Contains(t, text.String(), "connecting to")
	assert.NotContains(t, text.String(), "the-app-hash")
	assert.NotContains(t, text.String(), strings.TrimPrefix(s.Session(), "1BvE"))
}
