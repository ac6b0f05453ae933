package scenario

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/chattest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/guard/guardtest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/ytdlp"
	"github.com/gotgcall/gotgcall/examples/bot/internal/ytdlp/ytdlptest"
)

// Titles are shown as they are, in one line, whatever is in them. What is wrong with an
// entity is found by the fake of Telegram.
func TestScenario22_Titles(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		song := s.song("Song", 60*time.Second, 440)
		emoji := strings.Repeat("👩‍👩‍👧‍👦", 64)
		titles := map[string]string{
			`"><b>x</b>`: `"><b>x</b>`,
			strings.Repeat("👩‍👩‍👧‍👦", 4096):         "", // see below
			strings.Repeat("😀", 4096):               strings.Repeat("😀", 64) + "…",
			"one\ntwo\r\n\n\nthree\tfour\u2028five": "one two three four five",
			"abc\u202edef\u2066ghi\u2069":           "abcdefghi",
			"a\x00b\x01c\x1b[31m":                   "abc[31m",
			`&#34;a&#34; &lt;b&gt; **c** _d_`:       `&#34;a&#34; &lt;b&gt; **c** _d_`,
			"\u200b\u200e\n ":                       "song", // the file's name
		}
		s.config.Limits.UserBurst = 100
		chats := make(map[string]*chattest.Chat)
		for title := range titles {
			chats[title], _ = s.newChat("Chat " + strconv.Itoa(len(chats)))
		}
		s.start()
		for title, chat := range chats {
			song := song
			song.Title, song.Artist, song.Name = title, title, "../../song.mp3"
			s.play(chat.User("Eve\n\u202e<b>"), song)
		}
		for title, want := range titles {
			card, err := chats[title].AwaitCard(s.ctx, func(c chattest.Card) bool { return c.State == chattest.Playing })
			require.NoError(t, err, "%.20q", title)
			lines := strings.Split(card.Message.Text, "\n")
			require.Len(t, lines, 3, "title, time, requester: %q", card.Message.Text)
			require.Contains(t, lines[0], card.Title)
			require.Equal(t, "Eve <b>", card.By)
			if want != "" {
				require.Equal(t, want, card.Title)
				continue
			}
			cut, ok := strings.CutSuffix(card.Title, "…")
			require.True(t, ok, "it is cut")
			require.True(t, strings.HasPrefix(emoji, cut), "between characters: %q", card.Title)
			require.NotEmpty(t, cut)
		}
	})
}

// Nothing of what a member types reads a file of the server, runs a program or reaches
// its network.
func TestScenario23_HostileWords(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		canary := guardtest.NewCanary(t)
		secret, touched := s.tones("Secret", 5*time.Second, 990), filepath.Join(s.dir, "touched")
		lists := map[string]string{
			"hostname.m3u8": "/etc/hostname", "file.m3u8": "file://" + secret, "path.m3u8": secret, "canary.m3u8": canary.URL + "/a.ts",
		}
		server := hostileServer(s.tones("Good", 5*time.Second, 440), lists)
		t.Cleanup(server.Close)
		s.internet.Add(server.URL)
		s.names = guardtest.Names(func(string) []string { return []string{"10.0.0.1"} })
		s.pages = ytdlptest.New(t, "true")
		s.config.Limits.UserBurst, s.config.Limits.ChatPerMinute = 1000, 1000
		chats := make(map[string]*chattest.Chat)
		calls := make(map[string]*telegramtest.Call)
		for name := range lists {
			chats[name], calls[name] = s.newChat(name)
		}
		words := []string{
			"/etc/passwd", "file:///etc/passwd", "-help", "--exec=touch " + touched, "ytsearchall:x", "concat:/etc/passwd|/etc/hosts",
			"http://127.0.0.1:" + canary.Port + "/", "http://[::ffff:7f00:1]:" + canary.Port + "/", "http://0x7f000001:" + canary.Port + "/",
			"http://public.example/", "http://public.example:" + canary.Port + "/", server.URL + "/metadata", "http://169.254.169.254/",
			"$(touch " + touched + ")://x", "rtmp://127.0.0.1:" + canary.Port + "/a", `\\127.0.0.1\share`,
		}
		const inOneChat = 4 // Telegram limits the messages in a chat
		var typed []*chattest.Chat
		for i := range words {
			if i%inOneChat == 0 {
				chat, _ := s.newChat("Chat " + strconv.Itoa(i))
				typed = append(typed, chat)
			}
		}
		s.start()
		for i, w := range words {
			eve := typed[i/inOneChat].User("Eve")
			began := time.Now()
			s.refused(typed[i/inOneChat], eve.Says("/play "+w))
			t.Logf("%s: refused after %v", w, time.Since(began))
		}
		for name, chat := range chats {
			eve := chat.User("Eve")
			eve.Says("/play " + server.URL + "/" + name)
			_, err := chat.AwaitMessage(s.ctx, map[bool]string{true: "private network", false: "cannot be played"}[name == "canary.m3u8"])
			require.NoError(t, err, name)
			eve.Says("/play " + server.URL + "/song.mp3")
		}
		for name, call := range calls {
			tones := s.heard(call, 1)
			require.Equal(t, []float64{440}, frequencies(tones[:1], 440, 990), name)
		}
		require.NoFileExists(t, touched)
		require.Len(t, s.pages.Calls(t), 1, "yt-dlp was asked for its version alone")
	})
}

// hostileServer serves a song, lists that name something each, and a redirect.
func hostileServer(song string, lists map[string]string) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch name := strings.TrimPrefix(r.URL.Path, "/"); name {
		case "metadata":
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
		case "song.mp3":
			http.ServeFile(w, r, song)
		default:
			w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
			fmt.Fprintf(w, "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:5,\n%s\n#EXT-X-ENDLIST\n", lists[name])
		}
	}))
}

// refused waits until the bot has answered a message, and nothing is looked for or played.
func (s *stage) refused(chat *chattest.Chat, asked chattest.Message) chattest.Message {
	s.t.Helper()
	var answer chattest.Message
	s.await("an answer to "+asked.Text, func() bool {
		for _, m := range chat.Said() {
			if m.ReplyTo == asked.ID && !strings.HasPrefix(m.Text, "🔎") {
				answer = m
				return true
			}
		}
		return false
	})
	require.NotRegexp(s.t, "^(▶|⬇|⏳|#)", answer.Text)
	return answer
}

// Files of messages are stored under the bot's names, and those that are not playable do
// not stop the queue.
func TestScenario24_HostileFiles(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		secret := s.tones("Secret", 5*time.Second, 990)
		file := func(name, content string) chattest.File {
			path := filepath.Join(t.TempDir(), "file")
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			return chattest.File{Path: path, Name: name, Title: name}
		}
		chat, call := s.newChat("Friends")
		s.config.Limits.UserBurst = 100
		s.start()
		eve := chat.User("Eve")
		first := s.song("First", 4*time.Second, 440)
		first.Name = "../../x.mp3"
		s.play(eve, first)
		s.hears(call, 440)
		large := file("large.mp3", "x")
		large.Size = 5 << 30
		require.Contains(t, s.refused(chat, eve.Replies(eve.Sends(large), "/play")).Text, "5120 MB")
		require.Contains(t, s.refused(chat, eve.Replies(eve.Sends(file("empty.mp3", "")), "/play")).Text, "empty")
		s.play(eve, file("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:5,\nfile:"+secret+"\n#EXT-X-ENDLIST\n"))
		s.play(eve, file("text.mp3", strings.Repeat("This is a text.\n", 100)))
		s.play(eve, s.song("Last", 4*time.Second, 660))
		tones := s.heard(call, 2)
		require.Equal(t, []float64{440, 660}, frequencies(tones, 440, 660, 990))
		_, err := chat.AwaitMessage(s.ctx, ": It cannot be played") // of the two, the later may show alone
		require.NoError(t, err)

		require.NoError(t, filepath.WalkDir(filepath.Dir(s.dir), func(path string, d os.DirEntry, err error) error {
			require.NotEqual(t, "x.mp3", filepath.Base(path))
			if filepath.Dir(path) == s.mediaDir() {
				require.Regexp(t, "^(media|fetch)-[A-Z2-7]{26}$", d.Name())
			}
			return err
		}))
	})
}

// Whatever yt-dlp does, the bot says what happened and goes on.
func TestScenario25_YTDLP(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		chat, call := s.newChat("Friends")
		s.config.Limits.UserBurst = 100
		s.lookup = 10 * time.Second
		ann := chat.User("Ann")
		ask := func() string {
			t.Helper()
			return s.refused(chat, ann.Says("/play a song")).Text
		}
		s.start()
		require.Contains(t, ask(), "not installed")
		s.stop()
		s.pages = ytdlptest.New(t, "version=2023.03.04")
		s.start()
		require.Contains(t, ask(), ytdlp.MinVersion)
		s.stop()
		s.pages.Do(t, "true")
		s.start()

		s.pages.Do(t, `sleep 1000 & echo $! >"$here/child"; sleep 1000`)
		require.Contains(t, ask(), "too long")
		child, err := os.ReadFile(filepath.Join(s.pages.Dir(), "child"))
		require.NoError(t, err)
		require.False(t, alive(t, strings.TrimSpace(string(child))))
		s.stop()
		s.lookup = time.Minute // a busy machine is slow to pass so much on
		s.pages.Do(t, "true")
		s.start()

		s.pages.Do(t, "exec head -c 100000000 /dev/zero")
		require.Contains(t, ask(), "does not offer")
		s.pages.Do(t, `echo "ERROR: [youtube] x: Sign in to confirm you're not a bot" >&2; exit 1`)
		require.Contains(t, ask(), "cookies")

		found := `if [ $mode = lookup ]; then echo '{"_type":"playlist","entries":[{"_type":"url","url":"https://site.example/v","title":"Found"}]}'; else `
		secret := s.tones("Secret", 5*time.Second, 990)
		s.pages.Do(t, found+"echo "+secret+"; fi")
		ann.Says("/play a song")
		_, err = chat.AwaitMessage(s.ctx, "Found", "does not offer")
		require.NoError(t, err)
		s.pages.Do(t, found+`cp `+s.tones("Song", 5*time.Second, 440)+` "$paths/1.mp3"; echo "$paths/1.mp3"; fi`)
		ann.Says("/play a song")
		tones := s.heard(call, 1)
		require.Equal(t, []float64{440}, frequencies(tones, 440, 990))
	})
}

// alive reports whether a process runs. It may be a zombie until it is reaped.
func alive(t *testing.T, pid string) bool {
	t.Helper()
	n, err := strconv.Atoi(pid)
	require.NoError(t, err)
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ") && syscall.Kill(n, 0) == nil
}
