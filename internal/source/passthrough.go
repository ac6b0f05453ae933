package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/gotgcall/gotgcall/internal/container"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

const (
	// maxPassKbps is the most that is passed through when no bit rate is asked for:
	// what encoders call transparent, with room for what varies.
	maxPassKbps = 256
	// checkEvery is after how many frames a seek looks whether it is still wanted.
	checkEvery = 1 << 12
)

// passthrough is the Stream of Ogg or Matroska whose sound is Opus already: its packets as
// they are, read in this process.
type passthrough struct {
	// immutable
	opus    *container.OpusFile
	release func() error // ends a read
	prompt  bool
	sound   media.Sound
	info    media.SourceInfo
	// restarts returns how often a connection was replaced; nil: there is none
	restarts func() uint64

	closed atomic.Bool

	// owned by the reader
	first  *media.Frame  // has been read already; nil: it is not the next
	base   time.Duration // the time of the first frame
	origin time.Duration // where in the media that begins
}

// passes reports whether nothing that is asked for needs an encoder, as far as that is
// known without the file.
func passes(env media.Env, opts media.EncodeOptions) bool {
	neutral, _ := media.Sound{}.Resolve()
	return !env.Format.Raw() && env.Sound == neutral && !opts.AlwaysEncode && !opts.Voice && !opts.Tracks.Has(media.TrackVideo)
}

// passFile opens a file for pass-through. It returns nil without an error when the file is
// to be encoded: nothing is wrong with that, or ffmpeg says better what is.
func passFile(ctx context.Context, env media.Env, path string, opts media.EncodeOptions, position time.Duration) (media.Stream, error) {
	if !passes(env, opts) {
		return nil, nil
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, nil
	}
	p, err := newPassthrough(file, info.Size(), opts)
	if p == nil || err != nil {
		return nil, file.Close()
	}
	p.sound, p.release = env.Sound, file.Close
	p.prompt = !mayWait(path) // the kernel reads ahead
	if err := p.skip(ctx, position); err != nil {
		_ = file.Close()
		return nil, err
	}
	return p, nil
}

// newPassthrough reads the headers and the first packet, before which the tags are. It
// returns nil when the file is to be encoded. One that is no io.Seeker may be of any
// length, and its size be -1.
func newPassthrough(file io.Reader, size int64, opts media.EncodeOptions) (*passthrough, error) {
	opus, err := container.NewOpusFile(file, size)
	if err != nil {
		return nil, err
	}
	for _, head := range opus.Heads() {
		if head.Gain != 0 || opts.AudioChannels == 1 && head.Channels == 2 {
			return nil, nil
		}
	}
	p := &passthrough{opus: opus}
	_, seeks := file.(io.Seeker)
	if seeks {
		if err := opus.Seek(0); err != nil {
			return nil, err
		}
	}
	f, err := opus.Next()
	if err != nil {
		return nil, err
	}
	p.first, p.base = &f, f.PTS
	tags := opus.Tags()
	p.info = media.SourceInfo{
		Title: cmp.Or(tags.Title, tags.TrackTitle), Artist: tags.Artist, Album: tags.Album, Duration: tags.Duration,
	}
	most := cmp.Or(opts.AudioBitrateKbps, maxPassKbps)
	switch rate := float64(size) * 8 / 1000 / tags.Duration.Seconds(); {
	case size > 0 && tags.Duration > 0 && rate > float64(most):
		return nil, nil
	case size > 0 && tags.Duration > 0:
		return p, nil
	case seeks || opts.AudioBitrateKbps != 0:
		return nil, nil // the bit rate is not known
	}
	return p, nil
}

// skip goes to the packet that holds a position.
func (p *passthrough) skip(ctx context.Context, position time.Duration) error {
	if position == 0 {
		return nil // the first packet has been read
	}
	err := ctx.Err()
	if err == nil {
		p.first, err = nil, p.opus.Seek(position)
	}
	for n := 1; err == nil; n++ {
		var f media.Frame
		if f, err = p.next(); err == nil && f.PTS+f.Duration > p.opus.Target() {
			p.first, p.base, p.origin = &f, f.PTS, p.opus.Position(f.PTS)
			return nil
		}
		if n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err = broken(err); errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: nothing to play: %w", models.ErrFile, err)
	}
	return err
}

// next returns the next frame of sound.
func (p *passthrough) next() (media.Frame, error) {
	if f := p.first; f != nil {
		p.first = nil
		return *f, nil
	}
	return p.opus.Next()
}

// Tracks returns the sound: pictures are not passed through.
func (p *passthrough) Tracks() media.Track { return media.TrackAudio }

// Origin returns where the packet begins that holds the position asked for.
func (p *passthrough) Origin() time.Duration { return p.origin }

// SourceInfo returns what the file says.
func (p *passthrough) SourceInfo() media.SourceInfo { return p.info }

// Sound is the file's own. Another one needs an encoder, with which it is opened again.
func (p *passthrough) Sound() (media.Sound, bool) { return p.sound, true }

// Restarts returns how often what was lost on the network was requested again.
func (p *passthrough) Restarts() uint64 {
	if p.restarts == nil {
		return 0
	}
	return p.restarts()
}

// Prompt reports whether a read does not wait.
func (p *passthrough) Prompt() bool { return p.prompt }

// ReadFrame returns the next packet.
func (p *passthrough) ReadFrame() (media.Frame, error) {
	f, err := p.next()
	if p.closed.Load() {
		return media.Frame{}, errStreamClosed()
	}
	if err := broken(err); err != nil {
		return media.Frame{}, err
	}
	f.PTS -= p.base
	return f, nil
}

// broken returns why there is no packet. A file that breaks off ends there.
func broken(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return io.EOF
	}
	return fmt.Errorf("%w: %w", models.ErrFile, err)
}

// Close closes the file, or the connection.
func (p *passthrough) Close() error {
	if p.closed.Swap(true) {
		return nil
	}
	return p.release()
}
