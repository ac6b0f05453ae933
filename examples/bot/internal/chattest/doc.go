// Package chattest provides the chats of a bot under test: a telegram.Messenger in a
// telegramtest.World, users who type commands and press buttons, and readers who see
// what the bot shows.
//
//	tg := chattest.New(world, world.NewBot("dj_bot"))
//	chat := tg.NewChat("Friends")
//	ann := chat.User("Ann")
//	ann.Replies(ann.Sends(chattest.File{Path: song}), "/play")
//	card, err := chat.AwaitCard(ctx, func(c chattest.Card) bool { return c.State == chattest.Playing })
//	ann.Presses(card.Message, "⏭")
//
// It refuses what Telegram refuses: texts that are empty or too long, entities out of
// range, too many buttons, edits of what others wrote or that change nothing, more than
// 20 messages and edits a minute. Content that no server would take, and a press of a
// button that is not answered within 10 s, is a violation of the World.
//
// Cards are read as a user does, from text and entities. Nothing of the bot is imported.
package chattest
