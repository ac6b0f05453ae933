package ffmpeg

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gotgcall/gotgcall/media"
)

// formats are the demuxers that FromFile and FromURL may use. ffmpeg picks one
// by the content, so a list of what is allowed is the only way to keep out those
// that open other files (concat, image2, sdp, imf, …) or devices.
const formats = "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,asf_o,au,av1,avi,avs2,caf,dirac,dsf,dts,dtshd,dv," +
	"eac3,flac,flv,live_flv,gif,gsm,gxf,h261,h263,h264,hevc,ivf,libgme,libopenmpt,loas,m4v,matroska,webm," +
	"mjpeg,mpjpeg,mlp,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mpegvideo,mxf,nsv,nut,obu,ogg,oma,qcp,rm," +
	"shn,sbc,sox,spdif,swf,tak,truehd,tta,vc1,vc1test,voc,w64,wav,wtv,wv,xwma,y4m,yuv4mpegpipe," +
	"ac4,adx,dhav,dss,iamf,iff,ircam,qoa,sln" // not in every version of ffmpeg, which knows them by their names alone

// listFormats are formats and the playlists that name others, of which ffmpeg sees
// none but ours.
const listFormats = formats + ",hls,applehttp,dash,webvtt"

// seconds prints a time as ffmpeg reads it.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64)
}

// watchedArgs are the global options of every ffmpeg: nothing is asked, and standard
// error holds what it says of its input. A seek that fails is a mere warning, and the
// length of the media is information.
func watchedArgs() []string {
	return []string{"-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+info"}
}

// limits bound what an input may cost. A picture of more than 7680x4320 is refused
// rather than decoded.
func limits() []string { return []string{"-max_pixels", "35389440"} }

// threads returns how many threads a decoder of some tracks may have, and as many again
// the filters behind it: by default one for each processor. Sound gains nothing from a
// second. Two hold two pictures at a time: at 7680x4320 0.5 GB rather than 1.6 GB with 16.
func threads(tracks media.Track) string {
	if tracks.Has(media.TrackVideo) {
		return "2"
	}
	return "1"
}

// fileInput reads a local file, and nothing but that file, from a position.
func fileInput(path string, position time.Duration) []string {
	args := []string{"-protocol_whitelist", "file", "-format_whitelist", formats}
	return slices.Concat(limits(), args, startAt(position-preroll(position)), []string{"-i", "file:" + path})
}

// fetchedInput reads a loopback address, and nothing but loopback addresses, from a
// position. A proxy of the environment has no part in it.
func fetchedInput(address string, position time.Duration) []string {
	args := []string{"-protocol_whitelist", "http,tcp", "-format_whitelist", formats, "-http_proxy", "none"}
	return slices.Concat(limits(), args, startAt(position-preroll(position)), []string{"-i", address})
}

// startAt returns ffmpeg's -ss option, or nothing for 0.
func startAt(from time.Duration) []string {
	if from == 0 {
		return nil
	}
	return []string{"-ss", seconds(from)}
}

// preroll is how much before a position is decoded and thrown away. A decoder
// that begins at the position has nothing to say at first: a frame of MP3 may lie
// in up to nine earlier ones, and Opus wants 80 ms (RFC 7845 section 4.6).
func preroll(position time.Duration) time.Duration {
	return min(position, 500*time.Millisecond)
}

// listInput reads a playlist that names nothing but loopback addresses, from a
// position. Segments may be encrypted.
func listInput(address string, position time.Duration) []string {
	args := []string{"-protocol_whitelist", "http,tcp,crypto", "-format_whitelist", listFormats, "-http_proxy", "none"}
	return slices.Concat(limits(), args, startAt(position), []string{"-i", address})
}

// dashInput is listInput for a description of segments. ffmpeg begins each of them
// as a file of its own and, since version 7, would leave out the first frame of
// sound, which such a file has before its beginning.
func dashInput(address string, position time.Duration) []string {
	return slices.Concat([]string{"-flags2:a", "+skip_manual"}, listInput(address, position))
}

// assemble returns a command line whose outputs begin at a time of their own.
func assemble(global, input []string, from time.Duration, outputs [][]string) []string {
	args := slices.Concat(global, input)
	if len(outputs) > 1 {
		args = append(args, emptyInput()...)
	}
	for _, output := range outputs {
		args = slices.Concat(args, startAt(from), output)
	}
	return args
}

// emptyInput has a stream of subtitles without a line. ffmpeg refuses an output
// without a stream, as one of two is for an input of sound or pictures alone.
func emptyInput() []string { return []string{"-f", "srt", "-i", "data:,x"} }

// outputs are those of encoders for both tracks.
func outputs(video, audio []string, apart bool) [][]string {
	if !apart {
		return [][]string{slices.Concat(mapPictures(), mapSound(), video, audio, liveMatroskaArgs(), []string{"pipe:1"})}
	}
	return [][]string{
		slices.Concat(mapSound(), audio, apartArgs(), []string{"pipe:1"}),
		slices.Concat(mapPictures(), video, apartArgs(), []string{"pipe:3"}),
	}
}

// A capital V leaves cover art out.
func mapPictures() []string { return []string{"-map", "0:V:0?"} }

func mapSound() []string { return []string{"-map", "0:a:0?"} }

// apartArgs add the empty stream to an output, which nothing waits for, and keep
// the outputs on one timeline: a muxer that sees a negative time, such as that of
// Opus's first packet, moves its own stream. A second is longer than any.
func apartArgs() []string {
	return append([]string{
		"-map", "1:s", "-c:s", "copy", "-max_interleave_delta", "1",
		"-output_ts_offset", "1", "-avoid_negative_ts", "disabled",
	}, liveMatroskaArgs()...)
}

func audioArgs(o media.EncodeOptions, s sound) []string {
	args := musicArgs(o.PacketMs)
	if o.Voice {
		args = voiceArgs(o.PacketMs)
	}
	return slices.Concat(s.audioFilter(o.AudioChannels), []string{"-c:a", "libopus"}, args,
		[]string{"-b:a", kbps(o.AudioBitrateKbps), "-ar", "48000", "-ac", strconv.Itoa(o.AudioChannels)})
}

// musicArgs make every Opus packet a CELT one. In-band FEC exists in SILK and
// hybrid packets only, and asking for it makes libopus begin each source with
// half a second of them, at 4 dB more noise than CELT. An expected loss by
// itself makes CELT predict less from the packet before.
func musicArgs(packetMs int) []string {
	return append(packetArgs("audio", packetMs), "-fec", "0", "-packet_loss", "5")
}

// voiceArgs make hybrid packets whose in-band FEC replaces three lost packets in
// four. At an expected loss of 10 % libopus uses them throughout.
func voiceArgs(packetMs int) []string {
	return append(packetArgs("voip", packetMs), "-fec", "1", "-packet_loss", "10")
}

// packetArgs are the application and the length of a packet. A longer one than a frame of
// 20 ms is constrained in its bit rate, which bounds its size: see media.EncodeOptions.
func packetArgs(application string, packetMs int) []string {
	vbr := "on"
	if packetMs > framesMs {
		vbr = "constrained"
	}
	return []string{"-application", application, "-vbr", vbr, "-frame_duration", strconv.Itoa(packetMs)}
}

// framesMs is the length of libopus' longest frame of music; packets of 40 and 60 ms hold
// several.
const framesMs = 20

// liveMatroskaArgs make Matroska that is written as it comes: a frame waits for
// the next one at most.
func liveMatroskaArgs() []string {
	return []string{"-f", "matroska", "-live", "1", "-cluster_time_limit", "10", "-flush_packets", "1"}
}

// limitRate drops the frames that come too early for the rate and leaves the
// others where they are. Variable 0 is when the next frame is due; a frame may
// come three tenths of an interval early, which is more than containers round.
func limitRate(fps int) string {
	return fmt.Sprintf("select='if(lt(t-start_t,ld(0)-0.3/%[1]d),0,"+
		"gt(st(0,max(ld(0),t-start_t-0.3/%[1]d)+1/%[1]d),0))'", fps)
}

// fitInside scales to square pixels inside w x h, even and never enlarged. iw,
// ih and sar are the source's size and pixel shape.
func fitInside(w, h int) string {
	side := func(length string, bound int) string {
		return fmt.Sprintf("max(2,2*min(floor(%[1]s/2+0.01),min(%[2]d,round(%[1]s*min(1,min(%[3]d/(iw*sar),%[4]d/ih))/2))))",
			length, bound/2, w, h)
	}
	return fmt.Sprintf("scale=w='%s':h='%s',setsar=1", side("iw*sar", w), side("ih", h))
}

func kbps(n int) string { return strconv.Itoa(n) + "k" }
