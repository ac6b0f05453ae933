package models

// Participant is another participant of a call, as phone.getGroupParticipants describes
// it. An SSRC is the int32 of groupCallParticipant, converted to uint32.
type Participant struct {
	// UserID is the user, or the chat or channel in whose name the user joined.
	UserID int64
	// AudioSSRC is the participant's source; 0 if there is none.
	AudioSSRC uint32
	// PresentationSSRC is the audio_source of the participant's presentation, a shared
	// screen; 0 if there is none.
	PresentationSSRC uint32
}

// Speaker is how loud one stream of a call was in a tenth of a second.
type Speaker struct {
	SSRC uint32
	// UserID is who it is, or 0 when no [Participant] has the SSRC.
	UserID int64
	// Presentation reports that it is the sound of a shared screen.
	Presentation bool
	// Level is its loudest packet, as the sender says: in dB below the loudest possible,
	// from 0 to 127, which is silence (RFC 6464).
	Level int
	// Voice is whether the sender takes any of it for speech.
	Voice bool
}
