// Package sfutest provides a Telegram-like call server for the tests of bots, as
// net/http/httptest provides an HTTP server.
//
// A bot joins a [Server] instead of Telegram: [Server.Join] takes the place of
// phone.joinGroupCall. The test then asks the [Participant] which tones were heard
// and which pictures were seen, drops it, or makes its network worse.
//
//	server := sfutest.NewServer(t)
//	bot := NewBot(server.Join)
//	go bot.Play("song.mp3")
//	p, err := server.Accept(ctx)
//	tones, err := p.Tones(ctx, 2)
//
// The server is an oracle: it checks every datagram against the rules of the
// production servers and lists what a client breaks in [Participant.Violations]. It
// speaks ICE, DTLS, SRTP and SCTP over UDP on loopback, and is not meant for
// strangers: there is no TURN and no access control.
//
// Only tests should import this package. It decodes Opus with github.com/pion/opus,
// which then becomes part of the test binary, though never of the bot.
package sfutest
