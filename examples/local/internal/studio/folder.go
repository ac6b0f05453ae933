package studio

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

const (
	// MaxUpload is how many bytes an upload may have.
	MaxUpload = 512 << 20
	// maxUploads is how many all files of a temporary folder may have.
	maxUploads = 2 << 30
	// maxListed is how many files are shown.
	maxListed = 200
	maxName   = 120 // characters of a name
	// partial begins the name of an upload that is not complete.
	partial = ".upload-"
)

// Why a file is refused.
var (
	ErrName   = errors.New("a file's name is 1 to 120 characters, without a folder, and does not begin with a dot")
	ErrTooBig = errors.New("the upload is too big: one file may have 512 MB, and all together 2 GB")
)

// File is a file of the demo folder.
type File struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// folder is the demo folder. Names outside of it do not exist, whatever links there are.
type folder struct {
	dir   string
	root  *os.Root
	owned bool          // to be removed
	turn  chan struct{} // holds a value while an upload is stored
}

// openFolder opens a folder, or makes a temporary one. The caller must close it.
func openFolder(dir string) (*folder, error) {
	f := &folder{dir: dir, turn: make(chan struct{}, 1)}
	var err error
	if dir == "" {
		f.owned = true
		if f.dir, err = os.MkdirTemp("", "gotgcall-demo-"); err != nil {
			return nil, err
		}
	} else if f.dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	if f.root, err = os.OpenRoot(f.dir); err != nil {
		return nil, errors.Join(err, f.remove())
	}
	return f, nil
}

func (f *folder) remove() error {
	if !f.owned {
		return nil
	}
	return os.RemoveAll(f.dir)
}

func (f *folder) close() error { return errors.Join(f.root.Close(), f.remove()) }

// list returns the files, by name.
func (f *folder) list() ([]File, error) {
	entries, err := fs.ReadDir(f.root.FS(), ".")
	if err != nil {
		return nil, err
	}
	files := []File{} // not null in JSON
	for _, e := range entries {
		info, err := f.root.Stat(e.Name()) // follows a link that stays inside
		if err != nil || !info.Mode().IsRegular() || checkName(e.Name()) != nil {
			continue
		}
		if files = append(files, File{e.Name(), info.Size()}); len(files) == maxListed {
			break
		}
	}
	return files, nil
}

func checkName(name string) error {
	if name == "" || len([]rune(name)) > maxName || !utf8.ValidString(name) || strings.HasPrefix(name, ".") ||
		strings.ContainsAny(name, "/\\\x00:") || !filepath.IsLocal(name) || strings.ContainsFunc(name, isControl) {
		return ErrName
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// path returns the path of a file of the folder.
func (f *folder) path(name string) (string, error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	info, err := f.root.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("there is no file %q in the demo folder", name)
	}
	return filepath.Join(f.dir, name), nil
}

// save stores an upload of at most [MaxUpload] bytes if check, which gets its path, finds it
// good, one upload at a time. A file of that name is replaced.
func (f *folder) save(ctx context.Context, name string, data io.Reader, check func(ctx context.Context, path string) error) (err error) {
	if err := checkName(name); err != nil {
		return err
	}
	select { // or several would count on the same room
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	room, err := f.room()
	if err != nil {
		return err
	}
	temp := partial + rand.Text()
	file, err := f.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.root.Remove(temp) // or it is renamed
		}
	}()
	n, err := io.Copy(file, io.LimitReader(data, room+1))
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if n > room {
		return ErrTooBig
	}
	if err := check(ctx, filepath.Join(f.dir, temp)); err != nil {
		return err
	}
	return f.root.Rename(temp, name)
}

// room returns how many bytes an upload may have.
func (f *folder) room() (int64, error) {
	if !f.owned {
		return MaxUpload, nil // it is the user's own
	}
	entries, err := fs.ReadDir(f.root.FS(), ".")
	if err != nil {
		return 0, err
	}
	room := int64(maxUploads)
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			room -= info.Size()
		}
	}
	return min(max(room, 0), MaxUpload), nil
}
