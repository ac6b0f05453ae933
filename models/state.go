package models

import "strconv"

// ConnState is the state of a call's connection.
type ConnState int

// The states of a connection. The first five keep the order bots know.
const (
	// Connecting: Connect is running.
	Connecting ConnState = iota
	// Connected: media flows, or would if there were any. Also reported when
	// a Disconnected connection recovers, or a Rejoin fails while the old
	// connection lives.
	Connected
	// Failed: the connection is lost for good and the call is over.
	Failed
	// Closed: Stop or Close ended the call.
	Closed
	// Timeout: the connection was not up in time, or no Connect came for ten
	// minutes, and the call is over.
	Timeout
	// Disconnected: the server has been silent for a while, or the call waits
	// for another Connect. The call lives, and Connected, Connecting or a final
	// state follows. While the server is silent playback goes on.
	Disconnected
)

// String returns the state in lower case.
func (s ConnState) String() string {
	switch s {
	case Connecting:
		return "connecting"
	case Connected:
		return "connected"
	case Failed:
		return "failed"
	case Closed:
		return "closed"
	case Timeout:
		return "timeout"
	case Disconnected:
		return "disconnected"
	}
	return "ConnState(" + strconv.Itoa(int(s)) + ")"
}

// NetworkInfo is a state of a connection and its reason.
type NetworkInfo struct {
	State ConnState
	// Err is the reason for Disconnected, Failed and Timeout, and nil for the
	// other states. When the call is over it wraps a sentinel such as
	// [ErrConnectionFailed], to be tested with errors.Is.
	Err error
}

// StreamType is the kind of a track.
type StreamType int

// The stream types.
const (
	Audio StreamType = iota
	Video
)

// String returns the type in lower case.
func (t StreamType) String() string {
	switch t {
	case Audio:
		return "audio"
	case Video:
		return "video"
	}
	return "StreamType(" + strconv.Itoa(int(t)) + ")"
}

// Device is the participant's device as which a track appears: audio as the
// microphone, video as the camera.
type Device int

// The devices.
const (
	Microphone Device = iota
	Camera
)

// String returns the device in lower case.
func (d Device) String() string {
	switch d {
	case Microphone:
		return "microphone"
	case Camera:
		return "camera"
	}
	return "Device(" + strconv.Itoa(int(d)) + ")"
}

// MediaState holds the flags that a bot mirrors to Telegram with
// phone.editGroupCallParticipant.
type MediaState struct {
	// Muted: Mute is in force.
	Muted bool
	// Paused: Pause is in force.
	Paused bool
	// VideoStopped: no picture is being sent, because no source is set or
	// the source has none.
	VideoStopped bool
	// PresentationPaused is always true: this library shares no screen.
	PresentationPaused bool
}

// CallInfo is one entry of Client.Calls.
type CallInfo struct {
	// CaptureTimeMs is the position in the current source in milliseconds, as
	// Client.Time returns it.
	CaptureTimeMs uint64
}
