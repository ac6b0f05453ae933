package ytdlp

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// cookieFile is the owner's file of cookies.
type cookieFile struct {
	content []byte
	domains []string // that it has cookies for, without a leading dot
}

// readCookies reads a file that nobody else can. Its error wraps ErrCookies.
func readCookies(path string) (cookieFile, error) {
	const largest = 4 << 20
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return cookieFile{}, fmt.Errorf("%w: %w", ErrCookies, err)
	case info.Mode().Perm()&0o077 != 0:
		return cookieFile{}, fmt.Errorf("%w: %s can be read by others: chmod 600 it", ErrCookies, path)
	case info.Size() > largest || !info.Mode().IsRegular():
		return cookieFile{}, fmt.Errorf("%w: %s is no file of cookies", ErrCookies, path)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return cookieFile{}, fmt.Errorf("%w: %w", ErrCookies, err)
	}
	c := cookieFile{content: content}
	for line := range strings.SplitSeq(string(content), "\n") {
		line = strings.TrimPrefix(line, "#HttpOnly_")
		domain, _, ok := strings.Cut(line, "\t")
		domain = strings.ToLower(strings.TrimPrefix(domain, "."))
		if ok && !strings.HasPrefix(line, "#") && domain != "" && !slices.Contains(c.domains, domain) {
			c.domains = append(c.domains, domain)
		}
	}
	return c, nil
}

// copyFor writes the cookies to a file of a run, which may change it, if they are for the
// site of its target, and returns the file's name or "".
func (c cookieFile) copyFor(target, dir string) (string, error) {
	host := "youtube.com" // where searches go
	if u, err := url.Parse(target); err == nil && u.Host != "" {
		host = strings.ToLower(u.Hostname())
	}
	if host == "youtu.be" { // a shorter name of it
		host = "youtube.com"
	}
	if !slices.ContainsFunc(c.domains, func(domain string) bool { return related(host, domain) }) {
		return "", nil
	}
	path := filepath.Join(dir, "cookies.txt")
	if err := os.WriteFile(path, c.content, 0o600); err != nil {
		return "", fmt.Errorf("yt-dlp: %w", err)
	}
	return path, nil
}

// related reports whether one of two names is the other or lies below it: a page of
// www.example.com may need the cookies of example.com or of login.www.example.com.
func related(host, domain string) bool {
	return host == domain || strings.HasSuffix(host, "."+domain) || strings.HasSuffix(domain, "."+host) && strings.Contains(host, ".")
}
