// Package source opens what package media describes: a description becomes a Stream.
// A file is read by ffmpeg, http and https are fetched by this process (internal/fetch)
// and other protocols are spoken by ffmpeg; a lost live input is opened again, and an
// encoder that is too slow is given less to do.
//
// All input is untrusted except commands, which are the program's own. A stream is
// neither paced nor sent here.
package source
