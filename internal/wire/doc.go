// Package wire sends one RTP stream: frames become packets on a timeline, packets
// that the far end misses are sent again, and what the far end reports decides
// whether pictures still have room beside the sound.
//
// A [Sender] is one stream. The senders of a connection share a [Clock], a
// [Stamper], which every packet passes last, and a [Congestion], which judges the
// path from the feedback on those packets. [HandleRTCP] takes that feedback,
// [SenderReports] makes ours.
//
// The package opens no socket and starts no goroutine: packets leave through a
// [Writer], feedback arrives by calls. It knows pion's rtp and rtcp, and nothing
// of WebRTC or of Telegram.
package wire
