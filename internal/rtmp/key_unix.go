//go:build unix

package rtmp

import (
	"fmt"
	"os"

	"github.com/gotgcall/gotgcall/models"
)

// secret brings the key to ffmpeg. Everybody can read the arguments of a process,
// so the key is an option in a preset file, and the file is a pipe: it is never in
// a file system, an environment or a list of processes.
type secret struct {
	args  []string
	files []*os.File
}

func hideKey(t Target) (secret, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return secret{}, fmt.Errorf("%w: %w", models.ErrFFmpegSpawn, err)
	}
	defer w.Close()
	s := secret{args: []string{"-fpre", "/dev/fd/3"}, files: []*os.File{r}}
	if _, err := w.WriteString("rtmp_playpath=" + t.key + "\n"); err != nil { // it fits in the pipe
		s.close()
		return secret{}, fmt.Errorf("%w: %w", models.ErrFFmpegSpawn, err)
	}
	return s, nil
}

func (s secret) close() {
	for _, f := range s.files {
		f.Close()
	}
}
