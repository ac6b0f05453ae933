package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"github.com/gotgcall/gotgcall/internal/ffmpeg"
	"github.com/gotgcall/gotgcall/media"
)

// copied is the Stream of a file whose pictures are H.264 that can be sent as it is. The
// first pictures are judged before anything is played, the others as they come: at one
// that cannot be sent the file is reopened, to be encoded from there on.
type copied struct {
	*replaceable
	encode func(ctx context.Context, position time.Duration) (media.Stream, error)

	// owned by the reader
	judge  *pictureJudge // nil once pictures are encoded
	ahead  []media.Frame // have been judged
	offset time.Duration // of the current stream's times
	sound  time.Duration // where the last frame of sound ended
	shown  time.Duration // the time of the last picture; before 0 if there is none
	end    error         // why it could not be opened again
}

// copies reports whether the pictures of a file may be passed on, as far as that is known
// without it. What begins in its middle is encoded: the next picture with which decoding
// can begin may be two seconds away.
func copies(enc ffmpeg.Encoding, always bool, position time.Duration) bool {
	o := enc.Options
	return position == 0 && !always && o.VideoEncoder.Codec() == media.CodecH264 && o.Tracks.Has(media.TrackVideo) &&
		!enc.Format.Raw() && enc.Sound.Speed == 1
}

// plainPictures is what an encoder says of pictures that it passes on.
type plainPictures interface {
	media.Stream
	Plain() bool
}

// newCopied returns a copied that owns a stream, or nil when its pictures have to be
// encoded. The stream is closed then.
func newCopied(ctx context.Context, o media.EncodeOptions, stream plainPictures, encode func(context.Context, time.Duration) (media.Stream, error)) *copied {
	c := &copied{replaceable: newReplaceable(stream), encode: encode, judge: &pictureJudge{options: o}, shown: -time.Millisecond}
	stop := context.AfterFunc(ctx, func() { _ = stream.Close() })
	fit := c.tracks.Has(media.TrackVideo) && stream.Plain() && c.look()
	if !stop() || !fit {
		_ = c.Close()
		return nil
	}
	return c
}

// maxAhead bounds the frames that are judged before the first is played: those of two
// seconds, at any bit rate that is passed on.
const maxAhead = 1000

// look judges all up to the second key frame, and keeps it for ReadFrame.
func (c *copied) look() bool {
	for len(c.ahead) < maxAhead {
		f, err := c.current.ReadFrame()
		if errors.Is(err, io.EOF) && c.judge.begun {
			c.end = err
			return true
		}
		if err != nil || !c.judge.admit(f) {
			return false
		}
		f.Data = bytes.Clone(f.Data)
		c.ahead = append(c.ahead, f)
		if c.judge.groups > 1 {
			return true
		}
	}
	return false
}

// ReadFrame returns the next frame; see [media.Stream].
func (c *copied) ReadFrame() (media.Frame, error) {
	if c.ctx.Err() != nil {
		return media.Frame{}, errStreamClosed()
	}
	if len(c.ahead) > 0 {
		f := c.ahead[0]
		c.ahead = c.ahead[1:]
		return c.played(f), nil
	}
	if c.end != nil {
		return media.Frame{}, c.end
	}
	f, err := c.current.ReadFrame()
	if c.judge != nil && c.unfit(f, err) {
		if c.end = c.reopen(); c.end != nil {
			return media.Frame{}, c.end
		}
		f, err = c.current.ReadFrame()
	}
	if err != nil {
		return media.Frame{}, err
	}
	return c.played(f), nil
}

// unfit reports whether what was read cannot be passed on. What ffmpeg cannot copy it may
// be able to decode.
func (c *copied) unfit(f media.Frame, err error) bool {
	return err == nil && !c.judge.admit(f) || err != nil && !errors.Is(err, io.EOF)
}

// played returns a frame in the stream's own time. A picture that has been played already
// is the key frame of those after it, so it comes a little later.
func (c *copied) played(f media.Frame) media.Frame {
	f.PTS += c.offset
	if f.Track == media.TrackAudio {
		c.sound = f.PTS + f.Duration
		return f
	}
	f.PTS = max(f.PTS, c.shown+time.Millisecond)
	c.shown = f.PTS
	return f
}

// reopen encodes the file from the end of the last sound on, or of the last picture if
// there is none.
func (c *copied) reopen() error {
	at := c.shown + time.Millisecond
	if c.tracks.Has(media.TrackAudio) {
		at = c.sound
	}
	err := c.replace("encode pictures that were passed on", func(ctx context.Context) (media.Stream, error) {
		return c.encode(ctx, at)
	})
	if err == nil {
		c.offset, c.judge = at, nil
	}
	return err
}
