package source

import (
	"bufio"
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
	// maxPassBytes bounds the files that are read in this process: a seek reads up to its
	// position, 0.1 s for 100 MB.
	maxPassBytes = 256 << 20
	// checkEvery is after how many frames a seek looks whether it is still wanted.
	checkEvery = 1 << 12
)

// passthrough is the Stream of a file whose sound is Opus already: its packets as they
// are, read in this process. A file never blocks for long, so Close does not wait for a
// read.
type passthrough struct {
	// immutable
	file   *os.File
	reader container.Reader
	sound  media.Sound
	info   media.SourceInfo

	closed atomic.Bool

	// owned by the reader
	first *media.Frame  // has been read already; nil: it is not the next
	base  time.Duration // where in the media the stream begins
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
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxPassBytes {
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
	p.sound = env.Sound
	if err := p.skip(ctx, position); err != nil {
		_ = file.Close()
		return nil, err
	}
	return p, nil
}

// newPassthrough reads the headers and the first packet, before which the tags are. It
// returns nil when the file is to be encoded.
func newPassthrough(file *os.File, size int64, opts media.EncodeOptions) (*passthrough, error) {
	reader, err := container.NewReader(bufio.NewReaderSize(file, 64<<10), container.Encoded, media.TrackAudio)
	if err != nil {
		return nil, err
	}
	opus, ok := reader.(interface {
		OpusHead() (container.OpusHead, bool)
	})
	if !ok || !reader.Tracks().Has(media.TrackAudio) {
		return nil, nil // pictures alone
	}
	head, only := opus.OpusHead()
	p := &passthrough{file: file, reader: reader}
	f, err := p.next()
	if err != nil {
		return nil, err
	}
	p.first = &f
	tags := reader.Tags()
	p.info = media.SourceInfo{
		Title: cmp.Or(tags.Title, tags.TrackTitle), Artist: tags.Artist, Album: tags.Album,
		Duration: cmp.Or(tags.Duration, container.OggLength(reader, file, size)),
	}
	most := cmp.Or(opts.AudioBitrateKbps, maxPassKbps)
	rate := float64(size) * 8 / 1000 / p.info.Duration.Seconds()
	if !only || p.info.Duration == 0 || rate > float64(most) || head.Gain != 0 || opts.AudioChannels == 1 && head.Channels == 2 {
		return nil, nil
	}
	return p, nil
}

// skip reads up to the packet that holds a position.
func (p *passthrough) skip(ctx context.Context, position time.Duration) error {
	for n := 1; ; n++ {
		f, err := p.next()
		switch err := broken(err); {
		case errors.Is(err, io.EOF):
			return fmt.Errorf("%w: nothing to play: %w", models.ErrFile, err)
		case err != nil:
			return err
		case f.PTS+f.Duration > position:
			p.first, p.base = &f, f.PTS
			return nil
		case n%checkEvery == 0 && ctx.Err() != nil:
			return ctx.Err()
		}
	}
}

// next returns the next frame of sound.
func (p *passthrough) next() (media.Frame, error) {
	if f := p.first; f != nil {
		p.first = nil
		return *f, nil
	}
	for {
		f, err := p.reader.Next()
		if err != nil || f.Track == media.TrackAudio {
			return f, err
		}
	}
}

// Tracks returns the sound: pictures are not passed through.
func (p *passthrough) Tracks() media.Track { return media.TrackAudio }

// Origin returns where the packet begins that holds the position asked for.
func (p *passthrough) Origin() time.Duration { return p.base }

// SourceInfo returns what the file says.
func (p *passthrough) SourceInfo() media.SourceInfo { return p.info }

// Sound is the file's own. Another one needs an encoder, with which it is opened again.
func (p *passthrough) Sound() (media.Sound, bool) { return p.sound, true }

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

// Close closes the file.
func (p *passthrough) Close() error {
	if p.closed.Swap(true) {
		return nil
	}
	return p.file.Close()
}
