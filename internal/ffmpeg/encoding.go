package ffmpeg

import (
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/internal/container"
	"github.com/gotgcall/gotgcall/media"
)

// Encoding is how an input is encoded.
type Encoding struct {
	Options media.EncodeOptions // resolved
	Format  media.Format        // of the frames
	Sound   media.Sound         // resolved; the zero Sound is the input's own
	Gain    float64             // what the loudness takes, in dB

	// CopyPictures passes pictures on as they are, which has to be H.264.
	CopyPictures bool
}

func (e Encoding) sound() sound { return sound{e.Sound, e.Gain} }

// File returns the job that plays a local file, and nothing but that file, from a
// position.
func (e Encoding) File(path string, position time.Duration) Job {
	return e.job(e.from(fileInput(path, position), preroll(position)), position)
}

// Fetched returns the job that plays a resource served at a loopback address, from a
// position.
func (e Encoding) Fetched(address string, position time.Duration) Job {
	return e.job(e.from(fetchedInput(address, position), preroll(position)), position)
}

// from returns the command line that encodes an input from a time of it.
func (e Encoding) from(input []string, at time.Duration, global ...string) []string {
	if e.Options.Tracks.Has(media.TrackVideo) && !e.Format.Raw() && !e.CopyPictures {
		global = append(global, deviceArgs(e.Options.VideoEncoder)...)
	}
	n := threads(e.Options.Tracks)
	global = slices.Concat(watchedArgs(), []string{"-filter_threads", n}, global)
	return assemble(global, append([]string{"-threads", n}, input...), e.Sound.Played(at), e.outputs())
}

// Segments returns the job that plays a playlist at a loopback address, whose first
// segment holds the position. That counts from the beginning of the segment. What is
// before it is decoded and thrown away: ffmpeg itself seeks wrongly in segments where
// their times begin again.
func (e Encoding) Segments(address string, position time.Duration) Job {
	return e.job(e.from(listInput(address, 0), position), position)
}

// Timed is Segments where the position is one of the media's own times, at, too: which
// of its first frames ffmpeg counts from depends on the order of tracks.
func (e Encoding) Timed(address string, position, at time.Duration) Job {
	return e.job(e.from(listInput(address, 0), at, "-copyts"), position)
}

// Described returns the job that plays a DASH description at a loopback address, from
// a position. ffmpeg begins with the segment that holds it and, unless the media's own
// times are kept, takes the first frame of that for the position's.
func (e Encoding) Described(address string, position time.Duration) Job {
	input := dashInput(address, position-preroll(position))
	return e.job(e.from(input, position, "-copyts", "-start_at_zero"), position)
}

// Connected returns the job that plays a URL by a protocol that ffmpeg speaks, at an
// address that may differ from the URL. tcURL, if not empty, is the address that an RTMP
// server is given as its own.
func (e Encoding) Connected(u InputURL, address, tcURL string) Job {
	input := connectedInput(u.Scheme, address, e.Options.Tracks)
	if tcURL != "" {
		input = append([]string{"-rtmp_tcurl", tcURL}, input...)
	}
	j := e.job(e.from(input, 0), 0)
	j.liveUnlessFinite = true
	j.Redact = func(line string) string { return u.Redact(strings.ReplaceAll(line, address, u.Public)) }
	j.Lost = func(line string) bool {
		return strings.HasPrefix(line, address+": ") || strings.Contains(line, "Error during demuxing")
	}
	return j
}

func (e Encoding) job(args []string, position time.Duration) Job {
	j := Job{
		args:     args,
		want:     e.Options.Tracks,
		apart:    e.apart(),
		sound:    e.Sound,
		tunable:  true,
		seek:     seekCheck{position: position, inputs: 1},
		interval: time.Second / time.Duration(e.Options.VideoFPS),
	}
	switch {
	case e.Format.Raw():
		j.content = container.Raw
		return j
	case e.Options.VideoEncoder.Codec() == media.CodecH264:
		j.content = container.H264
		if e.Options.VideoEncoder != media.H264 && !e.CopyPictures {
			j.hardware = e.Options.VideoEncoder
		}
	}
	j.soundBuffer, j.pictureBuffer = bufferFor(e.Options.AudioBitrateKbps), bufferFor(e.Options.VideoBitrateKbps)
	return j
}

// outputs returns the options of each output, and its name: all tracks on standard output
// or, apart, sound on standard output and pictures on descriptor 3. In one container sound
// would wait for the picture before it.
func (e Encoding) outputs() [][]string {
	var audio, video []string
	if e.Format.Raw() {
		audio, video = rawAudioArgs(e.sound()), rawVideoArgs(e.Format, e.sound())
	} else {
		audio, video = audioArgs(e.Options, e.sound()), videoArgs(e.Options, e.sound())
	}
	if e.CopyPictures {
		video = []string{"-c:v", "copy"}
	}
	if !e.Options.Tracks.Has(media.TrackVideo) {
		return [][]string{slices.Concat(mapSound(), audio, liveMatroskaArgs(), []string{"pipe:1"})}
	}
	return outputs(video, audio, e.apart())
}

// apart reports whether pictures have an output of their own. Windows gives a
// process no further descriptor.
func (e Encoding) apart() bool {
	return e.Options.Tracks.Has(media.TrackVideo) && runtime.GOOS != "windows"
}
