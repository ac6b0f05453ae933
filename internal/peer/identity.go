package peer

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/pion/webrtc/v4"

	"github.com/gotgcall/gotgcall/jsonparams"
	"github.com/gotgcall/gotgcall/models"
)

// simulcastLayers is how many video layers are announced. Telegram's own
// clients announce three for a camera; we send on the first only, and the server
// forwards the highest layer that has traffic.
const simulcastLayers = 3

// Identity is everything that is announced to the server before a connection
// exists. Each join needs a fresh one.
type Identity struct {
	Ufrag, Pwd  string
	Fingerprint string
	AudioSSRC   uint32
	// Layers are the video streams: SSRCs that follow AudioSSRC without a gap.
	Layers [simulcastLayers]jsonparams.Layer

	certificate webrtc.Certificate
}

// NewIdentity draws a fresh identity. It opens nothing.
func NewIdentity(certs *CertPool) (*Identity, error) {
	cert, err := certs.get()
	if err != nil {
		return nil, err
	}
	prints, err := cert.GetFingerprints()
	if err != nil {
		return nil, fmt.Errorf("certificate fingerprint: %w", err)
	}
	if len(prints) == 0 {
		return nil, fmt.Errorf("certificate fingerprint: %w: none", models.ErrInternal)
	}
	id := &Identity{
		// 16 and 32 characters, far above the 4 and 22 that RFC 8445 section
		// 5.3 asks for: calls that share a socket are told apart by ufrag.
		Ufrag:       randomICEString(16),
		Pwd:         randomICEString(32),
		Fingerprint: strings.ToUpper(prints[0].Value),
		AudioSSRC:   randomSSRC(),
		certificate: cert,
	}
	for i := range id.Layers {
		media := id.AudioSSRC + 1 + 2*uint32(i)
		id.Layers[i] = jsonparams.Layer{SSRC: media, RTX: media + 1}
	}
	return id, nil
}

// Join returns what to announce.
func (id *Identity) Join() jsonparams.Join {
	return jsonparams.Join{
		AudioSSRC:   id.AudioSSRC,
		Layers:      id.Layers[:],
		Ufrag:       id.Ufrag,
		Pwd:         id.Pwd,
		Fingerprint: id.Fingerprint,
	}
}

// randomSSRC draws the first of the seven consecutive SSRCs, in 1..2^31-8, so
// that all of them fit the signed 32-bit integers of Telegram's signalling.
func randomSSRC() uint32 {
	const last = 1<<31 - 8
	var b [4]byte
	for {
		mustRandom(b[:])
		if n := binary.BigEndian.Uint32(b[:]) >> 1; n >= 1 && n <= last {
			return n
		}
	}
}

// randomICEString draws n characters of the ice-char alphabet (RFC 8839 section
// 5.4), six random bits each.
func randomICEString(n int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	b := make([]byte, n)
	mustRandom(b)
	for i := range b {
		b[i] = alphabet[b[i]%64]
	}
	return string(b)
}

// fingerprint returns a digest in the notation of the join payload.
func fingerprint(sum [sha256.Size]byte) string {
	octets := make([]string, len(sum))
	for i, b := range sum {
		octets[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(octets, ":")
}

// mustRandom fills b. crypto/rand.Read never fails: it ends the program rather
// than return weak randomness.
func mustRandom(b []byte) { _, _ = rand.Read(b) }
