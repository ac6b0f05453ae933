// Package receive takes the RTP that arrives in a call apart: it finds whose it is, puts
// it in order, measures how loud each speaker is, and hands the frames to a sink.
//
// RTP arrives on one goroutine, whoever many speak. That goroutine never waits: frames
// for the sink go into a queue of bounded length, which another goroutine empties.
package receive
