// Package signaling is the server's side of phone.joinGroupCall: it decodes join payloads
// strictly, and encodes answers with the oddities of the production servers. All of it is
// pure functions, which share nothing with the library that they check.
package signaling
