// Package rtmp publishes raw pictures and sound at an RTMP server, by one ffmpeg
// that encodes them to H.264 and AAC.
package rtmp
