package programme

import (
	"fmt"
	"slices"
	"time"
)

// minPart is how long the parts of a transport stream last on average that are worth
// a process each.
const minPart = 5 * time.Second

// split parts the programme at its discontinuities where ffmpeg does not read it as
// one: of fragmented MP4 it reads one header, and drops fragments whose times go back;
// in a transport stream it makes each part longer by some hundredths of a second.
// Lists whose discontinuities do not correspond are left whole.
func (h *hls) split() {
	main := h.lists[0]
	parts, fragmented := main.media.Parts(), false
	split := len(parts) > 1
	for _, l := range h.lists {
		fragmented = fragmented || l.media.Fragmented()
		split = split && l.media.Ended && len(l.media.Parts()) == len(parts)
		l.parts = []int{0}
	}
	if !split || !fragmented && main.media.Duration()/time.Duration(len(parts)) < minPart {
		return
	}
	for _, l := range h.lists {
		l.parts = l.media.Parts()
	}
	h.first = main.part()
	for _, l := range h.lists[1:] {
		switch part := l.part(); {
		case part < h.first:
			l.begin(l.parts[h.first])
		case part > h.first:
			l.begin(l.parts[h.first+1] - 1)
		}
	}
}

// part returns the number of the part in which a list begins.
func (l *hlsList) part() int {
	i, found := slices.BinarySearch(l.parts, l.place.index)
	if !found {
		i--
	}
	return i
}

// begin sets the segment with which a list begins.
func (l *hlsList) begin(index int) { l.place = place{index: index, start: l.media.Start(index)} }

// parts returns the parts, with the paths at which the lists are served for addresses.
func (h *hls) parts() []Part {
	main := h.lists[0]
	var parts []Part
	for i := h.first; i < len(main.parts); i++ {
		p := Part{Start: h.start(), End: main.media.Duration()}
		p.Offset, p.Timed = h.offset()
		if i > h.first {
			p = Part{Start: main.media.Start(main.parts[i]), End: p.End}
		}
		if i+1 < len(main.parts) {
			p.End = main.media.Start(main.parts[i+1])
		}
		p.Address = fmt.Sprintf("/0/list%d.m3u8", i)
		if len(h.lists) > 1 {
			p.Address = fmt.Sprintf("/list%d.m3u8", i)
		}
		parts = append(parts, p)
	}
	return parts
}

// apart is how long after the picture sound begins at most, in the media's times.
const apart = time.Second

// start returns the position that ffmpeg counts from: that of the list which begins first.
func (h *hls) start() time.Duration {
	start := h.lists[0].place.start
	if len(h.lists) == 1 {
		return start
	}
	main, sound := h.lists[0].place, h.lists[1].place
	late := time.Duration(0) // of sound, at the beginning
	if main.known && sound.known && (sound.first-main.first).Abs() < apart {
		late = sound.first - main.first
	}
	return min(start-min(late, 0), sound.start+max(late, 0))
}

// offset returns how far the media's own times are ahead of positions, if that is known.
// The programme begins with the list that begins first.
func (h *hls) offset() (offset time.Duration, ok bool) {
	main := h.lists[0].place
	if len(h.lists) == 1 {
		return main.offset, main.exact
	}
	sound := h.lists[1].place
	apartBy := sound.offset - main.offset
	return main.offset + min(apartBy, 0), main.exact && sound.exact && apartBy.Abs() < apart
}
