package studio

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
)

// samples are files that a demo folder begins with, and what ffmpeg makes them of.
var samples = []struct {
	name string
	args []string
}{
	{"Melody.mp3", []string{"-f", "lavfi", "-i", melody, "-t", "60", "-c:a", "libmp3lame", "-b:a", "128k"}},
	{"Melody.ogg", []string{"-f", "lavfi", "-i", melody, "-t", "60", "-c:a", "libopus", "-b:a", "96k"}},
	{"Colours.mp4", []string{
		"-f", "lavfi", "-i", colours + ":rate=25", "-f", "lavfi", "-i", melody,
		"-t", "60", "-c:v", "mpeg4", "-q:v", "4", "-c:a", "aac",
	}},
}

// MakeSamples fills the demo folder in the background. What this ffmpeg cannot make is
// missing.
func (s *Studio) MakeSamples() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.tasks.Add(1)
	go func() { // ends with s.ctx; awaited by Close
		defer s.tasks.Done()
		for _, sample := range samples {
			if err := s.makeSample(s.ctx, sample.name, sample.args); err != nil && s.ctx.Err() == nil {
				s.log.add(0, Log, slog.LevelWarn, "sample %s: %v", sample.name, err)
			}
		}
	}()
}

func (s *Studio) makeSample(ctx context.Context, name string, args []string) error {
	temp := partial + name
	line := append([]string{"-nostdin", "-loglevel", "error", "-y"}, args...)
	said, err := exec.CommandContext(ctx, program, append(line, filepath.Join(s.folder.dir, temp))...).CombinedOutput()
	if err != nil {
		_ = s.folder.root.Remove(temp) // there may be none
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(said))
	}
	return s.folder.root.Rename(temp, name)
}
