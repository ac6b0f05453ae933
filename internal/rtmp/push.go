package rtmp

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotgcall/gotgcall/internal/proc"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// Push is one publication: an ffmpeg that encodes what it is given and sends it
// to one server, over one connection. Picture and Sound are for one goroutine at a
// time, the other methods for any.
type Push struct {
	process *proc.Process
	stdin   *os.File
	head    []byte // owned by who writes

	up      chan struct{} // closed when the server takes the stream
	read    chan struct{} // closed when all of the progress has been read
	bytes   atomic.Uint64 // published
	closing sync.Once
}

// Start runs ffmpeg, which connects when it has been given a picture and sound.
// The caller must Close the Push. An error wraps models.ErrFFmpegSpawn.
func Start(env media.Env, t Target, f Format) (*Push, error) {
	secret, err := hideKey(t)
	if err != nil {
		return nil, err
	}
	defer secret.close()
	input, stdin, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", models.ErrFFmpegSpawn, err)
	}
	defer input.Close()
	process, err := proc.Start(proc.Config{
		Path:     cmp.Or(env.FFmpegPath, "ffmpeg"),
		Args:     pushArgs(t, f, secret.args, authorities()),
		Stdin:    input,
		Files:    secret.files,
		OnStderr: func(line string) string { return heard(env, t.Redact(line)) },
	})
	if err != nil {
		stdin.Close()
		return nil, err
	}
	p := &Push{process: process, stdin: stdin, up: make(chan struct{}), read: make(chan struct{})}
	p.head = appendHeader(nil, f)
	go p.follow() // ends with the process; Close waits for it
	return p, nil
}

// heard logs a line of standard error, if that is asked for.
func heard(env media.Env, line string) string {
	if env.LogStderr && env.Logger != nil {
		env.Logger.Info("ffmpeg", slog.String("stderr", line))
	}
	return line
}

// follow reads the progress.
func (p *Push) follow() {
	defer close(p.read)
	defer p.process.Stdout().Close()
	first := true
	for lines := bufio.NewScanner(p.process.Stdout()); lines.Scan(); {
		if first {
			first = false
			close(p.up)
		}
		if size, ok := bytes.CutPrefix(lines.Bytes(), []byte("total_size=")); ok {
			if n, err := strconv.ParseUint(string(size), 10, 64); err == nil {
				p.bytes.Store(n)
			}
		}
	}
}

// Up is closed when the server takes the stream.
func (p *Push) Up() <-chan struct{} { return p.up }

// Done is closed when the publication is over.
func (p *Push) Done() <-chan struct{} { return p.process.Done() }

// Bytes is how much has been published, containers included.
func (p *Push) Bytes() uint64 { return p.bytes.Load() }

// Picture publishes a picture at a time, which never decreases. It blocks until
// ffmpeg has taken it.
func (p *Push) Picture(at time.Duration, yuv []byte) error { return p.block(videoTrack, at, yuv) }

// Sound publishes samples, the first of them at a time.
func (p *Push) Sound(at time.Duration, pcm []byte) error { return p.block(audioTrack, at, pcm) }

func (p *Push) block(track byte, at time.Duration, data []byte) error {
	p.head = appendBlock(p.head, track, at, len(data))
	_, err := p.stdin.Write(p.head)
	p.head = p.head[:0]
	if err == nil {
		_, err = p.stdin.Write(data)
	}
	return err
}

// Kill ends the publication at once.
func (p *Push) Kill() { p.process.Kill() }

// Close lets the publication end properly, within some time, waits for its end
// and reports the reason, in ffmpeg's words. No Picture or Sound may run or
// follow. It is idempotent.
func (p *Push) Close(grace time.Duration) error {
	p.closing.Do(func() { p.stdin.Close() })
	timer := time.AfterFunc(grace, p.process.Kill)
	defer timer.Stop()
	err := p.process.Wait()
	<-p.read
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", models.ErrConnectionFailed, p.describe(err))
}

// describe adds to how ffmpeg ended what it said first, which names the cause; and
// when it said no more than that the server hung up, what that may mean.
func (p *Push) describe(err error) error {
	var failure *models.FFmpegError
	if !errors.As(err, &failure) {
		return err
	}
	first, _, more := strings.Cut(failure.Stderr, "\n")
	select {
	case <-p.up:
	default:
		if !more {
			first, more = "the server does not take the stream, perhaps for its key", true
		}
	}
	if more {
		return fmt.Errorf("publish: %s: %w", first, err)
	}
	return fmt.Errorf("publish: %w", err)
}
