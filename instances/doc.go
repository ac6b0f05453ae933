// Package instances holds the state of one chat's call: its connection and its
// player.
//
// A WebRTC call moves through these phases:
//
//	restoring --opened--> created --Connect--> connecting --up--> connected
//
//	connected --Rejoin--> rejoinAsked --Connect--> rejoining --up--> connected
//
// Every phase leads to ended, by Stop, and:
//
//	restoring    when the source of the lost call cannot be opened
//	created      when no Connect comes within ten minutes
//	connecting   when the Connect fails
//	connected    when the connection is lost
//	rejoinAsked  when the connection is lost and no Connect comes in time
//	rejoining    when the connection is lost and the Connect fails
//
// A Connect that its caller calls off goes back to created or rejoinAsked; a rejoin
// that fails while the old connection lives goes back to connected. A call that was
// connected once leaves what a rejoin needs, unless Stop or Close ended it; so does
// one that was to go on with such a call, with the time of the first loss.
//
// An RTMP call has other phases, as its connection is its own affair:
//
//	idle --first source--> publishing <--> trying again --retries over--> ended
//	  |                        |                |                           |
//	  +--------- Stop ---------+----------------+---------------------------+
//
// The player lives as long as the call. It takes sources in every phase but the
// last, opens them beside what is playing, and starts a source when there is a
// connection to play into.
package instances
