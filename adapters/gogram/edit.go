package gogramcalls

import "github.com/amarnathcjd/gogram/telegram"

// editParticipant is phone.editGroupCallParticipant. gogram's own parameters always send
// every flag, among them a volume of 0, which is refused. A nil field is not sent.
type editParticipant struct {
	Call               telegram.InputGroupCall
	Participant        telegram.InputPeer
	Muted              *bool  `tl:"flag:0"`
	Volume             *int32 `tl:"flag:1"`
	RaiseHand          *bool  `tl:"flag:2"`
	VideoStopped       *bool  `tl:"flag:3"`
	VideoPaused        *bool  `tl:"flag:4"`
	PresentationPaused *bool  `tl:"flag:5"`
}

// CRC is the method's id.
func (*editParticipant) CRC() uint32 { return 0xa5273abf }

// FlagIndex says that the flags come first.
func (*editParticipant) FlagIndex() int { return 0 }
