// Package ffmpeg finds out what an ffmpeg program is able to do, before a call
// depends on it.
package ffmpeg
