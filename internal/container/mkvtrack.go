package container

import (
	"errors"
	"strings"
	"time"
)

const (
	audioSlack   = 10 * time.Millisecond // more than containers round, less than a packet
	snapDistance = time.Millisecond      // both ends of a distance are rounded by half of it
)

// mkvTrack is a track that is played; its number is 0 when there is none.
type mkvTrack struct {
	number   uint64
	head     OpusHead      // audio
	avc      *avc          // video, of H.264
	refused  error         // why the track of this kind cannot be played, or nil
	interval time.Duration // video: the frame interval, or 0
	started  bool
	base     time.Duration // video: where the interval's grid begins
	due      time.Duration // audio: where the next packet begins
}

// track reads a TrackEntry; the first playable track of a kind is played.
func (m *matroska) track(data []byte) error {
	var entry mkvTrack
	var codec string
	var private []byte
	var encoded bool
	err := children(data, func(id uint32, body []byte) error {
		switch id {
		case idTrackNumber:
			entry.number = number(body)
		case idCodecID:
			codec = string(body)
		case idCodecPrivate:
			private = body
		case idTrackName:
			if m.tags.TrackTitle == "" {
				m.tags.TrackTitle = Text(body)
			}
		case idEncodings:
			encoded = true
		case idDefaultDur:
			if d := number(body); d <= uint64(10*time.Second) {
				entry.interval = time.Duration(d)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if entry.number == 0 {
		return errors.New("a track without a number")
	}
	if encoded {
		codec += " compressed or encrypted"
	}
	audio, video := m.content.codecs()
	switch {
	case strings.HasPrefix(codec, "A_"):
		m.sounds++
		if entry.refused = wrongCodec(codec, audio); entry.refused == nil {
			entry.head, entry.refused = m.content.audioHead(private)
		}
		m.audio.offer(entry)
	case strings.HasPrefix(codec, "V_"):
		if entry.refused = wrongCodec(codec, video); entry.refused == nil && m.content == H264 {
			entry.avc, entry.refused = parseAVC(private)
		}
		m.video.offer(entry)
	}
	return nil
}

// offer takes an entry over if there is no track yet.
func (t *mkvTrack) offer(entry mkvTrack) {
	switch {
	case t.number != 0:
	case entry.refused == nil:
		*t = entry
	case t.refused == nil:
		t.refused = entry.refused
	}
}

// snap moves a rounded time to the grid of the frame interval.
func (t *mkvTrack) snap(pts time.Duration) time.Duration {
	if !t.started {
		t.started, t.base = true, pts
	}
	if t.interval == 0 {
		return pts
	}
	if grid := t.base + (pts - t.base).Round(t.interval); (grid - pts).Abs() <= snapDistance {
		return grid
	}
	return pts
}

// advance returns when a packet begins: where the last one ended, unless the
// container has a gap there.
func (t *mkvTrack) advance(pts, d time.Duration) time.Duration {
	if !t.started || (pts-t.due).Abs() > audioSlack {
		t.started, t.due = true, pts
	}
	begin := t.due
	t.due += d
	return begin
}
