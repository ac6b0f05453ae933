// Package sfu is a Telegram-like selective forwarding unit in one process: the far end
// that this module's tests and its demo join instead of Telegram. Package sfutest is its
// public face.
//
// It is an oracle, not a convenience. It decodes the join strictly, answers with the
// oddities of the production servers (package signaling), and lists every rule of the
// wire that a client breaks ([Participant.Violations], package oracle). It shares no code
// and no wire structs with the rest of the library, so that a wrong tag cannot be wrong
// on both sides.
//
// Between it and each client lies a network that loses, delays, reorders, doubles and
// caps on demand (package netem), for which the client is not blamed. Browsers may hear
// and see the participants ([SFU.Listen], package listen).
//
// It speaks ICE, DTLS, SRTP and SCTP over UDP on loopback addresses. It is not a server
// for strangers: there is no TURN, no congestion control and no authentication beyond
// the one ICE and DTLS bring.
//
//	s, err := sfu.New(sfu.Config{})
//	answer, err := s.Join(ctx, joinPayload) // what phone.joinGroupCall does
//	p := s.Participant(audioSSRC)
//	<-p.Connected()
//	for _, v := range p.Violations() { … }
//	err = s.Close()
package sfu
