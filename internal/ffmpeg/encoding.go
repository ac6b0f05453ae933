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
}

// File returns the job that plays a local file, and nothing but that file, from a
// position.
func (e Encoding) File(path string, position time.Duration) Job {
	return e.job(encodeArgs(position, fileInput(path, position), e.outputs()), position)
}

// Fetched returns the job that plays a resource served at a loopback address, from a
// position.
func (e Encoding) Fetched(address string, position time.Duration) Job {
	return e.job(encodeArgs(position, fetchedInput(address, position), e.outputs()), position)
}

// Segments returns the job that plays a playlist at a loopback address, whose first
// segment holds the position. That counts from the beginning of the segment.
func (e Encoding) Segments(address string, position time.Duration) Job {
	return e.job(encodeArgsOfSegments(position, listInput(address, 0), e.outputs()), position)
}

// Timed is Segments where the position is one of the media's own times, at, too.
func (e Encoding) Timed(address string, position, at time.Duration) Job {
	return e.job(encodeArgsOfTimes(at, listInput(address, 0), e.outputs()), position)
}

// Described returns the job that plays a DASH description at a loopback address, from
// a position.
func (e Encoding) Described(address string, position time.Duration) Job {
	input := dashInput(address, position-preroll(position))
	return e.job(encodeArgsOfDASH(position, input, e.outputs()), position)
}

// Connected returns the job that plays a URL by a protocol that ffmpeg speaks, at an
// address that may differ from the URL. tcURL, if not empty, is the address that an RTMP
// server is given as its own.
func (e Encoding) Connected(u InputURL, address, tcURL string) Job {
	input := connectedInput(u.Scheme, address, e.Options.Tracks)
	if tcURL != "" {
		input = append([]string{"-rtmp_tcurl", tcURL}, input...)
	}
	j := e.job(assemble(watchedArgs(), input, 0, e.outputs()), 0)
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
		seek:     seekCheck{position: position, inputs: 1},
		interval: time.Second / time.Duration(e.Options.VideoFPS),
	}
	if e.Format.Raw() {
		j.content = container.Raw
	}
	return j
}

// outputs returns the options of ffmpeg's outputs, and their names.
func (e Encoding) outputs() [][]string {
	switch {
	case !e.Format.Raw():
		return outputsOf(e.Options, e.apart())
	case !e.Options.Tracks.Has(media.TrackVideo):
		return [][]string{slices.Concat(mapSound(), rawAudioArgs(), liveMatroskaArgs(), []string{"pipe:1"})}
	}
	return outputs(rawVideoArgs(e.Format), rawAudioArgs(), e.apart())
}

// apart reports whether pictures have an output of their own. Windows gives a
// process no further descriptor.
func (e Encoding) apart() bool {
	return e.Options.Tracks.Has(media.TrackVideo) && runtime.GOOS != "windows"
}
