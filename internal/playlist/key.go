package playlist

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// Key is how segments are encrypted (RFC 8216 section 4.3.2.4).
type Key struct {
	Method string // AES-128 or SAMPLE-AES
	URI    string // empty when Data has the key
	IV     string // 0x and hexadecimal digits; empty: the segment's number
	Data   []byte // the key, when the list itself has it
	name   string
}

// keyring are the keys that count for the next segment, one for each format of
// keys. Of use are those whose address gives the key itself.
type keyring struct {
	key     *Key
	foreign string // a format or method that counts and is not known
}

var initVector = regexp.MustCompile(`^0[xX][0-9a-fA-F]{1,32}$`)

// add reads an EXT-X-KEY.
func (r *keyring) add(a map[string]string) error {
	format := a["KEYFORMAT"]
	switch method := a["METHOD"]; {
	case method == "NONE":
		*r = keyring{}
	case format != "" && format != "identity":
		r.foreign = format
	case method != "AES-128" && method != "SAMPLE-AES":
		*r = keyring{foreign: method}
	default:
		key := Key{Method: method, URI: a["URI"], IV: a["IV"]}
		if key.IV != "" && !initVector.MatchString(key.IV) {
			return fmt.Errorf("%w: an initialisation vector cannot be read", ErrMalformed)
		}
		if data, ok := cutScheme(key.URI, "data:"); ok {
			var err error
			if key.Data, err = decodeData(data); err != nil {
				return err
			}
			key.URI = ""
		} else if key.URI == "" {
			return fmt.Errorf("%w: EXT-X-KEY has no address", ErrMalformed)
		} else if scheme := schemeOf(key.URI); scheme == "skd" {
			r.foreign = "skd"
			return nil
		} else if err := checkScheme(key.URI); err != nil {
			return err
		}
		key.name = digest("key", key.URI, string(key.Data)) + ".key"
		r.key = &key
	}
	return nil
}

// use returns the key of a segment, nil for one in the clear.
func (r *keyring) use() (*Key, error) {
	if r.key == nil && r.foreign != "" {
		return nil, fmt.Errorf("%w: %.64q", ErrEncrypted, r.foreign)
	}
	return r.key, nil
}

func cutScheme(uri, scheme string) (string, bool) {
	if len(uri) < len(scheme) || !strings.EqualFold(uri[:len(scheme)], scheme) {
		return "", false
	}
	return uri[len(scheme):], true
}

// decodeData decodes what follows the scheme of a data URL (RFC 2397).
func decodeData(s string) ([]byte, error) {
	kind, text, ok := strings.Cut(s, ",")
	if !ok {
		return nil, fmt.Errorf("%w: a key cannot be read", ErrMalformed)
	}
	plain, err := url.PathUnescape(text)
	data := []byte(plain)
	if err == nil && strings.HasSuffix(strings.ToLower(kind), ";base64") {
		data, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(plain, "="))
	}
	if err != nil || len(data) == 0 || len(data) > 1<<10 {
		return nil, fmt.Errorf("%w: a key cannot be read", ErrMalformed)
	}
	return data, nil
}
