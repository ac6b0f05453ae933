package container

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"time"
)

const (
	// maxLinks bounds a chain, each link of which takes a search: the songs of an evening.
	maxLinks = 128
	// maxFarLinks is that of a file on a server, where a search takes requests.
	maxFarLinks = 8
	// maxPages bounds the pages that are passed by on the search for one.
	maxPages = 1 << 10
	// noGranule is that of a page on which no packet ends (RFC 3533 section 6).
	noGranule = -1
)

var (
	errMultiplexed = errors.New("ogg: several streams beside each other")
	errNoPage      = errors.New("ogg: a page is missing")
)

// oggLink is a link of a chained stream (RFC 3533 section 4).
type oggLink struct {
	offset int64 // of its first page
	end    int64 // where the next link begins
	serial uint32
	head   OpusHead
	start  int64         // granule position at which its sound begins
	last   int64         // granule position at its end
	base   time.Duration // where in the media it begins
}

// length is what is to be heard of the link (RFC 7845 section 4.3).
func (l *oggLink) length() time.Duration {
	return max(0, l.pts(l.last)-l.head.PreSkip)
}

// pts returns the time of a granule position in the link, its pre-skip counted.
func (l *oggLink) pts(granule int64) time.Duration {
	if granule <= l.start || granule-l.start > int64(MaxPTS/time.Second)*opusRate {
		return 0
	}
	return samples(uint64(granule - l.start))
}

// oggPlace is a page's header.
type oggPlace struct {
	offset, next int64
	flags        byte
	granule      int64
	serial       uint32
}

// page returns the first page between two places. It looks no further than the longest
// page is.
func (f *OpusFile) page(from, limit int64) (oggPlace, bool, error) {
	magic := []byte("OggS\x00")
	if err := f.in.seek(from); err != nil {
		return oggPlace{}, false, err
	}
	for f.in.offset() < min(limit, from+oggSearch) {
		chunk, err := f.in.Peek(4 << 10)
		at := bytes.Index(chunk, magic)
		if at < 0 {
			if err != nil {
				return oggPlace{}, false, ended(err)
			}
			_, _ = f.in.Discard(len(chunk) - len(magic) + 1)
			continue
		}
		_, _ = f.in.Discard(at)
		p := oggPlace{offset: f.in.offset()}
		head, err := f.in.Peek(27)
		if err == nil {
			head, err = f.in.Peek(27 + int(head[26]))
		}
		if err != nil || p.offset >= limit {
			return oggPlace{}, false, ended(err)
		}
		p.flags, p.granule = head[5], int64(binary.LittleEndian.Uint64(head[6:]))
		p.serial = binary.LittleEndian.Uint32(head[14:])
		p.next = p.offset + int64(len(head))
		for _, n := range head[27:] {
			p.next += int64(n)
		}
		return p, true, nil
	}
	return oggPlace{}, false, nil
}

// ended returns nil for the end of the file.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// find returns the first page between two places that is as asked for.
func (f *OpusFile) find(from, limit int64, want func(oggPlace) bool) (oggPlace, bool, error) {
	for range maxPages {
		p, ok, err := f.page(from, limit)
		if err != nil || !ok || want(p) {
			return p, ok, err
		}
		from = p.next
	}
	return oggPlace{}, false, nil
}

func timed(p oggPlace) bool { return p.granule != noGranule }

// readLinks finds the links of a file by bisection.
func (f *OpusFile) readLinks() error {
	last, err := f.lastPage()
	if err != nil {
		return err
	}
	most := maxFarLinks
	if _, local := f.in.file.(io.ReaderAt); local {
		most = maxLinks
	}
	base := time.Duration(0)
	for offset := int64(0); len(f.links) < most; {
		l, err := f.readLink(offset)
		if err != nil {
			return err
		}
		l.base, l.end, l.last = base, f.size, last.granule
		if l.serial != last.serial {
			if err := f.endLink(&l); err != nil {
				return err
			}
		}
		base += l.length()
		f.links = append(f.links, l)
		if offset = l.end; offset == f.size {
			return nil
		}
	}
	return errors.New("ogg: too many links")
}

// lastPage returns the last page of the file that has a granule position.
func (f *OpusFile) lastPage() (last oggPlace, err error) {
	for from := max(0, f.size-oggSearch); ; {
		p, ok, err := f.page(from, f.size)
		switch {
		case err != nil:
			return last, err
		case !ok && last.next == 0:
			return last, errNoPage
		case !ok:
			return last, nil
		case timed(p):
			last = p
		}
		from = p.offset + 1
		if p.next <= f.size {
			from = p.next
		}
	}
}

// readLink reads the headers of the link that begins at an offset.
func (f *OpusFile) readLink(offset int64) (l oggLink, err error) {
	first, ok, err := f.page(offset, f.size)
	if err != nil || !ok || first.flags&oggFirst == 0 || first.next-first.offset > 4<<10 {
		return l, errors.Join(err, errNoPage)
	}
	page, err := f.in.Peek(int(first.next - first.offset))
	if err != nil {
		return l, err
	}
	if l.head, err = parseOpusHead(page[27+int(page[26]):]); err != nil {
		return l, err
	}
	l.offset, l.serial = offset, first.serial
	second, ok, err := f.page(first.next, f.size)
	if err != nil || !ok || second.flags&oggFirst != 0 || second.serial != l.serial {
		return l, errors.Join(err, errMultiplexed)
	}
	return l, f.startLink(&l, second.next)
}

// startLink finds where the sound of a link begins: a recording may be a part of a longer
// one (RFC 7845 section 4.5).
func (f *OpusFile) startLink(l *oggLink, from int64) error {
	p, ok, err := f.find(from, f.size, func(p oggPlace) bool { return timed(p) && p.granule > 0 })
	if err != nil || !ok || p.serial != l.serial {
		return errors.Join(err, errNoPage)
	}
	o := &ogg{r: f.in.Reader, serial: l.serial, found: true, packet: make([]byte, 0, 4<<10)}
	if err := o.page(); err != nil {
		return err
	}
	n := int64(0)
	for o.ends() >= 0 {
		packet, err := o.nextPacket()
		if err != nil {
			return err
		}
		if d, err := opusDuration(packet); err == nil {
			n += int64(d * opusRate / time.Second)
		}
	}
	// The sound before a trimmed end is longer than its granule position says.
	l.start = max(0, p.granule-n)
	return nil
}

// endLink finds the end of a link which is not that of the file.
func (f *OpusFile) endLink(l *oggLink) error {
	// Time is 0 in the link and 1 behind it.
	in := anchor{offset: l.offset, next: l.offset}
	var last oggPlace
	_, err := bisect(in, anchor{offset: f.size}, 0, func(from, limit int64) (anchor, bool, error) {
		p, ok, err := f.page(from, limit)
		a := anchor{offset: p.offset, next: p.next}
		if ok && p.serial != l.serial {
			a.at = 1
		}
		if ok && a.at == 0 && p.offset >= last.offset {
			if last.offset, last.next = p.offset, p.next; timed(p) {
				last.granule = p.granule
			}
		}
		return a, ok, err
	})
	if err == nil && last.next <= l.offset {
		err = errNoPage
	}
	l.end, l.last = last.next, last.granule
	return err
}

// seekOgg goes to a page before a position.
func (f *OpusFile) seekOgg(position time.Duration) error {
	i := len(f.links) - 1
	for i > 0 && f.links[i].base > position {
		i--
	}
	l := &f.links[i]
	f.link = l
	f.target = 0
	best, err := anchor{offset: l.offset, next: l.offset}, error(nil)
	if position > 0 {
		f.target = position - l.base + l.head.PreSkip
		best, err = bisect(best, anchor{offset: l.end, at: l.pts(l.last)}, f.target, func(from, limit int64) (anchor, bool, error) {
			p, ok, err := f.find(from, limit, func(p oggPlace) bool { return timed(p) && p.serial == l.serial && p.granule > l.start })
			return anchor{p.offset, p.next, l.pts(p.granule)}, ok, err
		})
	}
	if err == nil {
		err = f.in.seek(best.offset)
	}
	if err != nil {
		return err
	}
	o := f.ogg
	o.serial, o.found, o.heads, o.tags = l.serial, true, false, false
	o.partial, o.skip, o.segments, o.packet, o.damaged = false, false, nil, o.packet[:0], 0
	if o.pts = best.at; best.offset == l.offset {
		return nil // with its headers
	}
	if err := o.page(); err != nil {
		return err
	}
	return o.dropEnded()
}

// ends returns the index of the last segment of the page with which a packet ends, or -1.
func (o *ogg) ends() int {
	for i := len(o.segments) - 1; i >= 0; i-- {
		if o.segments[i] < 255 {
			return i
		}
	}
	return -1
}

// dropEnded skips the packets that end on the page.
func (o *ogg) dropEnded() error {
	end := o.ends() + 1
	size := 0
	for _, n := range o.segments[:end] {
		size += int(n)
	}
	o.segments, o.skip, o.partial = o.segments[end:], false, false
	_, err := o.r.Discard(size)
	return err
}
