// Package gotgcall streams audio and video into Telegram group calls. It is pure
// Go: pion speaks WebRTC, and the ffmpeg program encodes.
//
// # Two halves
//
// The library never speaks MTProto. Two strings are the whole protocol between it
// and a bot's Telegram client (such as gogram): CreateCall gives the JSON for
// phone.joinGroupCall, Connect takes the JSON that comes back in
// updateGroupCallConnection.
//
//	client, err := gotgcall.New()
//	params, err := client.CreateCall(chatID)
//	answer := join(params) // phone.joinGroupCall, by the bot
//	err = client.Connect(chatID, answer)
//	err = client.SetStreamSources(chatID, gotgcall.FromFile("song.mp3", gotgcall.EncodeOptions{}))
//
// Only a user account can join a call; Telegram lets no bot account in.
//
// # Who owns what
//
// A Client owns its calls, one for each chat; a call owns its connection and what
// it plays. Stop ends a call and Close ends the Client, whatever they are busy
// with, and both leave nothing behind. Callbacks run one at a time, in order, and
// may call any method.
//
// Telegram does not see Pause, Resume, Mute and Unmute by itself: OnUpgrade tells
// the bot what to show there.
//
// # Not supported
//
// Nothing is received. There is no screen sharing and no 1:1 call. An answer for a
// call without a WebRTC transport is refused with ErrUnsupportedCallMode: such a
// call is published with StartRTMP.
//
// # Untrusted input
//
// What comes from a chat can be passed on as it is to FromFile, which takes a name
// for nothing but a file's name. FromURL reads no local file whatever it is served,
// but it connects to whatever address it is given or sent to, those of the host's
// own networks included, and its errors say what it found there. A bot that plays
// URLs from a chat wants WithURLPolicy(PublicOnly), or runs where there is nothing
// to reach. FromShell involves no shell, but runs the program it is told to: do not
// build its command from a chat's words.
package gotgcall
