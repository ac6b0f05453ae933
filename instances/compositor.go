package instances

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/internal/rtmp"
	"github.com/gotgcall/gotgcall/media"
)

const (
	// pictureLag is how long a picture may be under way from the pump. The
	// compositor looks for one this much after it was due.
	pictureLag = 50 * time.Millisecond
	// soundLag is the same for sound. Nothing that the pump still takes for
	// timely may come too late; the encoder waits with its pictures meanwhile.
	soundLag = maxLate + pictureLag
	// catchUp is how late a tick may be, as when the encoder was busy with a key
	// frame, before it loses its picture.
	catchUp = 100 * time.Millisecond
	// sameInstant is how far apart two times may be that were meant to be one:
	// containers round to a millisecond.
	sameInstant = 2 * time.Millisecond
)

// publication is where a compositor's pictures and sound go; see rtmp.Push.
type publication interface {
	Picture(at time.Duration, yuv []byte) error
	Sound(at time.Duration, pcm []byte) error
}

// compositor turns what a player plays, when it plays, into what an RTMP server
// wants: a picture for each tick and a sample for each 1/44100 s, without end and
// without a gap. Where there is no sound there is silence; where there is no new
// picture there is the last one, and black when there is no video.
//
// Its write is a player's sink. Its run is for one goroutine.
type compositor struct {
	format rtmp.Format
	black  []byte // immutable

	mu       sync.Mutex // guards what follows; held while nothing waits
	epoch    time.Time  // when tick 0 was
	sound    sound
	dark     bool      // there is no video: pictures are not wanted
	shown    picture   // its data is owned by run
	waiting  []picture // in the order they are due; at most capacity
	free     [][]byte  // buffers of pictures
	capacity int
	ends     time.Time // when the last picture of the source ends
	taken    uint64    // pictures that were published
	dropped  uint64    // ticks that were left out
}

// picture is one that is due.
type picture struct {
	due  time.Time
	yuv  []byte
	kept bool // it is the black one: no buffer to use again
}

func newCompositor(f rtmp.Format) *compositor {
	c := &compositor{format: f, black: blackPicture(f.RawFormat), dark: true}
	c.shown = picture{yuv: c.black, kept: true}
	// What is due before its tick is made, and a tick on either side.
	c.capacity = int((pictureLag+catchUp)*time.Duration(f.FPS)/time.Second) + 2
	return c
}

// blackPicture is black in limited range (ITU-R BT.601 section 2.5.3).
func blackPicture(f media.RawFormat) []byte {
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

// begin gives a new publication its first ticks.
func (c *compositor) begin(out publication) error {
	silence := make([]byte, media.RawSampleSize*samplesIn(c.at(1)))
	for tick := range int64(primer) {
		if err := errors.Join(out.Sound(timeOf(tick*samplesIn(c.at(1))), silence), out.Picture(c.at(tick), c.shown.yuv)); err != nil {
			return err
		}
	}
	return nil
}

// write takes a frame that is due: a player's sink.
func (c *compositor) write(f media.Frame, due time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.Track == media.TrackAudio {
		c.sound.put(due.Sub(c.epoch), f.Data)
		return
	}
	c.ends = due.Add(f.Duration)
	if c.dark {
		return
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

// setDark says that there is no video from the end of the last picture on, or that
// there is again.
func (c *compositor) setDark(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if on && !c.dark {
		c.waiting = append(c.waiting, picture{due: c.ends, yuv: c.black, kept: true})
	}
	c.dark = on
}

func (c *compositor) recycle(p picture) {
	if !p.kept {
		c.free = append(c.free, p.yuv)
	}
}

// take returns the picture of a tick. It is valid until the next take.
func (c *compositor) take(tick int64) []byte {
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
		c.recycle(c.shown)
		c.shown = c.waiting[0]
		c.waiting = append(c.waiting[:0], c.waiting[1:]...)
	}
	return c.shown.yuv
}

// hear publishes the sound up to a time.
func (c *compositor) hear(out publication, until time.Duration) error {
	c.mu.Lock()
	at, pcm := c.sound.take(until)
	c.mu.Unlock()
	if len(pcm) == 0 {
		return nil
	}
	return out.Sound(at, pcm)
}

// start makes now the time at which begin's ticks end.
func (c *compositor) start(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch = now.Add(-c.at(primer))
	c.sound.reset(primer * samplesIn(c.at(1)))
}

// run publishes, tick by tick, until ctx ends or the publication fails. It calls
// taken after each tick. Ticks that the publication leaves no time for lose their
// picture; their sound is sent with the next, up to a second of it.
func (c *compositor) run(ctx context.Context, out publication, taken func()) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for tick := int64(primer); ; tick++ {
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
			return c.finish(out, tick)
		}
		if err := c.hear(out, c.at(tick)-soundLag); err != nil {
			return err
		}
		if err := out.Picture(c.at(tick), c.take(tick)); err != nil {
			return err
		}
		c.count(1, 0)
		taken()
	}
}

// finish publishes what the lags kept back: all that has been played.
func (c *compositor) finish(out publication, tick int64) error {
	for now := time.Now(); !c.epoch.Add(c.at(tick - 1)).After(now); tick++ {
		if err := out.Picture(c.at(tick), c.take(tick)); err != nil {
			return err
		}
	}
	return c.hear(out, c.at(tick))
}

func (c *compositor) count(taken, dropped int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken += uint64(taken)
	c.dropped += uint64(dropped)
}

// counts are the pictures that were published and those that were left out.
func (c *compositor) counts() (taken, dropped uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.taken, c.dropped
}
