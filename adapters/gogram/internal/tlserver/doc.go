// Package tlserver is a server of Telegram's protocol for tests: MTProto 2.0 over
// abridged TCP, with answers that a test scripts as maps.
//
// It shares no code with the client it serves. What a value looks like on the wire is
// read from the schema, so that a wrong flag of the client is seen as such. A session
// string carries the key, and no handshake is needed; for clients without a session
// there is one.
package tlserver
