// Package wire sends RTP streams: frames become packets on a timeline, lost packets
// are retransmitted, and while the path is congested pictures make room for the
// sound.
//
// A [Sender] is one stream. The senders of a connection share a [Clock], a
// [Stamper], which every packet passes last, and a [Congestion], which estimates the
// bandwidth of the path from the feedback on those packets. [HandleRTCP] reads the
// server's feedback, [SenderReports] returns our reports.
//
// The package opens no socket and starts no goroutine: packets leave through a
// [Writer], feedback arrives by calls. It knows pion's rtp and rtcp, and nothing
// of WebRTC or of Telegram.
package wire
