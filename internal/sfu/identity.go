package sfu

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// The lengths that answers of the production servers have.
const (
	answerUfragLength = 14
	answerPwdLength   = 26
)

// identity is what a participant's side of the SFU is known by.
type identity struct {
	ufrag, pwd  string
	certificate tls.Certificate
	// announced is the fingerprint the answer carries; it belongs to certificate unless
	// Config says otherwise.
	announced string
}

func newIdentity(wrongFingerprint bool) (identity, error) {
	ufrag, err := randomToken(answerUfragLength)
	if err != nil {
		return identity{}, err
	}
	pwd, err := randomToken(answerPwdLength)
	if err != nil {
		return identity{}, err
	}
	certificate, err := newCertificate()
	if err != nil {
		return identity{}, err
	}
	digest := sha256.Sum256(certificate.Certificate[0])
	if wrongFingerprint {
		digest = sha256.Sum256(digest[:])
	}
	return identity{ufrag: ufrag, pwd: pwd, certificate: certificate, announced: fingerprint(digest)}, nil
}

func newCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("draw key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("draw serial: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "sfu"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(30 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("sign certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// fingerprint is the upper-case form of RFC 8122 §5.
func fingerprint(digest [sha256.Size]byte) string {
	octets := make([]string, len(digest))
	for i, b := range digest {
		octets[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(octets, ":")
}

// randomToken draws from the letters that are legal in an ufrag, a pwd and a candidate
// id alike.
func randomToken(length int) (string, error) {
	raw := make([]byte, (length+1)/2)
	if _, err := rand.Read(raw); err != nil {
		return "", fmt.Errorf("draw token: %w", err)
	}
	return hex.EncodeToString(raw)[:length], nil
}
