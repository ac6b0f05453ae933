package playlist

import (
	"bytes"
	"encoding/binary"
	"time"
)

// wrap is when the times of a transport stream begin again: 33 bits at 90 kHz (ISO
// 13818-1 section 2.4.3.7).
const wrap = time.Duration(1<<33) * time.Second / 90_000

// Times are the times at which the tracks of a segment begin, by their numbers.
type Times struct {
	Tracks map[int]time.Duration
	// Complete reports that no other track is announced: to read more of the
	// segment is of no use.
	Complete bool

	wraps bool
}

// SegmentTimes returns the times that a segment begins with, as far as its first
// bytes have them. Initial is its map, if it has one.
func SegmentTimes(head, initial []byte) Times {
	switch SegmentKind(head) {
	case ".ts":
		return transportTimes(head)
	case ".mp4":
		if len(initial) == 0 {
			initial = head
		}
		return fragmentTimes(head, initial)
	}
	if t, ok := packedTime(head); ok {
		return Times{Tracks: map[int]time.Duration{0: t}, Complete: true, wraps: true}
	}
	return Times{Complete: true}
}

// First is when the first track begins; ok is false without any.
func (t Times) First() (first time.Duration, ok bool) {
	for _, at := range t.Tracks {
		if !ok || at < first {
			first, ok = at, true
		}
	}
	return first, ok
}

// Since is how long after another segment this one begins, estimate being what the
// list says. It is not known, and ok false, when they have no track in common or
// the list is off by more than anybody rounds.
func (t Times) Since(earlier Times, estimate time.Duration) (since time.Duration, ok bool) {
	common := func(a, b Times) Times {
		c := Times{Tracks: map[int]time.Duration{}}
		for n, at := range a.Tracks {
			if _, ok := b.Tracks[n]; ok {
				c.Tracks[n] = at
			}
		}
		return c
	}
	later, ok := common(t, earlier).First()
	if !ok {
		return 0, false
	}
	begin, _ := common(earlier, t).First()
	since = later - begin
	if t.wraps {
		since += (estimate - since).Round(wrap)
	}
	return since, (since - estimate).Abs() <= 10*time.Second+estimate/4
}

// unwrapped is how much before its wrap a player takes a time for a negative one:
// ffmpeg does so for a minute.
const unwrapped = 2 * time.Minute

// Offset is what a player that begins with this segment adds to a position to get a
// time of the media, when at is the one that the segment's start, a position, has. It
// is not known, and ok false, where the player takes it for another time.
func (t Times) Offset(at, start time.Duration) (offset time.Duration, ok bool) {
	if t.wraps {
		at %= wrap
		ok = at < wrap-unwrapped
		return at - start, ok
	}
	return at - start, true
}

// timestampOwner marks the time of packed audio (RFC 8216 section 3.4).
var timestampOwner = []byte("com.apple.streaming.transportStreamTimestamp\x00")

func packedTime(head []byte) (time.Duration, bool) {
	i := bytes.Index(head[:min(len(head), SegmentHead)], timestampOwner)
	if i < 0 || len(head) < i+len(timestampOwner)+8 {
		return 0, false
	}
	return ticks(binary.BigEndian.Uint64(head[i+len(timestampOwner):])), true
}

// ticks are units of a transport stream's clock.
func ticks(n uint64) time.Duration {
	return time.Duration(n&(1<<33-1)) * time.Second / 90_000
}

const packetSize = 188 // of a transport stream

// transportTimes reads the first time of each elementary stream (ISO 13818-1
// section 2.4.3).
func transportTimes(data []byte) Times {
	t := Times{Tracks: map[int]time.Duration{}, wraps: true}
	table := -1
	var wanted []int
	for ; len(data) >= packetSize && data[0] == 0x47; data = data[packetSize:] {
		pid := int(data[1]&0x1F)<<8 | int(data[2])
		starts := data[1]&0x40 != 0
		payload := data[4:packetSize]
		switch data[3] >> 4 & 3 {
		case 0, 2:
			continue
		case 3:
			payload = payload[min(len(payload), 1+int(payload[0])):]
		}
		switch {
		case !starts:
		case pid == 0:
			table = programTable(payload)
		case pid == table:
			wanted = streamsOf(payload)
		default:
			if at, ok := streamTime(payload); ok {
				if _, known := t.Tracks[pid]; !known {
					t.Tracks[pid] = at
				}
			}
		}
		if t.Complete = len(wanted) > 0 && t.has(wanted); t.Complete {
			break
		}
	}
	return t
}

func (t Times) has(tracks []int) bool {
	for _, n := range tracks {
		if _, ok := t.Tracks[n]; !ok {
			return false
		}
	}
	return true
}

// section returns the body of a table, without header and checksum.
func section(payload []byte) []byte {
	if len(payload) == 0 || len(payload) < 1+int(payload[0])+8 {
		return nil
	}
	payload = payload[1+int(payload[0]):]
	length := int(payload[1]&0x0F)<<8 | int(payload[2])
	return payload[8:max(8, min(len(payload), 3+length-4))]
}

// programTable returns where the table of the first programme is, or -1.
func programTable(payload []byte) int {
	for s := section(payload); len(s) >= 4; s = s[4:] {
		if s[0]|s[1] != 0 { // programme 0 is the network's
			return int(s[2]&0x1F)<<8 | int(s[3])
		}
	}
	return -1
}

// streamsOf returns the streams of sound and pictures in a programme.
func streamsOf(payload []byte) []int {
	s := section(payload)
	if len(s) < 4 {
		return nil
	}
	s = s[min(len(s), 4+(int(s[2]&0x0F)<<8|int(s[3]))):]
	var streams []int
	for len(s) >= 5 {
		switch s[0] {
		case 0x01, 0x02, 0x03, 0x04, 0x0F, 0x10, 0x11, 0x1B, 0x24, 0x81, 0x87, 0xC1, 0xC2, 0xCF, 0xDB:
			streams = append(streams, int(s[1]&0x1F)<<8|int(s[2]))
		}
		s = s[min(len(s), 5+(int(s[3]&0x0F)<<8|int(s[4]))):]
	}
	return streams
}

// streamTime reads the presentation time of a packet of sound or pictures.
func streamTime(p []byte) (time.Duration, bool) {
	if len(p) < 14 || p[0] != 0 || p[1] != 0 || p[2] != 1 || p[7]&0x80 == 0 {
		return 0, false
	}
	if id := p[3]; id != 0xBD && id != 0xFD && (id < 0xC0 || id > 0xEF) {
		return 0, false
	}
	n := uint64(p[9]>>1&7)<<30 | uint64(p[10])<<22 | uint64(p[11]>>1)<<15 | uint64(p[12])<<7 | uint64(p[13]>>1)
	return ticks(n), true
}
