// Package peer is the WebRTC half of a call: it holds the identity that is
// announced before a connection exists, connects to the one server of the join
// answer, and sends frames as RTP.
//
// It is the only importer of pion/webrtc. No SDP of ours is ever read: the
// server's answer is applied as a synthesised remote offer, and what pion answers
// is already fixed by the Identity. Nothing is received: RTP of other
// participants is dropped where it arrives.
package peer
