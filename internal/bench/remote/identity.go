package remote

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"strings"

	"github.com/pion/dtls/v3/pkg/crypto/selfsign"
)

// identity is a certificate.
type identity struct {
	certificate tls.Certificate
	fingerprint string
}

func newIdentity() (identity, error) {
	certificate, err := selfsign.GenerateSelfSigned()
	if err != nil {
		return identity{}, fmt.Errorf("certificate: %w", err)
	}
	digest := sha256.Sum256(certificate.Certificate[0])
	octets := make([]string, len(digest))
	for i, b := range digest {
		octets[i] = fmt.Sprintf("%02X", b)
	}
	return identity{certificate, strings.Join(octets, ":")}, nil
}

// token returns characters for ICE credentials: 128 random bits.
func token() string { return rand.Text() }
