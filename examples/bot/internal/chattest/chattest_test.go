package chattest_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/chattest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
)

// inTelegram runs a test in virtual time, in a World that does not mind violations.
func inTelegram(t *testing.T, test func(t *testing.T, tg *chattest.Telegram, chat *chattest.Chat), opts ...telegramtest.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		world := telegramtest.Start(append(opts, telegramtest.WithoutMedia())...)
		defer world.Close()
		tg := chattest.New(world, world.NewBot("dj_bot"))
		test(t, tg, tg.NewChat("Friends"))
	})
}

// listen collects the updates that a session gets until the bubble is idle.
func listen(t *testing.T, s *chattest.Session, within time.Duration) []telegram.Update {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	var all []telegram.Update
	require.ErrorIs(t, s.Listen(ctx, func(u telegram.Update) { all = append(all, u) }), context.DeadlineExceeded)
	return all
}

func TestCommandsAndPressesReachTheBot(t *testing.T) {
	t.Parallel()
	inTelegram(t, func(t *testing.T, tg *chattest.Telegram, chat *chattest.Chat) {
		bot, ann := tg.Session(), chat.User("Ann")
		song := ann.Sends(chattest.File{Path: "/dev/null", Name: "song.mp3", Title: "Song"})
		ann.Says("hello")
		play := ann.Replies(song, "/play")
		id, err := bot.Send(t.Context(), telegram.Place{Chat: chat.ID()}, telegram.Message{
			Text: "▶ Song", Buttons: [][]telegram.Button{{{Text: "⏭", Data: "skip"}}},
		})
		require.NoError(t, err)
		shown, err := chat.AwaitMessage(t.Context(), "song")
		require.NoError(t, err)
		require.Equal(t, id, shown.ID)
		ann.Presses(shown, "⏭")
		updates := listen(t, bot, time.Second)
		require.Len(t, updates, 2)
		command := updates[0].(telegram.Command)
		require.Equal(t, "/play", command.Text)
		require.Equal(t, play.ID, command.ReplyTo)
		require.Equal(t, song.ID, command.Reply.Message)
		require.Equal(t, "Song", command.ReplyInfo.Title)
		press := updates[1].(telegram.Press)
		require.Equal(t, "skip", press.Data)
		require.Equal(t, ann.ID, press.From.ID)
		require.NoError(t, bot.Answer(t.Context(), press.Query, "skipped", false))
		<-time.After(20 * time.Second)
		require.Empty(t, tg.World.Violations())
	})
}

func TestAPressWithoutAnAnswerIsAViolation(t *testing.T) {
	t.Parallel()
	inTelegram(t, func(t *testing.T, tg *chattest.Telegram, chat *chattest.Chat) {
		bot := tg.Session()
		_, err := bot.Send(t.Context(), telegram.Place{Chat: chat.ID()}, telegram.Message{
			Text: "a", Buttons: [][]telegram.Button{{{Text: "b", Data: "c"}}},
		})
		require.NoError(t, err)
		chat.User("Ann").Presses(chat.Said()[0], "b")
		<-time.After(11 * time.Second)
		require.Len(t, tg.World.Violations(), 1)
	})
}

func TestWhatTelegramRefusesIsRefused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 4097)
	bold := func(offset, length int) []telegram.Entity {
		return []telegram.Entity{{Kind: telegram.Bold, Offset: offset, Length: length}}
	}
	for name, m := range map[string]telegram.Message{
		"empty":          {},
		"blank":          {Text: " \n"},
		"too long":       {Text: long},
		"emoji too long": {Text: strings.Repeat("🎧", 2049)},
		"beyond the end": {Text: "abc", Entities: bold(1, 3)},
		"empty entity":   {Text: "abc", Entities: bold(1, 0)},
		"half an emoji":  {Text: "🎧", Entities: bold(0, 1)},
		"crossing":       {Text: "abcdef", Entities: append(bold(0, 3), bold(2, 3)...)},
		"bad link":       {Text: "abc", Entities: []telegram.Entity{{Kind: telegram.Link, Length: 3, URL: "file:///etc/passwd"}}},
		"long data":      {Text: "a", Buttons: [][]telegram.Button{{{Text: "a", Data: long[:65]}}}},
		"no data":        {Text: "a", Buttons: [][]telegram.Button{{{Text: "a"}}}},
		"not UTF-8":      {Text: "a\xff"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inTelegram(t, func(t *testing.T, tg *chattest.Telegram, chat *chattest.Chat) {
				_, err := tg.Session().Send(t.Context(), telegram.Place{Chat: chat.ID()}, m)
				require.Error(t, err)
				require.Len(t, tg.World.Violations(), 1)
			})
		})
	}
}

func TestAnEditOfNothingAndOfSomebodyElseFails(t *testing.T) {
	t.Parallel()
	inTelegram(t, func(t *testing.T, tg *chattest.Telegram, chat *chattest.Chat) {
		bot := tg.Session()
		id, err := bot.Send(t.Context(), telegram.Place{Chat: chat.ID()}, telegram.Plain("a"))
		require.NoError(t, err)
		require.ErrorIs(t, bot.Edit(t.Context(), chat.ID(), id, telegram.Plain("a")), groupcall.ErrNotModified)
		require.NoError(t, bot.Edit(t.Context(), chat.ID(), id, telegram.Plain("b")))
		require.NoError(t, bot.Delete(t.Context(), chat.ID(), id))
		require.ErrorIs(t, bot.Edit(t.Context(), chat.ID(), id, telegram.Plain("c")), telegram.ErrGone)
		theirs := chat.User("Ann").Says("hello")
		require.ErrorIs(t, bot.Edit(t.Context(), chat.ID(), theirs.ID, telegram.Plain("c")), groupcall.ErrNotAllowed)
		require.Len(t, tg.World.Violations(), 1)
	})
}

func TestMoreThanTwentyMessagesAMinuteAreAFlood(t *testing.T) {
	t.Parallel()
	inTelegram(t, func(t *testing.T, tg *chattest.Telegram, chat *chattest.Chat) {
		bot := tg.Session()
		for range 20 {
			_, err := bot.Send(t.Context(), telegram.Place{Chat: chat.ID()}, telegram.Plain("a"))
			require.NoError(t, err)
		}
		_, err := bot.Send(t.Context(), telegram.Place{Chat: chat.ID()}, telegram.Plain("a"))
		var flood *groupcall.Flood
		require.ErrorAs(t, err, &flood)
		require.Len(t, tg.World.Violations(), 1)
		_, err = bot.Send(t.Context(), telegram.Place{Chat: tg.NewChat("Others").ID()}, telegram.Plain("a"))
		require.NoError(t, err)
		<-time.After(flood.Wait)
		_, err = bot.Send(t.Context(), telegram.Place{Chat: chat.ID()}, telegram.Plain("a"))
		require.NoError(t, err)
	})
}

func TestADownloadIsTheFileAndNothingElse(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a")
	want := []byte(strings.Repeat("0123456789", 50_000))
	require.NoError(t, os.WriteFile(path, want, 0o600))
	inTelegram(t, func(t *testing.T, tg *chattest.Telegram, chat *chattest.Chat) {
		bot, ann := tg.Session(), chat.User("Ann")
		ann.Replies(ann.Sends(chattest.File{Path: path, Rate: 100_000}), "/play")
		media := listen(t, bot, time.Second)[0].(telegram.Command).Reply
		to, err := os.CreateTemp(t.TempDir(), "")
		require.NoError(t, err)
		defer to.Close()
		require.NoError(t, os.WriteFile(to.Name(), make([]byte, len(want)+5), 0o600))
		var seen []int64
		began := time.Now()
		require.NoError(t, bot.Download(t.Context(), *media, to, func(done, total int64) {
			require.Equal(t, int64(len(want)), total)
			seen = append(seen, done)
		}))
		require.InDelta(t, 5, time.Since(began).Seconds(), 0.1)
		require.Len(t, seen, 25)
		got, err := os.ReadFile(to.Name())
		require.NoError(t, err)
		require.Equal(t, want, got)

		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		require.ErrorIs(t, bot.Download(ctx, *media, to, nil), context.DeadlineExceeded)
		require.Error(t, tg.Downloads()[1].Err)
	})
}

func TestInAStormNoMessageIsLostThoughSomeComeTwice(t *testing.T) {
	t.Parallel()
	inTelegram(t, func(t *testing.T, tg *chattest.Telegram, chat *chattest.Chat) {
		bot, ann := tg.Session(), chat.User("Ann")
		ids := map[int]int{}
		for range 200 {
			ids[ann.Says("/skip").ID] = 0
		}
		for _, u := range listen(t, bot, time.Minute) {
			ids[u.(telegram.Command).ReplyTo]++
		}
		twice := 0
		for id, n := range ids {
			require.NotZero(t, n, "message %d", id)
			twice += n - 1
		}
		require.NotZero(t, twice)
	}, telegramtest.WithWeather(telegramtest.Storm))
}
