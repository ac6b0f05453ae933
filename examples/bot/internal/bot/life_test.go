package bot

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/examples/bot/internal/chattest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/queue"
)

func queueLimits(all, perUser int) queue.Limits { return queue.Limits{Entries: all, PerUser: perUser} }

func TestARestartGoesOn(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.says("/play a,b,c")
		r.says("/loop queue")
		r.says("/settings rights everyone")
		r.after(47 * time.Second)
		at := r.look().at
		began := time.Now()
		r.stop()
		require.LessOrEqual(t, time.Since(began), 5*time.Second)
		require.False(t, r.look().in)

		r.start(Config{})
		r.after(3 * time.Second)
		require.Equal(t, "a", r.look().now.title)
		require.InDelta(t, at.Seconds(), r.look().at.Seconds(), 3)
		require.Equal(t, "a", r.card().Title)
		require.Equal(t, 2, r.card().InQueue)
		require.Contains(t, r.card().Message.Text, "repeats the queue")
		r.said(r.chat.User("Bob"), "/skip")
		require.Equal(t, "b", r.look().now.title)
	})
}

func TestWhatWasPausedOrStoppedStaysSo(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.says("/play a,b")
		r.after(5 * time.Second)
		r.says("/pause")
		r.stop()
		r.start(Config{})
		r.after(time.Minute)
		require.Empty(t, r.heard())
		r.says("/resume")
		r.after(2 * time.Second)
		require.Equal(t, []string{"a"}, r.heard())
		require.Greater(t, r.look().at, 4*time.Second)
		r.says("/stop")
		r.stop()
		r.start(Config{})
		r.after(time.Minute)
		require.Empty(t, r.heard())
		r.says("/queue")
		require.Contains(t, r.last().Text, "The queue is empty")
	})
}

func TestPositionIsWrittenEveryTenSeconds(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.says("/play a")
		r.after(60 * time.Second)
		p, err := loadPlace(r.bot.cfg.Store, r.chat.ID())
		require.NoError(t, err)
		require.True(t, p.Playing)
		require.Less(t, r.look().at-p.At, 10*time.Second)
		require.NotZero(t, p.Card)
	})
}

func TestAGroupThatMovesTakesItsQueueAlong(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.chat = r.tg.NewBasicGroup("Old friends")
		r.says("/play a,b")
		r.after(5 * time.Second)
		old := r.chat.ID()
		to := r.chat.Migrate()
		require.NotEqual(t, old, to.ID())
		r.stage.mu.Lock() // as groupcall does
		r.stage.shows[to.ID()] = r.stage.shows[old]
		r.stage.mu.Unlock()
		r.stage.notify(groupcall.Moved{InChat: groupcall.InChat(old), To: to.ID(), Plays: true})
		r.chat = to
		r.after(3 * time.Second)
		require.Equal(t, "a", r.card().Title)
		r.says("/queue")
		require.Contains(t, r.last().Text, "1. b")
		r.says("/skip")
		r.after(time.Second)
		require.Equal(t, "b", r.look().now.title)
		ids, err := r.bot.cfg.Store.Chats()
		require.NoError(t, err)
		require.NotContains(t, ids, old)
	})
}

func TestACommandBeforeTheNewsOfAMoveIsNotLost(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.chat = r.tg.NewBasicGroup("Old friends")
		r.says("/play a")
		r.after(time.Second)
		old, other := r.chat.ID(), r.tg.NewChat("the same")
		r.chat = other
		r.stage.setNone(true)
		r.says("/play b")
		r.stage.setNone(false)
		r.bot.move(old, other.ID())
		r.after(2 * time.Second)
		r.says("/queue")
		require.Contains(t, r.last().Text, "1. b")
		require.Contains(t, r.last().Text, "▶︎ a")
	})
}

func TestAChatThatIsLostIsLeftInPeace(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.says("/play a,b")
		r.after(2 * time.Second)
		other := r.tg.NewChat("Others")
		other.User("Bob").Says("/play c")
		r.after(2 * time.Second)
		bot, _ := r.tg.World.User(r.bot.me)
		r.chat.Remove(bot)
		r.after(2 * time.Second)
		said := len(r.chat.Said())
		require.False(t, r.look().in)
		require.True(t, r.stage.look(other.ID()).in)
		r.after(30 * time.Minute)
		require.Len(t, r.chat.Said(), said)

		r.chat.Add(bot)
		r.says("/queue")
		require.Contains(t, r.last().Text, "1. b", "the queue is kept for an hour")
		r.chat.Remove(bot)
		r.after(62 * time.Minute)
		r.chat.Add(bot)
		r.says("/queue")
		require.Contains(t, r.last().Text, "The queue is empty")
	})
}

func TestAnIdleChatIsPutOutOfMemory(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		for i := range 50 {
			r.tg.NewChat(fmt.Sprint("chat ", i)).User("Ann").Says("/now")
			r.after(3 * time.Second)
		}
		r.bot.mu.Lock()
		many := len(r.bot.chats)
		r.bot.mu.Unlock()
		require.Equal(t, 50, many)
		r.after(25 * time.Minute)
		r.bot.mu.Lock()
		few := len(r.bot.chats)
		r.bot.mu.Unlock()
		require.Zero(t, few)
	})
}

func TestTheLeastLoadedAssistantPlaysAndIsKept(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		second := newStage()
		second.notify = func(n groupcall.Notice) { r.bot.notice(2, n) }
		r.bot.mu.Lock()
		r.bot.assistants = append(r.bot.assistants, &assistant{user: groupcall.User{ID: 2}, calls: second, media: second})
		r.bot.mu.Unlock()
		r.says("/play a,b,c")
		r.after(2 * time.Second)
		first := r.chat
		r.chat = r.tg.NewChat("Others")
		r.says("/play x,y")
		r.after(2 * time.Second)
		require.Equal(t, []string{"x"}, second.heard(r.chat.ID()))
		r.says("/skip")
		r.after(2 * time.Second)
		require.Equal(t, []string{"x", "y"}, second.heard(r.chat.ID()))

		r.stage.notify(groupcall.AccountLost{Err: groupcall.ErrAccountDead})
		r.stage.notify(groupcall.Left{InChat: groupcall.InChat(first.ID()), Err: groupcall.ErrAccountDead, At: 5 * time.Second})
		r.after(3 * time.Second)
		require.Equal(t, []string{"a"}, second.heard(first.ID()))
		second.notify(groupcall.AccountLost{Err: groupcall.ErrFrozen})
		second.notify(groupcall.Left{InChat: groupcall.InChat(first.ID()), Err: groupcall.ErrFrozen})
		r.after(2 * time.Second)
		card, _ := first.Card()
		require.Equal(t, chattest.Paused, card.State)
		require.Contains(t, card.Message.Text, "Telegram has frozen my account")
	})
}
