// Package media turns what a user names (a file, a URL, a command) into encoded
// frames with timestamps: Opus for audio, VP8 for video.
//
// A Source is a description and costs nothing; Open starts the one ffmpeg (or
// the commands) behind it and returns a Stream of frames. Everything up to the
// Stream is untrusted input; see FromFile, FromURL and FromShell for what each
// refuses.
//
// The package does not pace, pause or send: that is the player's business.
package media
