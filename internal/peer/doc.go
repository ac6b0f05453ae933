// Package peer is the WebRTC half of a call: it holds the identity that is
// announced before a connection exists, connects to the one server of the join
// answer, and gives the RTP of package wire a transport.
//
// It is the only importer of pion/webrtc in what ships. No SDP of ours is ever
// read: the server's answer is applied as a synthesised remote offer, and what pion
// answers is already fixed by the [Identity]. Nothing is received: RTP of other
// participants is dropped at the socket.
//
// To be read in this order: identity.go, what is announced; conn.go, [Dial] to
// [Conn.Close]; route.go, network.go, sockets.go, socket.go, batch.go, filter.go,
// settings.go and offer.go, what a connection is made of; state.go, how its end is
// noticed; track.go, outbound.go, inbound.go and channel.go, what flows over it.
package peer
