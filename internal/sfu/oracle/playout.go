package oracle

import (
	"slices"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/internal/sfu/avc"
	"github.com/gotgcall/gotgcall/internal/sfu/vp8"
	"github.com/pion/rtp"
)

const (
	// maxPlayout bounds what a Playout keeps: an hour of 720p.
	maxPlayout = 1 << 20
	// playoutAhead is how many frames a Playout may find missing in one place, by their
	// numbers.
	playoutAhead = 1 << 13
)

// Packet is an RTP packet that passed SRTP. Its receiver may keep it.
type Packet struct {
	Header  rtp.Header
	Payload []byte
	// Size is that of the datagram, without UDP and IP headers.
	Size    int
	Arrival time.Time
}

// Playout is a receiver's jitter buffer that judges afterwards: it keeps what it needs
// of the packets that arrived, and says which of their frames could have been played in
// time. The zero value is ready; it may be used by many goroutines.
//
//	var play oracle.Playout
//	cfg.OnRTP = func(_ *sfu.Participant, pkt sfu.Packet) { play.Add(pkt) }
//	…
//	report := play.Video(media, rtx, 500*time.Millisecond)
type Playout struct {
	mu      sync.Mutex // guards streams, count
	streams map[uint32][]heard
	count   int
}

// heard is what is kept of a packet.
type heard struct {
	seq        uint16
	timestamp  uint32
	at         time.Time
	original   uint16 // of RTX
	repeats    bool   // RTX with a payload
	empty      bool   // padding only
	begins     bool   // a VP8 frame, or a unit of H.264
	unmarked   bool   // nothing in it says which frame it begins
	key        bool
	ends       bool
	picture    uint16
	hasPicture bool
}

// PlayoutReport counts frames from the first one that arrived to the last one.
type PlayoutReport struct {
	// Frames is how many there were. A frame of which nothing came counts if the
	// pictures around it are numbered (RFC 7741's PictureID of 15 bits), as those of
	// H.264 are not.
	Frames int
	// InTime were complete when they were due; Late only after that; the rest never.
	InTime, Late int
	// Decodable were in time and so was every frame since the key frame before.
	Decodable int
	// Recovered were complete only because packets of theirs were repeated on the RTX SSRC.
	Recovered int
	// Longest is the longest run of frames that were not decodable.
	Longest int
}

// Share is the decodable part of all frames, 0 when there were none.
func (r PlayoutReport) Share() float64 {
	if r.Frames == 0 {
		return 0
	}
	return float64(r.Decodable) / float64(r.Frames)
}

// Add keeps a packet, up to a million of them.
func (p *Playout) Add(pkt Packet) {
	h := heard{
		seq:       pkt.Header.SequenceNumber,
		timestamp: pkt.Header.Timestamp,
		at:        pkt.Arrival,
		empty:     len(pkt.Payload) == 0,
		ends:      pkt.Header.Marker,
	}
	payload := pkt.Payload
	if isRTXType(pkt.Header.PayloadType) {
		h.repeats = len(payload) > OSNSize
		if h.repeats {
			h.original = uint16(payload[0])<<8 | uint16(payload[1])
			payload = payload[OSNSize:]
		}
	}
	if pt := pkt.Header.PayloadType; pt == h264PT || pt == h264PT+1 {
		// Nothing in H.264 says that a unit is the first of its frame: assemble
		// looks at what is before it.
		unit, err := avc.Parse(payload)
		h.begins, h.key, h.unmarked = err == nil && unit.Starts, unit.Key, true
	} else {
		h.key = vp8.StartsKeyFrame(payload)
		h.begins = vp8.StartsFrame(payload)
		h.picture, h.hasPicture = vp8.PictureID(payload)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count == maxPlayout {
		return
	}
	if p.streams == nil {
		p.streams = map[uint32][]heard{}
	}
	p.count++
	p.streams[pkt.Header.SSRC] = append(p.streams[pkt.Header.SSRC], h)
}

func isRTXType(payloadType uint8) bool {
	return payloadType == 101 || payloadType == 103 || payloadType == 105
}

// Video judges a stream of VP8 or H.264. The first frame that arrived is due delay after its first
// packet, the others by their timestamps. rtx is where repeated packets come; zero for
// nowhere.
func (p *Playout) Video(media, rtx uint32, delay time.Duration) PlayoutReport {
	return judge(p.frames(media, rtx), VideoClock, delay)
}

// Audio judges an Opus stream: each packet is a frame that needs no other.
func (p *Playout) Audio(ssrc uint32, delay time.Duration) PlayoutReport {
	packets := p.merge(ssrc, 0)
	frames := make([]frame, 0, len(packets))
	for i, pkt := range packets {
		if i > 0 {
			frames = append(frames, missing(pkt.number-packets[i-1].number-1)...)
		}
		if !pkt.empty {
			frames = append(frames, frame{
				heard: true, whole: true, key: true, timestamp: pkt.timestamp, first: pkt.at, at: pkt.at,
			})
		}
	}
	return judge(frames, AudioClock, delay)
}

// numbered is a packet with its extended sequence number.
type numbered struct {
	heard
	number   int64
	repaired bool
}

// merge puts what came on both SSRCs into the order it was sent in, each number once,
// as it came first.
func (p *Playout) merge(media, rtx uint32) []numbered {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []numbered
	extend := sequence{}
	for _, h := range p.streams[media] {
		all = append(all, numbered{heard: h, number: extend.observe(h.seq).number})
	}

	// A repeated packet is near the ones that came before it.
	for _, h := range p.streams[rtx] {
		if n, ok := nearest(all, h); ok {
			all = append(all, numbered{heard: h, number: n, repaired: true})
		}
	}
	slices.SortStableFunc(all, func(a, b numbered) int {
		if a.number != b.number {
			return int(a.number - b.number)
		}
		return a.at.Compare(b.at)
	})
	return slices.CompactFunc(all, func(a, b numbered) bool { return a.number == b.number })
}

// nearest extends the original number of a repeated packet. sent is in order of arrival
// as far as it is media.
func nearest(sent []numbered, h heard) (int64, bool) {
	if !h.repeats || len(sent) == 0 {
		return 0, false
	}
	at, _ := slices.BinarySearchFunc(sent, h, func(n numbered, h heard) int {
		if n.repaired {
			return 1 // behind all media
		}
		return n.at.Compare(h.at)
	})
	near := sequence{highest: sent[max(at-1, 0)].number}
	return near.extend(h.original), true
}

// frame is what is known of one. The zero value is one of which nothing came.
type frame struct {
	heard     bool
	whole     bool
	key       bool
	repaired  bool // it needed a repeated packet
	timestamp uint32
	first, at time.Time // of its first packet and of the one that made it whole
}

func missing(count int64) []frame { return make([]frame, max(0, min(count, playoutAhead))) }

// frames puts packets together.
func (p *Playout) frames(media, rtx uint32) []frame {
	packets := p.merge(media, rtx)
	contiguous(packets)
	packets = slices.DeleteFunc(packets, func(n numbered) bool { return n.empty })
	var (
		frames []frame
		before []numbered
	)
	for len(packets) > 0 {
		size := slices.IndexFunc(packets, func(n numbered) bool { return n.timestamp != packets[0].timestamp })
		if size < 0 {
			size = len(packets)
		}
		group := packets[:size]
		packets = packets[size:]
		frames = append(frames, missing(between(before, group))...)
		frames = append(frames, assemble(group))
		before = group
	}
	return frames
}

// contiguous corrects which packets of H.264 begin a frame: those that follow the end of
// one, or the padding after that, without a gap.
func contiguous(packets []numbered) {
	ended := true
	for i := range packets {
		p := &packets[i]
		if i > 0 && p.number != packets[i-1].number+1 {
			ended = false
		}
		if p.unmarked {
			p.begins = p.begins && ended
		}
		if !p.empty {
			ended = p.ends
		}
	}
}

// between counts the frames of which nothing came, by the numbers of the pictures
// around them.
func between(before, group []numbered) int64 {
	if len(before) == 0 || !before[0].hasPicture || !group[0].hasPicture {
		return 0
	}
	return int64((group[0].picture - before[0].picture - 1) & vp8.PictureMask)
}

func assemble(group []numbered) frame {
	last := group[len(group)-1]
	f := frame{
		heard:     true,
		whole:     group[0].begins && last.ends && last.number-group[0].number == int64(len(group)-1),
		key:       group[0].key,
		timestamp: group[0].timestamp,
		first:     group[0].at,
	}
	for _, n := range group {
		f.repaired = f.repaired || n.repaired
		if f.at.Before(n.at) {
			f.at = n.at
		}
		if n.at.Before(f.first) {
			f.first = n.at
		}
	}
	return f
}

// judge plays frames, the first one that came delay after its first packet.
func judge(frames []frame, clock float64, delay time.Duration) PlayoutReport {
	var (
		report    = PlayoutReport{Frames: len(frames)}
		start     time.Time // when the media time was zero
		timestamp uint32
		elapsed   time.Duration
		decodes   bool
		run       int
	)
	for _, f := range frames {
		if f.heard {
			if start.IsZero() {
				start, timestamp = f.first, f.timestamp
			}
			elapsed += time.Duration(float64(int32(f.timestamp-timestamp)) / clock * float64(time.Second))
			timestamp = f.timestamp
		}
		inTime := f.whole && !f.at.After(start.Add(elapsed+delay))
		decodes = inTime && (decodes || f.key)
		report.count(f, inTime, decodes)
		run++
		if decodes {
			run = 0
		}
		report.Longest = max(report.Longest, run)
	}
	return report
}

func (r *PlayoutReport) count(f frame, inTime, decodes bool) {
	switch {
	case inTime:
		r.InTime++
	case f.whole:
		r.Late++
	}
	if f.whole && f.repaired {
		r.Recovered++
	}
	if decodes {
		r.Decodable++
	}
}
