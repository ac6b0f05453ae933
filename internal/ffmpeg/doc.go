// Package ffmpeg is the only place that knows ffmpeg: its command lines, which are pure
// functions, the running encoder, what it says on standard error, and what a build of it
// is able to do.
//
// An [Encoding] or a command of FromShell makes a [Job], and [Open] runs it: an [Encoder]
// is a media.Stream. Where an input comes from, and what is done when it is lost, is the
// business of the caller.
package ffmpeg
