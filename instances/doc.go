// Package instances holds a chat's call: a player, and the line that carries what it
// plays. Its API is for package gotgcall alone and changes without notice.
//
// A [Call] is one state machine with one way to end; group.go and rtmp.go each add a
// line to it. The player lives as long as the call: it takes sources in every phase
// but the last, opens them beside what is playing, and starts a source when there is
// a connection to play into.
//
// # Phases
//
// A phase leads to these and no others:
//
//	restoring   -> created ended
//	created     -> created connecting ended
//	connecting  -> created connected ended
//	connected   -> rejoinAsked retrying ended
//	rejoinAsked -> rejoinAsked rejoining ended
//	rejoining   -> connected rejoinAsked ended
//	idle        -> connecting ended
//	retrying    -> connected ended
//
// A WebRTC call:
//
//	restoring --reopened--> created --Connect--> connecting --up--> connected
//
//	connected --Rejoin--> rejoinAsked --Connect--> rejoining --up--> connected
//
// A Connect whose caller gives up goes back to created or rejoinAsked; a rejoin that
// fails while the old connection lives goes back to connected. Stop leads from every
// phase to ended, and so does
//
//	restoring    a source of the lost call that cannot be opened
//	created      no Connect for ten minutes
//	connecting   a Connect that fails
//	connected    the loss of the connection
//	rejoinAsked  the loss of the connection, and no Connect in time
//	rejoining    the loss of the connection, and a Connect that fails
//
// A call that was connected once leaves what a rejoin needs, unless Stop or Close
// ended it; so does one that was to go on with such a call, with the time of the
// first loss.
//
// An RTMP call:
//
//	idle --first source--> connecting --up--> connected <--> retrying
//
// It ends by Stop, and from connecting and retrying when the time for retries is
// over.
package instances
