package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/internal/sfu/oracle"
)

// receiver judges what arrives at a call's server. It decodes all sound and joins all
// pictures, a second at a time: an hour takes no more memory than a minute.
type receiver struct {
	sample *sample // what should arrive; nil: unknown
	batch  int     // how many packets are judged together

	from    atomic.Pointer[sfu.Participant] // who plays; nil before its first packet
	packets chan arrival
	missed  atomic.Uint64 // packets that found no room in packets
	judged  chan struct{} // closed when judge has seen all packets

	// owned by judge until judged is closed
	sound, picture track
	pcm            *mediatest.PCM         // of the last batch
	frames         []mediatest.VideoFrame // of the last batch
	decodeErr      error                  // the first
	complete       int                    // pictures
	broken         int                    // pictures of which a part is missing
	newest         uint32                 // RTP time of the newest picture
	size           image.Point
}

// errTooSlow is why what arrived is not what was sent, and no fault of the library.
var errTooSlow = errors.New("the source or this machine could not keep up")

// arrival is a packet and the kind of its track.
type arrival struct {
	mediatest.Packet
	kind gotgcall.StreamType
}

// track is what arrived of sound or picture.
type track struct {
	waiting  []mediatest.Packet // to be judged
	began    time.Time          // zero: nothing arrived
	from, to uint32             // RTP time: its start, its end
	rate     time.Duration      // RTP clock rate
}

// newReceiver returns a receiver for the packets of one call. The caller must close it.
func newReceiver(sample *sample) *receiver {
	r := &receiver{
		sample:  sample,
		batch:   50,                        // a second of sound
		packets: make(chan arrival, 1<<13), // some 80 s
		judged:  make(chan struct{}),
		sound:   track{rate: mediatest.SampleRate},
		picture: track{rate: mediatest.VideoClockRate},
	}
	if sample != nil {
		r.batch = math.MaxInt // its checks want the whole
	}
	go r.judge() // stopped and awaited by close
	return r
}

// close ends the judging. No packet may come after it. It is idempotent.
func (r *receiver) close() {
	select {
	case <-r.judged:
	default:
		close(r.packets)
		<-r.judged
	}
}

// onRTP takes each packet that arrives, of the first call alone. It must not block.
func (r *receiver) onRTP(from *sfu.Participant, p sfu.Packet) {
	const vp8 = 100 // the payload type; what has another repeats packets
	if !r.from.CompareAndSwap(nil, from) && r.from.Load() != from {
		return
	}
	kind := gotgcall.Video
	if p.Header.SSRC == from.SSRC() {
		kind = gotgcall.Audio
	}
	if len(p.Payload) == 0 || kind == gotgcall.Video && p.Header.PayloadType != vp8 {
		return
	}
	packet := mediatest.NewPacket(&rtp.Packet{Header: p.Header, Payload: p.Payload}, p.Arrival)
	select {
	case r.packets <- arrival{packet, kind}:
	default:
		r.missed.Add(1)
	}
}

func (r *receiver) judge() {
	defer close(r.judged)
	for p := range r.packets {
		t, judge, whole := &r.sound, r.hear, true
		if p.kind == gotgcall.Video {
			t, judge, whole = &r.picture, r.see, p.Marker // it is on a picture's last packet
		}
		if t.began.IsZero() {
			t.began, t.from, t.to = p.Arrival, p.Timestamp, p.Timestamp
		}
		t.waiting = append(t.waiting, p.Packet)
		if whole && len(t.waiting) >= r.batch {
			judge()
		}
	}
	r.hear()
	r.see()
}

// hear decodes the sound that waits.
func (r *receiver) hear() {
	pcm, err := mediatest.DecodeOpus(r.sound.waiting)
	switch {
	case err != nil && r.decodeErr == nil:
		r.decodeErr = err
	case err == nil && len(pcm.Samples) > 0:
		r.pcm, r.sound.to = pcm, pcm.Timestamp(pcm.Duration())
	}
	r.sound.waiting = r.sound.waiting[:0]
}

// see joins the pictures that wait.
func (r *receiver) see() {
	frames, broken := mediatest.Assemble(r.picture.waiting)
	r.frames, r.broken = frames, r.broken+broken
	for _, f := range frames {
		if f.Key {
			r.size = f.Size
		}
		if r.complete++; r.complete > 1 { // it lasts as long as the one before, for all we know
			r.picture.to = f.Timestamp + (f.Timestamp - r.newest)
		}
		r.newest = f.Timestamp
	}
	r.picture.waiting = r.picture.waiting[:0]
}

// length is how long the track lasts.
func (t *track) length() time.Duration {
	return time.Duration(t.to-t.from) * time.Second / t.rate
}

// length is from the start of what began first to the end of what ended last.
func (r *receiver) length() time.Duration {
	s, p := &r.sound, &r.picture
	switch {
	case p.began.IsZero():
		return s.length()
	case s.began.IsZero():
		return p.length()
	case s.began.Before(p.began):
		return max(s.length(), p.began.Sub(s.began)+p.length())
	}
	return max(p.length(), s.began.Sub(p.began)+s.length())
}

// totals is what the server counted of sound and picture.
type totals struct{ sound, packets, bytes, lost uint64 }

func (r *receiver) totals() totals {
	var t totals
	from := r.from.Load()
	if from == nil {
		return t
	}
	for _, st := range from.Stats().Streams {
		switch st.Kind {
		case oracle.Audio:
			t.sound = st.Packets
		case oracle.Video:
		default:
			continue
		}
		t.packets += st.Packets
		t.bytes += st.Bytes
		t.lost += st.Lost
	}
	return t
}

// missing is how many packets are lost. The last ones leave no gap.
func (t totals) missing(p played) uint64 {
	if p.packets > t.packets+t.lost {
		return p.packets - t.packets
	}
	return t.lost
}

// report says in one line what arrived, once the player has left. Its error is that of
// check.
func (r *receiver) report(ctx context.Context, p played, out io.Writer) error {
	r.close()
	err := r.check(ctx, p)
	line := r.summary(p)
	switch {
	case err != nil || ctx.Err() != nil:
	case r.sample != nil:
		line += ", every tone and picture in its place"
	default:
		line += ", no rule broken"
	}
	fmt.Fprintln(out, line)
	return err
}

func (r *receiver) summary(p played) string {
	t := r.totals()
	var got []string
	if t.sound > 0 {
		got = append(got, fmt.Sprintf("%.1f s of audio in %d packets", r.sound.length().Seconds(), t.sound))
	}
	if r.complete > 0 {
		got = append(got, fmt.Sprintf("%d pictures of %dx%d", r.complete, r.size.X, r.size.Y))
	}
	if got == nil {
		return "received nothing"
	}
	lost := "nothing"
	if n := t.missing(p); n > 0 {
		lost = fmt.Sprintf("%d of %d packets", n, n+t.packets)
	}
	return fmt.Sprintf("received %s, %s lost", strings.Join(got, " and "), lost)
}

// check says how what arrived differs from what was played. It comes after close.
func (r *receiver) check(ctx context.Context, p played) error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if from := r.from.Load(); from != nil {
		for _, v := range from.Violations() {
			fail("a server would object: %s", v)
		}
	}
	if n := r.totals().missing(p); n > 0 {
		fail("%d packets were lost", n)
	}
	if r.broken > 0 {
		fail("%d pictures are incomplete", r.broken)
	}
	if r.decodeErr != nil {
		fail("the sound is damaged: %w", r.decodeErr)
	}
	if n := r.missed.Load(); n > 0 {
		fail("%d packets were not looked at: %w", n, errTooSlow)
	}
	if ctx.Err() != nil { // it ended wherever it was
		return errors.Join(errs...)
	}
	for kind, err := range p.ends {
		switch {
		case err != nil:
			fail("the %s broke off: %w", kind, err)
		case kind == gotgcall.Audio && r.pcm == nil, kind == gotgcall.Video && r.complete == 0:
			fail("no %s arrived", kind)
		}
	}
	const tolerance = 100 * time.Millisecond
	switch got := r.length().Round(time.Millisecond); {
	case got > p.length+tolerance:
		fail("it lasted %v at the far end, %v here: %w", got, p.length, errTooSlow)
	case got < p.length-tolerance:
		fail("it lasted %v at the far end, %v here", got, p.length)
	}
	if r.sample != nil && r.pcm != nil && r.complete > 0 {
		errs = append(errs, r.sample.check(ctx, r.pcm, r.frames))
	}
	return errors.Join(errs...)
}
