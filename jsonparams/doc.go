// Package jsonparams encodes and decodes the JSON that Telegram's group-call
// signalling uses in place of SDP: the join payload that goes into
// phone.joinGroupCall, and the answer that comes back in
// updateGroupCallConnection.
//
// Everything here is a pure function. [Decode] treats its input as hostile: what
// it returns has been checked field by field and is safe to place in SDP.
package jsonparams
