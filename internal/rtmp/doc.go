// Package rtmp publishes raw pictures and sound at an RTMP server. One ffmpeg
// encodes them to H.264 and AAC for as long as the [Publisher] lives; this package
// publishes the output, so that a lost connection costs no encoder and
// the stream key stays in this process.
//
//	compositor -> Matroska -> ffmpeg -> FLV -> encoder -> conn -> server
package rtmp
