package models

import "time"

// Stats holds the counters of a call. They start at zero with CreateCall or StartRTMP
// and never decrease, not even over a Rejoin.
type Stats struct {
	// State is the state of the connection; Connecting before Connect too.
	State ConnState
	// ConnectedAt is when the connection came up, the latest one after a
	// Rejoin, and ConnectTime how long its Connect took. Both are zero before.
	ConnectedAt time.Time
	ConnectTime time.Duration

	// Tracks are those that OnStreamEnd is still to be called for: those of
	// the current source, or, inside OnStreamEnd, the others of the source
	// that has ended. There are none when nothing plays.
	Tracks []StreamType
	// Ending are the tracks that OnStreamEnd is still to be called for of the source
	// that it was called for last: none in the last call for a source.
	Ending []StreamType

	// Of an RTMP call, Video.Packets counts the pictures given to the encoder, five
	// a second while none changes, and Video.Bytes everything that was published,
	// sound too.
	Audio, Video StreamStats

	// Bandwidth is how many bits per second arrive at the server, by its
	// transport-wide feedback, which is read once pictures are sent; zero while there
	// is none.
	Bandwidth uint64
	// PicturesShed counts pictures that were dropped because the path to the
	// server was congested, or the encoder of an RTMP call too slow: sound goes
	// first.
	PicturesShed uint64
	// PicturesUnwatched counts pictures that were withheld because the server
	// reported that there were no viewers.
	PicturesUnwatched uint64

	// FramesLate counts frames written more than 20 ms after they were due.
	FramesLate uint64
	// ClockMoves counts how often playback was put off because a frame came
	// more than 200 ms late: the source or the machine was too slow.
	ClockMoves uint64
	// SourceRestarts counts how often a source was reopened: for a seek or another
	// sound, after its server had hung up, or with fewer pictures on a machine that was too
	// slow for them.
	SourceRestarts uint64
}

// StreamStats holds the counters of one SSRC, and the server's reports on it.
type StreamStats struct {
	SSRC uint32
	// Packets and Bytes are RTP sent, retransmissions not included. Bytes are
	// payload.
	Packets, Bytes uint64
	// Retransmitted is how many packets were sent again.
	Retransmitted uint64
	// Lost is the server's count of packets that never arrived, FractionLost their
	// share since the report before, from 0 to 1, and Jitter the variation of
	// their transit time (RFC 3550 section 6.4.1). Zero before the first report.
	Lost         int64
	FractionLost float64
	Jitter       time.Duration
	// RoundTrip is the time to the server and back; zero before it is known.
	RoundTrip time.Duration
}
