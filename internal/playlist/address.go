package playlist

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
)

// maxAddress is the length in bytes of the longest address; servers refuse those
// beyond 8 KiB.
const maxAddress = 16 << 10

// Resolve returns the absolute address that ref means in a list at base. It is as
// lenient as players are: blanks and stray percent signs are escaped. Anything but
// http and https is ErrRefused. No error repeats more of ref than its scheme.
func Resolve(base *url.URL, ref string) (*url.URL, error) {
	ref = strings.TrimSpace(ref)
	if scheme := schemeOf(ref); scheme != "" && scheme != "http" && scheme != "https" {
		return nil, fmt.Errorf("%w: it names an address of %q", ErrRefused, scheme)
	}
	switch {
	case ref == "":
		return nil, fmt.Errorf("%w: an address is empty", ErrMalformed)
	case len(ref) > maxAddress:
		return nil, fmt.Errorf("%w: an address has %d bytes", ErrMalformed, len(ref))
	case strings.ContainsFunc(ref, unicode.IsControl):
		return nil, fmt.Errorf("%w: an address has control characters", ErrMalformed)
	}
	if schemeOf(ref) == "" && strings.Contains(ref, ":") {
		ref = guardColon(ref)
	}
	u, err := url.Parse(escapeStray(ref))
	if err != nil {
		return nil, fmt.Errorf("%w: an address cannot be read", ErrMalformed)
	}
	u = base.ResolveReference(u)
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, fmt.Errorf("%w: an address has no host", ErrMalformed)
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// schemeOf returns the scheme of a reference in lower case (RFC 3986 section 3.1),
// or nothing for a relative one. ffmpeg also takes a comma for the end of a scheme.
func schemeOf(ref string) string {
	for i := range len(ref) {
		switch c := ref[i]; {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		case i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'):
		case i > 0 && c == ':':
			return strings.ToLower(ref[:i])
		case i > 0 && c == ',' && strings.Contains(ref[i:], ":") && !strings.Contains(ref[:i], "."):
			return strings.ToLower(ref[:i])
		default:
			return ""
		}
	}
	return ""
}

// guardColon keeps a colon in the first segment of a relative path from being
// taken for a scheme's: "12:30.ts" is a name.
func guardColon(ref string) string {
	if first, _, _ := strings.Cut(ref, "/"); strings.Contains(first, ":") && !strings.ContainsAny(first, "?#") {
		return "./" + ref
	}
	return ref
}

// escapeStray escapes blanks, and percent signs that escape nothing.
func escapeStray(ref string) string {
	if !strings.ContainsAny(ref, " %") {
		return ref
	}
	var b strings.Builder
	for i := range len(ref) {
		switch {
		case ref[i] == ' ':
			b.WriteString("%20")
		case ref[i] == '%' && (i+2 >= len(ref) || !isHex(ref[i+1]) || !isHex(ref[i+2])):
			b.WriteString("%25")
		default:
			b.WriteByte(ref[i])
		}
	}
	return b.String()
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
