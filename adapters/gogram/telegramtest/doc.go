// Package telegramtest provides a Telegram for the tests of bots, as far as group calls
// go: users, chats, calls, and accounts that are in them.
//
// A bot gets a [World.Account] instead of a real one, and its calls are those of package
// sfutest: the test hears what is played.
//
//	world := telegramtest.New(t)
//	dj, ann := world.NewUser("DJ"), world.NewUser("Ann")
//	chat := world.NewChat("Friends", dj, ann)
//	call := chat.StartCall()
//	calls := groupcall.New(world.Account(dj), client)
//	go calls.Play(ctx, chat.ID(), song)
//	tones, err := call.Tones(ctx, dj, 1)
//
// The World enforces what Telegram enforces: an SSRC is used once, an account is in a
// call once, rights, bans, floods, calls that are over. It does so with the latency of a
// network, and in bad [Weather] if wanted: updates late, reordered, doubled or lost,
// answers slow or lost. Any request can be made to fail, see [World.Fail].
//
// What a bot must never do, such as to repeat a request before the end of the wait that
// Telegram demanded, is a [World.Violations] and fails the test.
//
// The World takes its time from package time. Made with [WithoutMedia] it opens no
// socket and can live in a bubble of testing/synctest.
package telegramtest
