// Package e2e holds the tests of the whole library: real ffmpeg, real sockets,
// the server of internal/sfu or nginx at the far end, and judges that decode
// what arrived. It has no code but tests.
package e2e
