// Package groupcall keeps a user account in the group calls of its chats: it finds,
// joins and connects, shows in Telegram what plays, and comes back with the place kept
// after a loss. It knows Telegram only by the interface [Account].
//
//	calls := groupcall.New(account, client)
//	defer calls.Close()
//	calls.OnNotice(func(n groupcall.Notice) { fmt.Println(n.Chat(), n.Words()) })
//	err := calls.Play(ctx, chatID, gotgcall.FromFile("song.mp3", gotgcall.EncodeOptions{}))
//
// What is not about being in the call is the [gotgcall.Client]'s: SeekTo, Position,
// Mute and the like. Its flags are mirrored to Telegram. [Calls.Pause] is to be
// preferred to its Pause, as Calls pause as well.
//
// # How it works
//
// [Calls] has a chat for each chat in which something is wanted. A chat is a queue of
// functions that run one after another, so its fields need no lock. A function notes
// what happened: a Play or Leave, an [Event] of the account, a callback of the Client,
// the answer to a request, a time that has come. After each of them step decides from
// what is wanted and what is known, whatever came first; so it does not matter that
// events of Telegram are late, doubled, out of order or missing. An event that would
// end something, such as a removal, is asked about before it is believed. What was
// missed is found by asking: every minute in a call, every 4 s while the connection is
// silent, every 30 s while a call is waited for, and when the account's connection was
// interrupted.
//
// Requests run beside the queue, one at a time for the state. When a chat turns to
// something else, the answer still to come belongs to an older generation and is
// dropped. A source is opened beside all of that, from the moment at which the Client
// has a call to open it in.
//
// # States
//
// A state leads to these and no others:
//
//	Out        -> Resolving
//	Resolving  -> Out Joining Connecting Parked
//	Joining    -> Out Resolving Connecting Parked Leaving
//	Connecting -> Out Resolving Joining In Parked Leaving
//	In         -> Out Muted Recovering Parked Leaving
//	Muted      -> Out In Recovering Parked Leaving
//	Recovering -> Out Joining In Parked Leaving
//	Parked     -> Out Resolving
//	Leaving    -> Out
//
// The way in, and back:
//
//	     Play            call           answer             up
//	Out -----> Resolving -----> Joining -------> Connecting ----> In <----> Muted
//	             |  ^            ^ ^ |               |             |          |
//	 no call, or |  | call, or   | | |    not up     |             +----+-----+
//	       flood v  | time       | +-|---------------+                  | silent, lost,
//	            Parked <---------|---+ flood                            v removed
//	              ^              +------ with the place kept ------ Recovering
//	              |
//	              +------ the call has ended ------ In, Muted, Recovering
//
//	Resolving   asks for the chat's call, starts one, has the account invited
//	Joining     joins; tries again what may help, by the error (see remedy.go)
//	Connecting  connects; a live stream is published, and was not joined
//	In          checks, counts listeners, mirrors the flags (mirror.go)
//	Muted       an admin has muted the account: the source is paused
//	Recovering  the connection is silent, lost, or the account removed: asks what is
//	            true, and joins again with the place kept
//	Parked      keeps what is wanted until a call begins, or a flood is over
//	Leaving     has stopped the library's call, and tells Telegram
//
// Leave leads from every state to Out, and so does an error that nothing helps against;
// from In, Muted and Recovering the end of the call leads to Parked, from where the
// source goes on in the chat's next call.
//
// # Files
//
// calls.go is the public face, chat.go the queue and step. find.go, join.go, stay.go,
// recover.go and leave.go have the states in the order of a call's life; source.go
// opens what is played, pause.go holds it, mirror.go keeps the flags, live.go publishes.
// remedy.go is the table of errors, limiter.go keeps to Telegram's limits, events.go
// takes in what happens.
package groupcall
