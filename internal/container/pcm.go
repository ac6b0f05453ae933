package container

// The sound of a raw media.Format: interleaved signed 16-bit little-endian samples.
const (
	SampleRate = 44100 // Hz
	Channels   = 2
	SampleSize = 2 * Channels // bytes of one sample of all channels
)
