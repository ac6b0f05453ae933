// Package netem is a UDP socket with a network in front of it that loses, delays,
// reorders, doubles and caps on demand, as Linux's netem does to an interface.
//
// It reports what it did to the RTP packets of a client, so that a judge does not blame
// the client for it. It reads no more of a datagram than its first two bytes.
package netem
