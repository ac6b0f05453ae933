package ffmpeg

import (
	"os"
	"slices"

	"github.com/gotgcall/gotgcall/media"
)

// Samples returns the job that encodes the Matroska of samples on a pipe, whose header
// says everything, so that nothing is probed and nothing waits. The muxer of Ogg holds one
// packet back, that of Matroska two. Open does not close the pipe.
func (e Encoding) Samples(input *os.File) Job {
	j := e.job(assemble(append(watchedArgs(), "-filter_threads", threads(media.TrackAudio)), []string{
		"-protocol_whitelist", "pipe", "-fflags", "nobuffer", "-analyzeduration", "0", "-probesize", "32",
		"-f", "matroska", "-i", "pipe:0",
	}, 0, [][]string{slices.Concat(mapSound(), audioArgs(e.Options, e.sound()),
		[]string{"-f", "ogg", "-page_duration", "20000", "-flush_packets", "1", "pipe:1"})}), 0)
	j.input, j.tunable = input, false
	return j
}

// Piped returns the job that plays a file which comes through a pipe. Open does not close
// the pipe.
func (e Encoding) Piped(input *os.File) Job {
	j := e.job(e.from(slices.Concat(limits(),
		[]string{"-protocol_whitelist", "pipe", "-format_whitelist", formats, "-i", "pipe:0"}), 0), 0)
	j.input, j.tunable = input, false
	return j
}
