package source

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/internal/fetch"
	"github.com/gotgcall/gotgcall/internal/ffmpeg"
	"github.com/gotgcall/gotgcall/media"
)

const (
	// maxMeasured is how many measurements are kept.
	maxMeasured = 256
	// A measurement delays a start. One that takes longer than this is given up, and the
	// source plays as it is: a busy machine reads a file in a few seconds, and who waits
	// for a server is not to wait twice.
	fileTimeout = 15 * time.Second
	urlTimeout  = 5 * time.Second
)

// loudnesses are those of inputs that were measured before: a seek need not measure again.
type loudnesses struct {
	mu    sync.Mutex // guards the rest
	known map[any]measured
	order []any // of known, the oldest first
}

type measured struct {
	ffmpeg.Loudness
	ok bool // it could be measured
}

// get returns the loudness of what a key stands for, by a function if it is not known. A
// nil loudnesses knows nothing.
func (l *loudnesses) get(key any, measure func() (ffmpeg.Loudness, error)) measured {
	if l != nil {
		l.mu.Lock()
		m, ok := l.known[key]
		l.mu.Unlock()
		if ok {
			return m
		}
	}
	found, err := measure()
	m := measured{found, err == nil}
	if l == nil {
		return m
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.known[key]; ok {
		return m
	}
	if len(l.order) == maxMeasured {
		delete(l.known, l.order[0])
		l.order = l.order[1:]
	}
	if l.known == nil {
		l.known = make(map[any]measured)
	}
	l.known[key] = m
	l.order = append(l.order, key)
	return m
}

// leveled returns an encoding with the gain that its loudness takes, or without loudness
// if that cannot be measured. ctx ends with the opening.
func (l *loudnesses) leveled(
	ctx context.Context, env media.Env, enc ffmpeg.Encoding, key any, timeout time.Duration,
	measure func(context.Context) (ffmpeg.Loudness, error),
) ffmpeg.Encoding {
	target := enc.Sound.Loudness
	if target == 0 {
		return enc
	}
	m := l.get(key, func() (ffmpeg.Loudness, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		found, err := measure(ctx)
		if err != nil {
			env.Logger.Info("the loudness cannot be measured", slog.Any("err", err))
		}
		return found, err
	})
	if !m.ok {
		enc.Sound.Loudness = 0
		return enc
	}
	enc.Gain = m.Gain(target)
	return enc
}

// fileKey stands for a file as it is.
type fileKey struct {
	path string
	size int64
	time time.Time
}

// ofFile is leveled for a local file.
func (l *loudnesses) ofFile(ctx context.Context, env media.Env, enc ffmpeg.Encoding, path string) ffmpeg.Encoding {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		enc.Sound.Loudness = 0
		return enc
	}
	return l.leveled(ctx, env, enc, fileKey{path, info.Size(), info.ModTime()}, fileTimeout, func(ctx context.Context) (ffmpeg.Loudness, error) {
		return ffmpeg.FileMeter(path).Measure(ctx, env)
	})
}

// urlKey stands for what a server has.
type urlKey struct {
	url  string
	size int64
}

// ofURL is leveled for a resource. One without ranges cannot be heard twice.
func (l *loudnesses) ofURL(ctx context.Context, env media.Env, enc ffmpeg.Encoding, u ffmpeg.InputURL, r *fetch.Resource) ffmpeg.Encoding {
	if !r.Ranges {
		enc.Sound.Loudness = 0
		return enc
	}
	return l.leveled(ctx, env, enc, urlKey{u.URL, r.Size}, urlTimeout, func(ctx context.Context) (ffmpeg.Loudness, error) {
		client := fetch.New(fetchConfig(env))
		defer client.Close()
		again, err := client.Open(ctx, r.URL().String())
		if err != nil {
			return ffmpeg.Loudness{}, err
		}
		address, err := client.Serve(again)
		if err != nil {
			return ffmpeg.Loudness{}, err
		}
		return ffmpeg.FetchedMeter(address).Measure(ctx, env)
	})
}
