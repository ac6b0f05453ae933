package session

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// ErrExposed is returned for a session file that others on the machine can read.
var ErrExposed = errors.New("other users of this machine can read the session")

// maxFile is far above any session; 1,400 bytes are usual.
const maxFile = 64 << 10

// Load returns the session in a file, in any form that [Normalize] knows. It fails with
// [ErrExposed] when others can read the file, and with fs.ErrNotExist.
func Load(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("load session: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("load session: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("load session: %w: chmod 600 %s", ErrExposed, path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return "", fmt.Errorf("load session: %w", err)
	}
	s, err := Normalize(string(data))
	if err != nil {
		return "", fmt.Errorf("load session: %s: %w", path, err)
	}
	return s, nil
}

// Save writes a session to a file that its owner alone can read. The file is replaced
// in one step: a crash leaves the old one or the new one.
func Save(path, session string) error {
	if err := writeFile(path, strings.NewReader(session+"\n")); err != nil {
		return fmt.Errorf("save session: %w", err)
	}
	return nil
}

// writeFile replaces a file, with mode 0600 and in one step.
func writeFile(path string, from io.Reader) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".session-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it is renamed
	_, err = io.Copy(f, from)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
