// Package remote is the far side of a benchmark, in another process: the servers of many
// calls, which connect by ICE, DTLS and SCTP, answer with the feedback of a server of
// Telegram, forward speakers, and note when packets arrive.
//
// It is no judge, as package sfu is: it takes what is RTP on trust and decrypts none of
// it, so that thousands of calls leave the machine to the library.
package remote
