// Package gotgcall streams audio and video into Telegram group calls. It is pure
// Go: pion speaks WebRTC, and the ffmpeg program encodes.
//
// # Two halves
//
// The library never speaks MTProto. Two strings are the whole protocol between it
// and a bot's Telegram client (such as gogram): [Client.CreateCall] returns the JSON
// for phone.joinGroupCall, and [Client.Connect] takes the JSON that comes back in
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
// A [Client] owns its calls, one for each chat; a call owns its connection and what
// it plays. [Client.Stop] ends a call and [Client.Close] ends the Client in whatever
// state they are, and both leave nothing behind.
//
// Encoders are child processes at a lower priority than this one: nicer by 5 and, on
// Linux, batch jobs, which preempt nothing; below normal on Windows. They are seconds
// ahead, while the packets to be sent are due.
//
// Telegram does not see Pause, Resume, Mute and Unmute: [Client.OnUpgrade] reports
// what the bot has to show there.
//
// # Errors
//
// An error begins with the verb that failed and wraps a sentinel of this package, to
// be tested with errors.Is. Where ffmpeg diagnosed the failure, errors.As finds an
// [FFmpegError] with its words. Methods fail with [ErrClosed] after Close and with
// [ErrConnectionNotFound] for a chat without a call. Every other error leaves the call
// as it was, except that of [Client.Connect], which can end it.
//
// # Concurrency
//
// All methods may be called from any goroutine. Those that wait have a variant with a
// context: [Client.ConnectContext], [Client.RejoinContext],
// [Client.SetStreamSourcesContext], [Client.SetNextSourceContext],
// [Client.SeekToContext], [Client.SetSoundContext]. [Client.Stop] interrupts all of them. Callbacks run one at a time, in order, on one goroutine for all chats,
// and may call any method; a slow one delays the others.
//
// # Compatibility
//
// The names of gotgcall 0.5 keep their meaning, and a bot that compiled goes on to
// compile. CHANGELOG.md names every later change of an exported symbol, and MIGRATION.md
// the replacements for the additions of version 0.8. Package instances is for this
// package alone and changes without notice.
//
// # Not supported
//
// Pictures are not received. There is no screen sharing and no 1:1 call. Connect fails with
// [ErrUnsupportedCallMode] for a call without a WebRTC transport: [Client.StartRTMP]
// publishes into such a call.
//
// # Receiving
//
// [Client.SetStreamSinks] receives what the others say: [ToFiles] records each speaker and
// [ToFunc] gives each packet to a function, both without decoding, and [ToPCM] decodes.
// [Client.SetParticipants] says whose stream an SSRC is, which [Client.OnUnknownSSRC] asks
// for, and [Client.OnSpeaking] reports who is heard. In a call without a sink nothing is
// received.
//
// # Untrusted input
//
// Text from a chat can be passed to [FromFile], which takes a name for nothing but a
// file's name. [FromURL] never reads a local file, but it connects to any address that
// it is given or redirected to, including those of the host's own networks, and its
// errors describe what it found there. A bot that plays URLs from a chat uses
// [WithURLPolicy] with [PublicOnly], or runs in a network where there is nothing to
// reach. [FromShell] involves no shell, but runs the program that it is given: do not
// build its command from the text of a chat.
package gotgcall
