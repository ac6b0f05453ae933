// Package instances holds the state of one chat's call: its connection and its
// player.
//
// A call moves through these phases:
//
//	created --Connect--> connecting --up--> connected <--Rejoin, Connect--> rejoining
//	   |                     |                  |                               |
//	   +------ Stop ---------+-- failure/Stop --+-------------------------------+--> ended
//
// A Connect that its caller calls off goes back to where it began.
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
