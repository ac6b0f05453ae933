package rtmp

import "os"

// secret brings the key to ffmpeg: in its arguments, which other users but
// administrators cannot read on Windows.
type secret struct {
	args  []string
	files []*os.File
}

func hideKey(t Target) (secret, error) {
	return secret{args: []string{"-rtmp_playpath", t.key}}, nil
}

func (secret) close() {}
