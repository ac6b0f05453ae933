// Package mediatest makes media whose content a machine can check, and judges
// what arrived at the other end of a call.
//
// The Make functions run ffmpeg. MakeTones writes audio whose tone changes each
// second; MakeMovie writes a picture that carries its own frame number, with a
// flash and a beep at the same instants. The rest takes RTP packets and says
// what was in them: which tones when, which frames, how far sound and picture
// are apart, how regularly they came. It never looks at how they were sent, so
// it can contradict the sender.
//
//	mediatest.MakeTones(ctx, "ffmpeg", "tones.mp3", mediatest.AudioSpec{Seconds: 5})
//	// …play it and collect the packets…
//	pcm, err := mediatest.DecodeOpus(packets)
//	err = mediatest.CheckTones(pcm.Tones(), 0, 5*time.Second, 40*time.Millisecond)
//
// The package is for tests and examples only.
package mediatest
