package playlist

import (
	"encoding/binary"
	"math"
	"time"
)

// mp4Track is what the header of an MP4 says of a track.
type mp4Track struct {
	scale uint32 // units of a second
	shift int64  // where presentation begins, in those units
}

// fragmentTimes reads the time of each track's first fragment (ISO 14496-12).
func fragmentTimes(head, initial []byte) Times {
	t := Times{Tracks: map[int]time.Duration{}}
	tracks := map[int]mp4Track{}
	eachBox(initial, func(name string, body []byte) {
		if name == "moov" {
			tracks = movieTracks(body)
		}
	})
	eachBox(head, func(name string, body []byte) {
		if name != "moof" {
			return
		}
		eachBox(body, func(name string, body []byte) {
			if name != "traf" {
				return
			}
			id, ticks, ok := fragmentTime(body)
			track := tracks[id]
			if _, known := t.Tracks[id]; ok && !known && track.scale > 0 {
				t.Tracks[id] = scaled(ticks-track.shift, track.scale)
			}
		})
	})
	t.Complete = len(tracks) > 0 && len(t.Tracks) == len(tracks)
	return t
}

// scaled is a time in units of 1/scale of a second.
func scaled(n int64, scale uint32) time.Duration {
	seconds := float64(n) / float64(scale)
	if math.Abs(seconds) > 1e9 {
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}

// eachBox calls f for the boxes of a body; the last one may be cut off.
func eachBox(body []byte, f func(name string, body []byte)) {
	for len(body) >= 8 {
		size, header := uint64(binary.BigEndian.Uint32(body)), 8
		name := string(body[4:8])
		if size == 1 && len(body) >= 16 {
			size, header = binary.BigEndian.Uint64(body[8:]), 16
		}
		if size == 0 || size > uint64(len(body)) {
			size = uint64(len(body))
		}
		if size < uint64(header) {
			return
		}
		f(name, body[header:size])
		body = body[size:]
	}
}

// maxTracks is more than there are in a segment.
const maxTracks = 64

// movieTracks reads a moov box.
func movieTracks(moov []byte) map[int]mp4Track {
	tracks := map[int]mp4Track{}
	movieScale := uint32(0)
	eachBox(moov, func(name string, body []byte) {
		switch {
		case name == "mvhd":
			movieScale = scaleOf(body)
		case name == "trak" && len(tracks) < maxTracks:
			id, track := readTrack(body, movieScale)
			tracks[id] = track
		}
	})
	return tracks
}

// readTrack reads a trak box.
func readTrack(trak []byte, movieScale uint32) (id int, track mp4Track) {
	delay := int64(0) // in the movie's units
	eachBox(trak, func(name string, body []byte) {
		switch name {
		case "tkhd":
			if at := 12; len(body) >= 24 {
				if body[0] == 1 {
					at = 20
				}
				id = int(binary.BigEndian.Uint32(body[at:]))
			}
		case "mdia":
			eachBox(body, func(name string, body []byte) {
				if name == "mdhd" {
					track.scale = scaleOf(body)
				}
			})
		case "edts":
			eachBox(body, func(name string, body []byte) {
				if name == "elst" {
					track.shift, delay = edits(body)
				}
			})
		}
	})
	if movieScale > 0 {
		track.shift -= int64(float64(delay) / float64(movieScale) * float64(track.scale))
	}
	return id, track
}

// scaleOf reads the time scale of an mvhd or mdhd box.
func scaleOf(body []byte) uint32 {
	at := 12
	if len(body) > 0 && body[0] == 1 {
		at = 20
	}
	if len(body) < at+4 {
		return 0
	}
	return binary.BigEndian.Uint32(body[at:])
}

// edits reads an edit list: where in the media presentation begins, and after
// which delay.
func edits(body []byte) (mediaTime, delay int64) {
	if len(body) < 8 {
		return 0, 0
	}
	long := body[0] == 1
	for body = body[8:]; ; {
		var duration, at int64
		switch {
		case long && len(body) >= 20:
			duration, at = int64(binary.BigEndian.Uint64(body)), int64(binary.BigEndian.Uint64(body[8:]))
			body = body[20:]
		case !long && len(body) >= 12:
			duration, at = int64(binary.BigEndian.Uint32(body)), int64(int32(binary.BigEndian.Uint32(body[4:])))
			body = body[12:]
		default:
			return 0, delay
		}
		if at >= 0 {
			return at, delay
		}
		delay = duration
	}
}

// fragmentTime reads the number of a traf box's track and when its first sample is
// shown, in the track's units.
func fragmentTime(traf []byte) (id int, at int64, ok bool) {
	eachBox(traf, func(name string, body []byte) {
		switch {
		case name == "tfhd" && len(body) >= 8:
			id = int(binary.BigEndian.Uint32(body[4:]))
		case name == "tfdt" && len(body) >= 12 && body[0] == 1:
			at, ok = int64(binary.BigEndian.Uint64(body[4:])), true
		case name == "tfdt" && len(body) >= 8 && body[0] == 0:
			at, ok = int64(binary.BigEndian.Uint32(body[4:])), true
		}
	})
	first := true
	eachBox(traf, func(name string, body []byte) {
		if name == "trun" && first {
			at += compositionOffset(body)
			first = false
		}
	})
	return id, at, ok
}

// compositionOffset is how long after its decoding the first sample of a trun box
// is shown.
func compositionOffset(body []byte) int64 {
	if len(body) < 8 {
		return 0
	}
	flags := binary.BigEndian.Uint32(body)
	at := 8
	for _, optional := range []uint32{0x1, 0x4, 0x100, 0x200, 0x400} { // what comes before it
		if flags&optional != 0 {
			at += 4
		}
	}
	if flags&0x800 == 0 || len(body) < at+4 {
		return 0
	}
	return int64(int32(binary.BigEndian.Uint32(body[at:])))
}
