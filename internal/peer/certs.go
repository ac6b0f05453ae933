package peer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

// certLifetime is how long a certificate is valid. Only pion checks it, when a
// connection starts; it has to outlast the pool it may wait in.
const certLifetime = 10 * 365 * 24 * time.Hour

// CertPool keeps DTLS certificates ready, so that a burst of calls does not wait
// for key generation. A nil pool makes each certificate on demand.
type CertPool struct {
	ready chan webrtc.Certificate
	stop  chan struct{}
	once  sync.Once
	done  sync.WaitGroup
}

// NewCertPool starts a pool of size certificates, or returns nil, a working pool
// of none, when size is 0. The caller must Close it.
func NewCertPool(size int) *CertPool {
	if size <= 0 {
		return nil
	}
	p := &CertPool{ready: make(chan webrtc.Certificate, size), stop: make(chan struct{})}
	p.done.Add(1)
	go p.fill() // ends on stop; Close waits on done
	return p
}

// Close stops the refilling and waits for it. It is idempotent.
func (p *CertPool) Close() {
	if p == nil {
		return
	}
	p.once.Do(func() { close(p.stop) })
	p.done.Wait()
}

// fill keeps the pool full until stop.
func (p *CertPool) fill() {
	defer p.done.Done()
	for {
		cert, err := newCertificate()
		if err != nil {
			return // get returns the same error to its caller
		}
		select {
		case p.ready <- cert:
		case <-p.stop:
			return
		}
	}
}

// get returns a certificate of the pool, or a new one when none is ready.
func (p *CertPool) get() (webrtc.Certificate, error) {
	if p != nil {
		select {
		case cert := <-p.ready:
			return cert, nil
		default:
		}
	}
	return newCertificate()
}

func newCertificate() (webrtc.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return webrtc.Certificate{}, fmt.Errorf("generate dtls key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return webrtc.Certificate{}, fmt.Errorf("generate dtls certificate: %w", err)
	}
	now := time.Now()
	cert, err := webrtc.NewCertificate(key, x509.Certificate{
		SerialNumber: serial,
		Issuer:       pkix.Name{CommonName: "WebRTC"},
		Subject:      pkix.Name{CommonName: "WebRTC"},
		NotBefore:    now.Add(-24 * time.Hour),
		NotAfter:     now.Add(certLifetime),
		Version:      2,
	})
	if err != nil {
		return webrtc.Certificate{}, fmt.Errorf("generate dtls certificate: %w", err)
	}
	return *cert, nil
}
