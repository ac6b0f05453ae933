package media

import (
	"fmt"

	"github.com/gotgcall/gotgcall/models"
)

// The defaults of EncodeOptions, and the most it takes.
const (
	defaultVideoKbps   = 800
	defaultVideoWidth  = 1280
	defaultVideoHeight = 720
	defaultVideoFPS    = 30
	defaultAudioKbps   = 128
	defaultChannels    = 2
	defaultPacketMs    = 20
	defaultKbps60      = 112 // in packets of 60 ms: a round figure below maxKbps60

	// Above 70 kbit/s CELT is better for speech as well, so FEC would cost
	// quality.
	voiceKbps       = 48
	voiceStereoKbps = 64
	voiceChannels   = 1

	maxVideoKbps = 100_000
	maxVideoSide = 16383 // 14 bits: RFC 6386 section 9.1
	maxVideoFPS  = 240
	minAudioKbps = 6   // RFC 6716 section 2.1.1
	maxAudioKbps = 510 // RFC 6716 section 2.1.1

	// Long packets are encoded at a constrained bit rate, which lets one of them have
	// a frame of 20 ms more than its share: at these rates the 1182 bytes that
	// internal/wire sends in one datagram. Voice takes its error correction besides.
	maxKbps40      = 157
	maxKbps60      = 117
	maxVoiceKbps60 = 96
)

// EncodeOptions says how FromFile and FromURL encode. The zero value is audio
// alone with the defaults below. A value out of range is reported by Open, as
// models.ErrInvalidParams.
type EncodeOptions struct {
	// VideoEncoder encodes the pictures: VP8, the default, or an encoder of H.264, such as
	// [H264] or one in hardware. H.264 is in constrained baseline profile, with a key frame
	// each 2 s, as in VP8. A source that needs an encoder which ffmpeg was built without
	// fails to open, with [models.ErrFFmpegSpawn].
	//
	// Telegram's servers say at [Client.Connect] whether they take H.264. Where one does
	// not, the source is encoded as VP8, and reopened if it is open already. StartRTMP
	// always encodes by libx264.
	//
	// FromFile passes pictures on as they are where they are H.264 already and VideoEncoder
	// asks for it: baseline, main or high profile without B pictures and fields, with a key
	// frame each 2 s at least, inside the size, rate and bit rate, at normal speed, from the
	// start of the file. Where that ends, and after a seek, they are encoded.
	//
	// [Client.Connect]: https://pkg.go.dev/github.com/gotgcall/gotgcall#Client.Connect
	VideoEncoder VideoEncoder
	// VideoBitrateKbps is the video's bit rate in kbit/s; 0 means 800.
	VideoBitrateKbps int
	// VideoWidth and VideoHeight bound the picture, which is fitted inside
	// with its aspect kept and is never enlarged; 0 means 1280 and 720.
	VideoWidth, VideoHeight int
	// VideoFPS bounds the frame rate; a slower source keeps its own. 0
	// means 30.
	VideoFPS int
	// AudioBitrateKbps is the audio's bit rate in kbit/s, 6 to 510. It is a
	// mean over typical music: silence takes less, and a demanding source
	// (a solo instrument, a voice without a room) up to two thirds more. 0
	// means 128, or with Voice 48 for one channel and 64 for two. PacketMs
	// bounds it.
	AudioBitrateKbps int
	// AudioChannels is 1 or 2; 0 means 2, or with Voice 1.
	AudioChannels int
	// Voice is for talk radio and text-to-speech: sound is encoded as speech,
	// with forward error correction, which makes lost packets inaudible. Music
	// suffers from it.
	Voice bool
	// AlwaysEncode encodes Opus and H.264, too. Otherwise FromFile and
	// FromURL pass Opus packets on as they are, without ffmpeg: Ogg, chained or not, and WebM of one or
	// two channels, of at most AudioBitrateKbps on average, or 256 if that is 0; with
	// neither Voice, nor pictures, nor a sound of [Client.SetSound]. Of a server that is a
	// file with a length, or a radio if AudioBitrateKbps is 0. Packets are never taken
	// apart: a position is that of the packet that holds it, and what a decoder of the
	// file would leave out at its beginning (pre-skip) and in its last packet is sent.
	//
	// [Client.SetSound]: https://pkg.go.dev/github.com/gotgcall/gotgcall#Client.SetSound
	AlwaysEncode bool
	// PacketMs is how many milliseconds of sound a packet holds: 20, 40 or 60. 0
	// means 20, and leaves packets that are passed through as they are.
	//
	// Packets of 60 ms, which Telegram's own clients send for speech, take about a
	// third of the processor time of a call, and 9 instead of 26 kbit/s of headers.
	// In return a lost one is a hole of 60 ms instead of 20, a listener's jitter
	// buffer holds 30 ms more, and a pause or mute is heard up to 40 ms later. Their
	// bit rate is constrained so that a packet fits a datagram: AudioBitrateKbps is a
	// bound then, of at most 157 for 40 ms and 117 for 60 (with Voice 96), and 0 means
	// 112 for 60. They are meant for one machine that plays in hundreds of chats.
	//
	// Packets that are passed through are joined, bit for bit, where they follow each
	// other without a gap and fit; none is taken apart.
	PacketMs int
	// Tracks are the tracks to play; 0 means TrackAudio. TrackVideo includes
	// TrackAudio: a source plays what it has of both.
	Tracks Track
}

// Resolve returns the options with the defaults in place of zeros, or
// models.ErrInvalidParams and the name of a value that is out of range.
func (o EncodeOptions) Resolve() (EncodeOptions, error) {
	o = o.withDefaults()
	return o, o.validate()
}

// withDefaults returns the options with the defaults in place of zeros.
func (o EncodeOptions) withDefaults() EncodeOptions {
	audioKbps, channels := defaultAudioKbps, defaultChannels
	if o.PacketMs == 60 {
		audioKbps = defaultKbps60
	}
	if o.Voice {
		audioKbps, channels = voiceKbps, voiceChannels
		if o.AudioChannels == 2 {
			audioKbps = voiceStereoKbps
		}
	}
	for _, f := range []struct {
		field *int
		value int
	}{
		{&o.VideoBitrateKbps, defaultVideoKbps},
		{&o.VideoWidth, defaultVideoWidth},
		{&o.VideoHeight, defaultVideoHeight},
		{&o.VideoFPS, defaultVideoFPS},
		{&o.AudioBitrateKbps, audioKbps},
		{&o.AudioChannels, channels},
		{&o.PacketMs, defaultPacketMs},
	} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	if o.VideoEncoder == "" {
		o.VideoEncoder = VP8
	}
	o.Tracks |= TrackAudio
	return o
}

// validate checks options that have their defaults.
func (o EncodeOptions) validate() error {
	kbps := maxAudioKbps
	switch o.PacketMs {
	case 20:
	case 40:
		kbps = maxKbps40
	case 60:
		kbps = maxKbps60
		if o.Voice {
			kbps = maxVoiceKbps60
		}
	default:
		return fmt.Errorf("%w: PacketMs is %d, want 20, 40 or 60", models.ErrInvalidParams, o.PacketMs)
	}
	for _, f := range []struct {
		name            string
		value, min, max int
	}{
		{"VideoBitrateKbps", o.VideoBitrateKbps, 1, maxVideoKbps},
		{"VideoWidth", o.VideoWidth, 2, maxVideoSide},
		{"VideoHeight", o.VideoHeight, 2, maxVideoSide},
		{"VideoFPS", o.VideoFPS, 1, maxVideoFPS},
		{"AudioBitrateKbps", o.AudioBitrateKbps, minAudioKbps, kbps},
		{"AudioChannels", o.AudioChannels, 1, 2},
	} {
		if f.value < f.min || f.value > f.max {
			return fmt.Errorf("%w: %s is %d, want %d to %d", models.ErrInvalidParams, f.name, f.value, f.min, f.max)
		}
	}
	if err := o.VideoEncoder.validate(); err != nil {
		return err
	}
	return o.Tracks.Check()
}
