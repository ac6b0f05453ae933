package rtmp

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/internal/container"
	"github.com/gotgcall/gotgcall/media"
)

// MaxLate is how late a frame may come to be published with the sound it belongs to.
const MaxLate = 200 * time.Millisecond

const (
	// pictureLag is how long a picture may take from the player. The
	// compositor looks for one this much after it was due.
	pictureLag = 50 * time.Millisecond
	// soundLag is the same for sound. Nothing that the player still takes for
	// timely may come too late; the encoder waits with its pictures meanwhile.
	soundLag = MaxLate + pictureLag
	// catchUp is how late a tick may be, as when the encoder was busy with a key
	// frame, before it loses its picture.
	catchUp = 100 * time.Millisecond
	// sameInstant is how far apart two times may be that were meant to be one:
	// containers round to a millisecond.
	sameInstant = 2 * time.Millisecond
	// stillRate is how many pictures a second are published while none changes. At
	// 720p30 a still picture costs a third of the processor time that it costs at
	// the full rate.
	stillRate = 5
)

// compositor turns the frames of a player, which pauses and changes sources, into a
// stream without gaps for an encoder: a picture for each tick at which it changes, and
// a sample for each 1/44100 s. Missing sound is silence; a missing picture is the last
// one, or black when there is no video.
//
// Its ticks go on from one publication to the next, with a gap between them that
// makes the encoder begin with a key frame.
//
// Its write is a player's sink. Restart, advance, prime, start, run and finish are for one goroutine.
type compositor struct {
	format Format
	black  []byte // immutable

	// owned by run
	first int64 // the tick with which the publication begins
	next  int64 // the tick after the last one
	sent  int64 // the tick whose picture was published last

	mu       sync.Mutex // guards what follows; held while nothing waits
	epoch    time.Time  // when tick 0 was
	sound    pcmLine
	noVideo  bool      // pictures are not wanted
	shown    picture   // its data is owned by run
	waiting  []picture // in the order they are due; at most capacity
	free     [][]byte  // buffers of pictures
	capacity int
	ends     time.Time // when the last picture of the source ends
	given    uint64    // pictures that the encoder was given
	dropped  uint64    // ticks that were left out
}

// picture is one that is due.
type picture struct {
	due     time.Time
	yuv     []byte
	isBlack bool // and no buffer to use again
}

func newCompositor(f Format, noVideo bool) *compositor {
	c := &compositor{format: f, black: blackPicture(f.Format), noVideo: noVideo}
	c.shown = picture{yuv: c.black, isBlack: true}
	// What is due before its tick is made, and a tick on either side.
	c.capacity = int((pictureLag+catchUp)*time.Duration(f.FPS)/time.Second) + 2
	return c
}

// blackPicture is black in limited range (ITU-R BT.601 section 2.5.3).
func blackPicture(f media.Format) []byte {
	yuv := make([]byte, f.PictureSize())
	luma := f.Width * f.Height
	for i := range yuv {
		yuv[i] = 16
		if i >= luma {
			yuv[i] = 128
		}
	}
	return yuv
}

// at is when a tick is, counted from the first.
func (c *compositor) at(tick int64) time.Duration {
	return time.Duration(tick) * time.Second / time.Duration(c.format.FPS)
}

// primer is how many ticks ffmpeg has to see before it encodes the first.
const primer = 2

// interval is how many ticks there are between two key frames.
func (c *compositor) interval() int64 { return int64(KeyInterval * c.format.FPS) }

// restart begins at tick 0, for a new encoder.
func (c *compositor) restart() { c.next = 0 }

// advance goes on to the next publication and returns when it begins: with the first
// tick, or when the next key frame is due after the last one.
func (c *compositor) advance() time.Duration {
	if c.first = c.next; c.next > 0 {
		c.first += c.interval()
	}
	return c.at(c.first)
}

// prime gives the encoder the first ticks of a publication.
func (c *compositor) prime(out Encoder) error {
	silence := make([]byte, container.SampleSize*samplesIn(c.at(1)))
	for i := range int64(primer) {
		at := timeOf(c.firstSample() + i*samplesIn(c.at(1)))
		if err := errors.Join(out.Sound(at, silence), out.Picture(c.at(c.first+i), c.shown.yuv)); err != nil {
			return err
		}
	}
	c.next, c.sent = c.first+primer, c.first+primer-1
	return nil
}

// firstSample is the one with which the publication begins.
func (c *compositor) firstSample() int64 { return samplesIn(c.at(c.first)) }

// write takes a frame that is due: a player's sink.
func (c *compositor) write(f media.Frame, due time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.Track == media.TrackAudio {
		c.sound.put(due.Sub(c.epoch), f.Data)
		return
	}
	c.ends = due.Add(f.Duration)
	if c.noVideo || len(f.Data) != len(c.black) {
		return // a source of another format is about to be replaced
	}
	if len(c.waiting) >= c.capacity {
		c.recycle(c.waiting[0])
		c.waiting = append(c.waiting[:0], c.waiting[1:]...)
	}
	var yuv []byte
	if n := len(c.free); n > 0 {
		yuv, c.free = c.free[n-1], c.free[:n-1]
	} else {
		yuv = make([]byte, len(c.black))
	}
	copy(yuv, f.Data)
	c.waiting = append(c.waiting, picture{due: due, yuv: yuv})
}

// setNoVideo turns the video black from the end of the last picture on, or ends that.
func (c *compositor) setNoVideo(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if on && !c.noVideo {
		c.waiting = append(c.waiting, picture{due: c.ends, yuv: c.black, isBlack: true})
	}
	c.noVideo = on
}

func (c *compositor) recycle(p picture) {
	if !p.isBlack {
		c.free = append(c.free, p.yuv)
	}
}

// pictureAt returns the picture of a tick, and whether it is another than the one before.
// It is valid until the next call.
func (c *compositor) pictureAt(tick int64) (yuv []byte, changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.epoch.Add(c.at(tick))
	// A picture is passed over only when the next one is due, and shown when it is
	// nearly due: so rounding neither drops one nor shows one twice.
	for len(c.waiting) > 1 && !c.waiting[1].due.After(at) {
		c.recycle(c.waiting[0])
		c.waiting = append(c.waiting[:0], c.waiting[1:]...)
	}
	if len(c.waiting) > 0 && !c.waiting[0].due.After(at.Add(sameInstant)) {
		changed = !bytes.Equal(c.shown.yuv, c.waiting[0].yuv)
		c.recycle(c.shown)
		c.shown = c.waiting[0]
		c.waiting = append(c.waiting[:0], c.waiting[1:]...)
	}
	return c.shown.yuv, changed
}

// show publishes the picture of a tick. One that is the same as before is left out,
// but for some: those at which a key frame is due, and stillRate in a second.
func (c *compositor) show(out Encoder, tick int64) error {
	c.next = tick + 1
	yuv, changed := c.pictureAt(tick)
	still := tick-c.sent < max(1, int64(c.format.FPS/stillRate))
	if still && !changed && (tick-c.first)%c.interval() != 0 {
		return nil
	}
	c.sent = tick
	c.count(1, 0)
	return out.Picture(c.at(tick), yuv)
}

// writeSound publishes the sound up to a time.
func (c *compositor) writeSound(out Encoder, until time.Duration) error {
	c.mu.Lock()
	at, pcm := c.sound.read(until)
	c.mu.Unlock()
	if len(pcm) == 0 {
		return nil
	}
	return out.Sound(at, pcm)
}

// start makes now the time at which the primer ends.
func (c *compositor) start(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch = now.Add(-c.at(c.next))
	c.sound.reset(c.firstSample() + primer*samplesIn(c.at(1)))
}

// run feeds the encoder, tick by tick, until ctx is done or the encoder has ended.
// It calls taken after each tick. Ticks that the encoder leaves no time for lose
// their picture; their sound is sent with the next, up to a second of it.
func (c *compositor) run(ctx context.Context, out Encoder, taken func()) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for tick := c.next; ; tick++ {
		due := c.epoch.Add(c.at(tick) + pictureLag)
		if late := time.Since(due); late > catchUp {
			missed := int64(late * time.Duration(c.format.FPS) / time.Second)
			tick += missed
			c.count(0, missed)
		}
		timer.Reset(time.Until(due))
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
		if err := c.writeSound(out, c.at(tick)-soundLag); err != nil {
			return err
		}
		if err := c.show(out, tick); err != nil {
			return err
		}
		taken()
	}
}

// finish feeds the frames that the lags hold back: all that has been played.
func (c *compositor) finish(out Encoder) error {
	tick := c.next
	for now := time.Now(); !c.epoch.Add(c.at(tick - 1)).After(now); tick++ {
		if err := c.show(out, tick); err != nil {
			return err
		}
	}
	return c.writeSound(out, c.at(tick))
}

func (c *compositor) count(given, dropped int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.given += uint64(given)
	c.dropped += uint64(dropped)
}

// counts are the pictures that the encoder was given, and the ticks that were left out.
func (c *compositor) counts() (given, dropped uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.given, c.dropped
}
