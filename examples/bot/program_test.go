package main

import (
	"bytes"
	"context"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gotgcall/gotgcall/adapters/gogram/session"
	"github.com/gotgcall/gotgcall/adapters/gogram/tltest"
)

// What gogram leaves running: for the life of the program, once per client, and a write
// that it has put off.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram/telegram.(*Client).monitorNoUpdatesTimeout"),
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram/telegram.(*ExSenders).cleanupLoop"),
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram.(*MTProto).Disconnect"), // of a client that reconnects, 10 s
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram.(*MTProto).Disconnect.func1"),
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram.(*MTProto).sendPacketWithMsgID.func1"), // of an ack that failed
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram/telegram.(*ContextStore).cleanupLoop"),
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram/telegram.(*CACHE).UpdatePeersToCache.func2"), // a second
	)
}

type (
	M       = tltest.M
	Request = tltest.Request
)

const (
	botID, aliceID, djID = int64(111), int64(7), int64(222)
	token                = "111:AAbbccdd"
	hash                 = "0123456789abcdef"
)

// servers are a Telegram for a bot and for an account that plays.
type servers struct{ bot, user *tltest.Server }

// newServers writes the sessions of both into a data directory.
func newServers(t *testing.T, data string) servers {
	t.Helper()
	tg := servers{bot: tltest.New(t), user: tltest.New(t)}
	tg.bot.Self(M{"_": "user", "self": true, "bot": true, "bot_info_version": 1, "id": botID, "access_hash": int64(1), "first_name": "Music", "username": "MusicBot"})
	tg.user.Self(M{"_": "user", "self": true, "id": djID, "access_hash": int64(1), "first_name": "DJ"})
	tg.bot.On("bots.setBotCommands", func(*Request) any { return true })
	require.NoError(t, session.Save(filepath.Join(data, "bot.session"), tg.bot.Session()))
	require.NoError(t, session.Save(filepath.Join(data, "user.session"), tg.user.Session()))
	return tg
}

func TestProgramAnswersAndEnds(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.Mkdir(data, 0o700))
	tg := newServers(t, data)
	said := make(chan string, 10)
	tg.bot.On("messages.sendMessage", func(r *Request) any {
		said <- r.Args["message"].(string)
		return M{"_": "updateShortSentMessage", "id": 9, "pts": 1, "pts_count": 1, "date": 1}
	})
	menu := make(chan []any, 1)
	tg.bot.On("bots.setBotCommands", func(r *Request) any {
		menu <- r.Args["commands"].([]any)
		return true
	})
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	address := freeAddress(t)
	log := new(logged)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- start(ctx, []string{"-data", data, "-api-id", "1", "-metrics", address}, []string{
			"GOTGCALL_BOT_TOKEN=" + token, "GOTGCALL_API_HASH=" + hash,
		}, nil, log)
	}()
	defer cancel()

	commands := await(t, menu, done)
	require.Len(t, commands, 20)
	for _, c := range commands {
		require.Contains(t, string(readme), "`/"+c.(M)["command"].(string)+"`")
	}
	untilAnswered(t, tg.bot, said, done)
	require.Contains(t, await(t, said, done), "/play")

	response, err := http.Get("http://" + address + "/metrics")
	require.NoError(t, err)
	var metrics bytes.Buffer
	_, err = metrics.ReadFrom(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Contains(t, metrics.String(), "gotgcall_bot_calls{account=\"222\"} 0\n")
	http.DefaultClient.CloseIdleConnections()

	cancel()
	require.NoError(t, <-done)
	require.NotContains(t, log.String(), token)
	require.NotContains(t, log.String(), hash)
	require.Contains(t, log.String(), "MusicBot")
	onlyOurs(t, data)
	here, err := os.ReadDir(".")
	require.NoError(t, err)
	require.Empty(t, here, "nothing is left where it was started")
}

func TestProgramWithoutATokenTalksAsTheAccount(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	tg := newServers(t, data)
	said := make(chan M, 10)
	tg.user.On("messages.getChats", func(*Request) any { return M{"_": "messages.chats", "chats": []any{}} })
	tg.user.On("messages.sendMessage", func(r *Request) any {
		said <- r.Args
		return M{"_": "updateShortSentMessage", "id": 9, "pts": 1, "pts_count": 1, "date": 1}
	})
	log := new(logged)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- start(ctx, []string{"-data", data, "-api-id", "1"}, []string{"GOTGCALL_API_HASH=" + hash}, nil, log)
	}()
	for id := 6; len(said) == 0 && len(done) == 0; id++ { // until it listens
		tg.user.Push(private("/help"))
		grouped := private("/queue")
		message := grouped["updates"].([]any)[0].(M)["message"].(M)
		message["id"], message["peer_id"], message["from_id"] = id, M{"_": "peerChat", "chat_id": int64(55)}, M{"_": "peerUser", "user_id": aliceID}
		tg.user.Push(grouped)
		<-time.After(100 * time.Millisecond)
	}
	answer := await(t, said, done)
	require.Equal(t, "inputPeerChat", answer["peer"].(M)["_"], "the private command is ignored")
	require.Nil(t, answer["reply_markup"])
	cancel()
	require.NoError(t, <-done)
	require.Contains(t, log.String(), "without a bot token")
	require.Empty(t, tg.bot.Calls("updates.getState"))
}

// private is a message of Alice's in her chat with the bot.
func private(text string) M {
	return M{
		"_": "updates", "users": []any{M{"_": "user", "id": aliceID, "access_hash": int64(70), "first_name": "Alice"}},
		"chats": []any{}, "date": 1, "seq": 0, "updates": []any{M{"_": "updateNewMessage", "pts": 0, "pts_count": 0, "message": M{
			"_": "message", "id": 5, "peer_id": M{"_": "peerUser", "user_id": aliceID},
			"date": int(time.Now().Unix()), "message": text,
		}}},
	}
}

// untilAnswered has Alice ask for help until the bot listens and answers, or has ended.
func untilAnswered(t *testing.T, server *tltest.Server, said <-chan string, done <-chan error) {
	t.Helper()
	for id := 1000; len(said) == 0 && len(done) == 0; id++ {
		update := private("/help")
		update["updates"].([]any)[0].(M)["message"].(M)["id"] = id
		server.Push(update)
		<-time.After(100 * time.Millisecond)
	}
}

// onlyOurs checks that a data directory has nothing that others can read, and nothing
// but what we know.
func onlyOurs(t *testing.T, data string) {
	t.Helper()
	known := map[string]bool{
		"bot.db": true, "bot.session": true, "bot.peers": true, "downloads": true, "user.session": true, "user1.peers": true,
		"yt-dlp": true, // where it is installed
	}
	require.NoError(t, filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := d.Info()
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, "%s: %v", path, info.Mode())
		if path != data && filepath.Dir(path) == data {
			require.True(t, known[d.Name()], "what is %s?", d.Name())
		}
		return nil
	}))
}

func TestProgramSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	exposed := filepath.Join(t.TempDir(), "exposed")
	require.NoError(t, os.WriteFile(exposed, []byte("x"), 0o644))
	mistaken := filepath.Join(t.TempDir(), "mistaken")
	require.NoError(t, os.WriteFile(mistaken, []byte(token+"\n"), 0o600))
	there := filepath.Join(t.TempDir(), "there")
	require.NoError(t, os.WriteFile(there, []byte("x"), 0o600))
	app := []string{"-api-id", "1"}
	for _, c := range []struct {
		name string
		args []string
		want []string
	}{
		{"no application", []string{"-api-id", "0"}, []string{"my.telegram.org"}},
		{"no application to log in with", []string{"-api-id", "0", "login"}, []string{"my.telegram.org"}},
		{"nobody is logged in", append(app, "-session", "/nowhere/x"), []string{"/nowhere/x is missing", "login"}},
		{"others can read it", append(app, "-session", exposed), []string{"chmod 600"}},
		{"a bot where a user belongs", append(app, "-session", mistaken), []string{"bot token", "-bot-token-file"}},
		{"logged in already", append(app, "-session", there, "login"), []string{"is there"}},
		{"another command", append(app, "logout"), []string{`"logout" is no command`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"-data", t.TempDir()}, c.args...)
			err := start(t.Context(), args, []string{"GOTGCALL_API_HASH=" + hash}, nil, new(logged))
			require.Error(t, err)
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), token)
		})
	}
}

func TestProgramRefusesDeadSessionsAndBots(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script func(servers)
		want   string
	}{
		"dead": {func(tg servers) {
			tg.user.On("updates.getState", func(*Request) any { return tltest.Error{Code: 401, Message: "AUTH_KEY_UNREGISTERED"} })
		}, "login"},
		"a bot's session": {func(tg servers) {
			tg.user.Self(M{"_": "user", "self": true, "bot": true, "bot_info_version": 1, "id": djID, "access_hash": int64(1), "first_name": "Bot"})
		}, "bots cannot be in calls"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := t.TempDir()
			c.script(newServers(t, data))
			err := start(t.Context(), []string{"-data", data, "-api-id", "1"}, []string{
				"GOTGCALL_BOT_TOKEN=" + token, "GOTGCALL_API_HASH=" + hash,
			}, nil, new(logged))
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestProgramEndsWhenItsSessionIsRevoked(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	tg := newServers(t, data)
	menu := make(chan bool, 1)
	tg.bot.On("bots.setBotCommands", func(*Request) any { menu <- true; return true })
	done := make(chan error, 1)
	go func() {
		done <- start(t.Context(), []string{"-data", data, "-api-id", "1"}, []string{
			"GOTGCALL_BOT_TOKEN=" + token, "GOTGCALL_API_HASH=" + hash,
		}, nil, new(logged))
	}()
	await(t, menu, done)
	tg.bot.On("messages.sendMessage", func(*Request) any { return tltest.Error{Code: 401, Message: "SESSION_REVOKED"} })
	untilAnswered(t, tg.bot, make(chan string), done)
	require.ErrorContains(t, <-done, "session is dead")
}

func await[T any](t *testing.T, c <-chan T, done <-chan error) (v T) {
	t.Helper()
	timer := time.NewTimer(30 * time.Second)
	defer timer.Stop()
	select {
	case v = <-c:
	case err := <-done:
		require.Fail(t, "the program has ended", "%v", err)
	case <-timer.C:
		require.Fail(t, "nothing came")
	}
	return v
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// logged is a log that can be read while it is written.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
