package ffmpeg

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/gotgcall/gotgcall/internal/proc"
	"github.com/gotgcall/gotgcall/models"
)

// The oldest version that takes every option in use: -noautoscale is of 4.4.
const minMajor, minMinor = 4, 4

// maxList bounds the list of encoders, in bytes; that of ffmpeg 5.1 has 20 KiB.
const maxList = 1 << 20

// Build is one ffmpeg program. It is immutable.
type Build struct {
	version  string // as it calls itself; empty if it does not
	encoders map[string]bool
}

// Inspect runs a program once, with -encoders, whose banner names the version. It
// fails with models.ErrFFmpegSpawn when the program is missing, is no ffmpeg, is
// older than 4.4 or has not answered before ctx is done. A version that is not a
// number, such as that of a build from git, is taken as it is.
func Inspect(ctx context.Context, path string) (Build, error) {
	stdout, stderr, err := answer(ctx, path)
	if err != nil {
		return Build{}, err
	}
	b := Build{version: version(stderr), encoders: encoders(stdout)}
	if len(b.encoders) == 0 {
		return Build{}, fmt.Errorf("%w: %q has no list of encoders: it is not ffmpeg", models.ErrFFmpegSpawn, path)
	}
	if tooOld(b.version) {
		return Build{}, fmt.Errorf("%w: %q is ffmpeg %s, want %d.%d or newer",
			models.ErrFFmpegSpawn, path, b.version, minMajor, minMinor)
	}
	return b, nil
}

// Require returns an error that wraps models.ErrFFmpegSpawn and names the encoders
// that the build lacks.
func (b Build) Require(names ...string) error {
	var missing []string
	for _, name := range names {
		if !b.encoders[name] {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("%w: ffmpeg %s was built without %s", models.ErrFFmpegSpawn,
		cmp.Or(b.version, "of unknown version"), strings.Join(missing, " and "))
}

// answer returns what the program writes. Nothing of it is left behind.
func answer(ctx context.Context, path string) (stdout, stderr string, err error) {
	var mu sync.Mutex // guards banner, which a daemon could write to when the process has ended
	var banner strings.Builder
	p, err := proc.Start(proc.Config{Path: path, Args: []string{"-encoders"}, OnStderr: func(line string) string {
		mu.Lock()
		defer mu.Unlock()
		if banner.Len() < maxList {
			banner.WriteString(line + "\n")
		}
		return line
	}})
	if err != nil {
		return "", "", err
	}
	// A child of the program may hold the output open.
	stop := context.AfterFunc(ctx, func() {
		p.Kill()
		p.Stdout().Close()
	})
	list, readErr := io.ReadAll(io.LimitReader(p.Stdout(), maxList))
	if len(list) == maxList {
		p.Kill()
	}
	p.Stdout().Close()
	waitErr := p.Wait()
	if stop(); ctx.Err() != nil {
		return "", "", fmt.Errorf("%w: %q does not answer: %w", models.ErrFFmpegSpawn, path, ctx.Err())
	}
	if err := cmp.Or(waitErr, readErr); err != nil {
		return "", "", fmt.Errorf("%w: %q -encoders: %w", models.ErrFFmpegSpawn, path, err)
	}
	mu.Lock()
	defer mu.Unlock()
	return string(list), banner.String(), nil
}

var versionLine = regexp.MustCompile(`(?m)^ffmpeg version (\S+)`)

func version(banner string) string {
	if m := versionLine.FindStringSubmatch(banner); m != nil {
		return m[1]
	}
	return ""
}

// release is a released version: 5.1.9-0+deb12u1, n7.1. The others are dates,
// N-12345-g0123abc and the like.
var release = regexp.MustCompile(`^n?(\d{1,2})\.(\d+)`)

func tooOld(version string) bool {
	m := release.FindStringSubmatch(version)
	if m == nil {
		return false
	}
	major, _ := strconv.Atoi(m[1]) // digits
	minor, _ := strconv.Atoi(m[2])
	return major < minMajor || major == minMajor && minor < minMinor
}

// encoders reads the lines " V....D libvpx  libvpx VP8 (codec vp8)" that follow a
// ruler.
func encoders(list string) map[string]bool {
	_, list, _ = strings.Cut(list, "\n ------")
	names := make(map[string]bool)
	for line := range strings.Lines(list) {
		if fields := strings.Fields(line); len(fields) > 1 {
			names[fields[1]] = true
		}
	}
	return names
}
