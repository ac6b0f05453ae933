// Package gogramcalls plays into Telegram group calls with a gogram client.
//
//	calls, err := gogramcalls.New(tg, client)
//	...
//	err = calls.Play(ctx, chatID, gotgcall.FromFile("song.mp3", gotgcall.EncodeOptions{}))
//
// It needs a user account: Telegram lets no bots into calls. Package session logs one in.
//
// # Rooms
//
//	groupcall            the state of each chat: find, join, connect, come back, leave;
//	                     knows Telegram only by its interface Account, and no gogram
//	gogramcalls          Account by gogram: requests, answers, updates; downloads
//	  session            clients, logins, session files; knows no calls
//	  internal/safe      gogram's panics and the end of its connections
//	telegramtest         an Account for the tests of bots, with calls that are heard
//	tltest               a Telegram for gogram itself; internal/tlserver behind it
//
// In this package, requests.go sends a request: with a deadline, away from gogram's
// panics, and with an answer of the right type or an error. errors.go says what
// Telegram's errors mean. account.go is the Account, and calls.go, join.go and chat.go
// are its methods. updates.go turns what gogram reports into events, watch.go watches
// over the connection. download.go and lines.go download.
//
// # What happens to a request, and to an update
//
//	groupcall -> account.Join -> Call -> gogram -> Telegram
//	                  ^            ^ an answer, Telegram's error with its meaning, ctx's end
//	                  | the answer to a join, in what came back or within 3 s as an update
//
//	Telegram -> gogram, a goroutine for each update -> account.update
//	         -> events: bounded, older versions dropped -> Events -> groupcall
//
// # What gogram 1.7.1 cannot do, and what is done instead
//
//   - Its editGroupCallParticipant always sends every flag, with a volume of 0 that is
//     refused. The request is a type of this package (edit.go).
//   - The answer to its checkGroupCall cannot be decoded. Presence is asked for with
//     getGroupParticipants and the account itself.
//   - updatesCombined is dropped whole. Clients of package session hand it on; for
//     others, groupcall asks again every minute.
//   - Updates arrive in no order. Those of a list of participants have versions; what is
//     older than something seen says nothing of the account.
//   - After a reconnect or a new salt each request that waits is sent again, so a join
//     may be executed twice. The second finds its SSRC in use, and groupcall joins with
//     another one. Such a request also outlives its context in gogram: [Call] does not
//     wait for it.
//   - A reconnect takes 10 s, and a half-open connection is not noticed. Deadlines are
//     25 s, and [Watch] asks after 60 s of silence.
//   - Helpers such as GetMe and SendMessage panic on unusual answers, and guess what a
//     chat is from the digits of its id. Raw requests are used, and peers are built here.
//   - DownloadMedia writes where the sender's file name says, does not truncate, and two
//     of it may end the program. [Downloader] takes its place.
//   - NewClient asks on the terminal, writes the key to session.dat, and connects for
//     hours without a context. Package session does none of it.
//   - Its key exchange fails once in fifty times, for it drops leading zeros. It is tried
//     up to six times.
//   - Three goroutines of a client outlive it. One is ended by session.Close, which also
//     wakes the requests that would wait for a connection.
//   - It waits up to a quarter of an hour between two attempts to connect, and gives up
//     after some hours. [Watch] has it try once a minute.
//   - It races with itself when it connects again, and an answer that comes before the
//     request waits for it is lost. Nothing helps against that but to repeat; the tests
//     in which it connects again run without the race detector (reconnect_test.go).
package gogramcalls
