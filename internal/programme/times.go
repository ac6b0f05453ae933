package programme

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/internal/fetch"
	"github.com/gotgcall/gotgcall/internal/playlist"
)

// The bounds of the search for times in a segment: sound may lie behind a large picture.
const (
	timesStep = 64 << 10
	maxTimes  = 1 << 20
)

// maxProbes is how many segments are read to locate one position.
const maxProbes = 4

// place is a position in a list.
type place struct {
	index int           // the segment to begin with
	start time.Duration // where that begins
	// first is when the discontinuity that holds it begins in the media's own
	// times; known reports whether those could be read.
	first time.Duration
	known bool
	// offset is what those are ahead of positions, if ffmpeg reads them as they are.
	offset time.Duration
	exact  bool
}

// locate finds the segment that holds a position. As a list rounds its durations, and
// sound and picture of a segment do not begin together, it goes by the segments' own
// times since the last discontinuity.
func locate(ctx context.Context, c *fetch.Client, m *playlist.Media, position time.Duration) place {
	index, start := m.At(position)
	p := place{index: index, start: start}
	if position == 0 || !m.Ended || index == len(m.Segments) {
		return p
	}
	begin, origin := index, start
	for begin > 0 && !m.Segments[begin].Discontinuity {
		begin--
		origin -= m.Segments[begin].Duration
	}
	if begin == index {
		return p
	}
	first := segmentTimes(ctx, c, m, begin)
	for range maxProbes {
		estimate := start - origin
		times := segmentTimes(ctx, c, m, index)
		since, ok := times.Since(first, estimate)
		if index == begin {
			since, ok = 0, true
		}
		if !ok {
			return p
		}
		p = place{index: index, start: origin + since, known: true}
		p.first, _ = first.First()
		p.offset, p.exact = times.Offset(p.first+since, p.start)
		next := index + int((position-p.start)/m.Target) - 1 // one too early does no harm
		switch {
		case position < p.start:
			next = max(begin, min(index-1, next))
		case position < p.start+2*m.Target:
			return p
		}
		if next = min(next, len(m.Segments)-1); next == index {
			return p
		}
		for ; index < next && !m.Segments[index+1].Discontinuity; index++ {
			start += m.Segments[index].Duration
		}
		for ; index > next; index-- {
			start -= m.Segments[index-1].Duration
		}
	}
	return p
}

// segmentTimes returns when a segment begins; nothing is known of one that cannot be read.
func segmentTimes(ctx context.Context, c *fetch.Client, m *playlist.Media, i int) playlist.Times {
	s := m.Segments[i]
	if s.Gap || s.Key != nil && s.Key.Method != "AES-128" {
		return playlist.Times{}
	}
	var initial []byte
	if s.Map != nil {
		r, err := m.Initial(i)
		if err == nil {
			initial, err = head(ctx, c, m, r, s.Map.Key, func([]byte) bool { return false })
		}
		if err != nil {
			return playlist.Times{}
		}
	}
	r, err := m.Find(strconv.FormatInt(m.Sequence+int64(i), 10))
	if err != nil {
		return playlist.Times{}
	}
	var times playlist.Times
	_, _ = head(ctx, c, m, r, s.Key, func(head []byte) bool {
		times = playlist.SegmentTimes(head, initial)
		return times.Complete
	})
	return times
}

// head returns the beginning of a resource, decrypted: as much as enough asks for, or
// maxTimes bytes.
func head(ctx context.Context, c *fetch.Client, m *playlist.Media, r playlist.Resource, key *playlist.Key, enough func([]byte) bool) ([]byte, error) {
	decrypt, err := decrypter(ctx, c, m, r, key)
	if err != nil {
		return nil, err
	}
	part, err := c.OpenPart(ctx, r.URL.String(), r.Offset, r.Length)
	if err != nil {
		return nil, err
	}
	defer part.Close()
	b := part.NewReader(ctx)
	defer b.Close()
	var data []byte
	for len(data) < maxTimes {
		step := make([]byte, timesStep)
		n, err := io.ReadFull(b, step)
		whole := n &^ (aes.BlockSize - 1)
		if decrypt != nil {
			decrypt.CryptBlocks(step[:whole], step[:whole])
		}
		if data = append(data, step[:n]...); enough(data) {
			return data, nil
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return data, nil
		}
		if err != nil {
			return data, err
		}
	}
	return data, nil
}

// decrypter returns the decryption of a segment; nil if it is not encrypted.
func decrypter(ctx context.Context, c *fetch.Client, m *playlist.Media, r playlist.Resource, key *playlist.Key) (cipher.BlockMode, error) {
	if key == nil {
		return nil, nil
	}
	secret := key.Data
	if secret == nil {
		u, err := m.KeyURL(key)
		if err != nil {
			return nil, err
		}
		part, err := c.OpenPart(ctx, u.String(), 0, 0)
		if err != nil {
			return nil, err
		}
		defer part.Close()
		b := part.NewReader(ctx)
		defer b.Close()
		secret = make([]byte, aes.BlockSize)
		if _, err := io.ReadFull(b, secret); err != nil {
			return nil, err
		}
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	iv := make([]byte, aes.BlockSize)
	if digits := strings.TrimLeft(key.IV, "0xX"); key.IV != "" {
		if len(digits)%2 == 1 {
			digits = "0" + digits
		}
		given, err := hex.DecodeString(digits)
		if err != nil {
			return nil, err
		}
		copy(iv[len(iv)-len(given):], given)
	} else {
		binary.BigEndian.PutUint64(iv[8:], uint64(max(r.Segment, 0)))
	}
	return cipher.NewCBCDecrypter(block, iv), nil
}
