package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gotgcall/gotgcall/internal/mediatest"
)

// The sample's picture.
const (
	sampleWidth  = 640
	sampleHeight = 360
	sampleFPS    = 25
)

// sample is a movie that shows when a bit of it is missing: each second has its
// tone and each picture its number.
type sample struct {
	path   string
	length time.Duration
}

// makeSample writes a sample of whole seconds into a temporary directory. The
// caller must remove it.
func makeSample(ctx context.Context, length time.Duration) (*sample, error) {
	dir, err := os.MkdirTemp("", "gotgcall-")
	if err != nil {
		return nil, fmt.Errorf("make sample: %w", err)
	}
	s := &sample{path: filepath.Join(dir, "sample.mp4"), length: length}
	err = mediatest.MakeMovie(ctx, "", s.path, mediatest.MovieSpec{
		Width: sampleWidth, Height: sampleHeight, FPS: fmt.Sprint(sampleFPS), Duration: length, Tones: true,
	})
	if err != nil {
		s.remove()
		return nil, fmt.Errorf("make sample: %w", err)
	}
	return s, nil
}

func (s *sample) remove() { _ = os.RemoveAll(filepath.Dir(s.path)) }

// check compares what arrived with the sample.
func (s *sample) check(ctx context.Context, sound *mediatest.PCM, frames []mediatest.VideoFrame) error {
	const tolerance = 40 * time.Millisecond // two packets
	err := mediatest.CheckTones(sound.Tones(), 0, s.length, tolerance)
	pictures, decodeErr := mediatest.DecodePictures(ctx, "", frames)
	if decodeErr != nil {
		return errors.Join(err, decodeErr)
	}
	last := int(s.length*sampleFPS/time.Second) - 1
	return errors.Join(err,
		mediatest.CheckCounters(pictures, 0, last),
		mediatest.CheckCounterTimes(pictures, fmt.Sprint(sampleFPS), tolerance))
}
