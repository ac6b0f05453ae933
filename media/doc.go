// Package media describes what can be played: a file, a URL, a command. A Source is a
// description and costs nothing; Open starts what is behind it and returns a Stream of
// encoded frames with timestamps, Opus for audio and VP8 or H.264 for video, or of raw
// frames.
//
// The sources of this package are plain values. They are opened by the Opener of the
// [Env] that a Client opens a Source with, so outside of a Client they are only
// descriptions. Everything up to the Stream is untrusted input; see [FromFile],
// [FromURL] and [FromShell] for what each refuses.
//
// # Network
//
// http and https are fetched by this process, and handed to ffmpeg by a loopback
// address that cannot be guessed. Certificates are verified,
// for rtmps and rtsps too, unless Env.InsecureTLS is set. What a URL is, is decided
// once, by the server's answer:
//
//   - A file in ranges can be seeked, and is resumed at the byte where a connection
//     was cut, however long it was paused.
//   - A file without ranges plays once. A pause that its server does not outlast is
//     a loss, unless all of it had arrived. An MP4 with its index at its end cannot
//     be played so.
//   - A radio (icy headers, SHOUTcast or Icecast, without a length), rtmp, rtsp and
//     srt are live: opened again when they are lost. An rtmp or rtsp stream whose
//     length is known has an end.
//   - A live HLS or DASH playlist whose server is lost is asked for again in the same
//     way, and goes on without a segment that is not there. One that has an end ends
//     with an error where a segment is missing.
//   - A body without a length that says nothing of a radio is a file: its end is
//     the natural end if its framing was whole, and else a loss. One that breaks off
//     after 10 s or more in which it came only as fast as it plays is opened again,
//     unless it then begins as before.
//
// What is lost is asked for again for four fifths of the stall timeout. Then the
// stream ends with models.ErrFile and the server's words.
//
// Without Env.URLPolicy any address is connected to, those of the host's own
// networks included, and the errors tell a caller what was found there: refused,
// 404, no media. With one, each address is asked about before it is connected to,
// by whatever name, redirect or playlist it was reached, ffmpeg's own connections
// included. Proxies of the environment are used without a policy only. Commands of
// FromShell are outside of all this: their ffmpeg connects where it likes.
//
// The package does not pace, pause or send: that is the player's business.
package media
