// Package bot is the music bot: it takes commands and presses of buttons, keeps a queue
// for each chat, plays it into the chat's call and shows it on one card.
//
//	Messenger -> Bot.handle: old, doubled, too many? -> chat: one goroutine for each
//	  chat -> command of the table -> may the user? -> queue, playback
//	       -> Resolver.Prepare, beside it -> file and source
//	       -> lane: what the assistant is to do, in order -> groupcall.Calls, gotgcall.Client
//	       -> speaker: cards and answers as they should be, within Telegram's limits
//	       -> store: queue, settings, place
//	  <- groupcall.Notice: a track has ended, the call is lost, an admin has muted
//
// A chat's goroutine never waits: whatever takes time runs beside it and posts what
// became of it to the chat's mailbox. What was begun for a track that is not the current
// one any longer is known by its attempt, and dropped.
//
// A track is idle, preparing, starting, waiting, playing or held; see phase. No event but
// /stop loses the queue or the position: what cannot be played now is held for /resume.
package bot
