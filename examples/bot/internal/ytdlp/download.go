package ytdlp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The formats that are asked for. Only those are that yt-dlp downloads through the proxy:
// it leaves rtmp, rtsp and mms to programs that connect directly.
const (
	proxied   = `[protocol~='^(https?|http_dash_segments|m3u8|m3u8_native)$']`
	wantAudio = "ba" + proxied + "[acodec=opus]/ba" + proxied + "/b" + proxied
	wantVideo = "bv*" + proxied + "[height<=?720]+ba" + proxied + "/b" + proxied + "[height<=?720]/" + wantAudio
)

// Download downloads the entry at an address into an empty directory and returns the
// name of the file, relative to the directory. length is the entry's, 0 if unknown.
func (p *Program) Download(ctx context.Context, address string, length time.Duration, video bool, dir *os.Root) (string, error) {
	if p.err != nil {
		return "", p.err
	}
	leave, err := p.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	out := filepath.Join(dir.Name(), "out")
	if err := dir.Mkdir("out", 0o700); err != nil {
		return "", fmt.Errorf("yt-dlp: %w", err)
	}
	format := wantAudio
	if video {
		format = wantVideo
	}
	args := append([]string{
		"--ignore-config", "--no-cache-dir", "--no-exec", "--no-playlist", "--no-mtime", "--no-warnings", "--newline",
		"--socket-timeout", "10", "--retries", "2",
		"--max-filesize", strconv.FormatInt(p.cfg.MaxBytes>>20, 10) + "M",
		"--match-filters", fmt.Sprintf("!is_live & duration<?%.0f", p.cfg.MaxLength.Seconds()),
		"--restrict-filenames", "--paths", out, "-o", "%(id)s.%(ext)s", "-f", format,
		"--print", "after_move:filepath",
	}, p.runtimeArgs()...)
	printed, err := p.run(ctx, job{
		work: dir.Name(), args: args, target: address, timeout: p.downloadTimeout(length), guarded: true,
	})
	if err != nil {
		return "", err
	}
	return downloaded(dir, out, string(printed))
}

// downloadTimeout is twice the entry's length within bounds.
func (p *Program) downloadTimeout(length time.Duration) time.Duration {
	const least = time.Minute // python, the site's pages and a slow site
	if length <= 0 || length > p.cfg.DownloadTimeout/2 {
		return p.cfg.DownloadTimeout
	}
	return max(2*length, min(least, p.cfg.DownloadTimeout))
}

// downloaded returns the file that the last printed line names, which must be in out.
func downloaded(dir *os.Root, out, printed string) (string, error) {
	lines := strings.Split(strings.TrimSpace(printed), "\n")
	path := strings.TrimSpace(lines[len(lines)-1])
	if path == "" {
		return "", ErrUnfit // filtered out, with success
	}
	name, err := filepath.Rel(out, path)
	if err != nil || !filepath.IsLocal(name) || !filepath.IsAbs(path) {
		return "", fmt.Errorf("%w: a file outside of its directory", ErrOutput)
	}
	name = filepath.Join("out", name)
	info, err := dir.Lstat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("%w: a file that is not there", ErrOutput)
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrOutput, err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%w: no regular file", ErrOutput)
	}
	return name, nil
}
