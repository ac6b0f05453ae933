package session

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"os"
	"sync"

	"github.com/amarnathcjd/gogram/telegram"
)

// maxPeers bounds the access hashes that are kept, some 20 bytes each.
const maxPeers = 200_000

// newCache returns a cache of access hashes in one file, or in memory without a path.
func newCache(path string, log telegram.Logger) *telegram.CACHE {
	conf := &telegram.CacheConfig{MaxSize: maxPeers, Logger: log, Memory: path == ""}
	if path != "" {
		conf.Storage = &peersFile{path: path}
	}
	return telegram.NewCache(path, conf)
}

// peersFile stores access hashes under one name, whoever the account is, and never half
// of them.
type peersFile struct {
	path string

	mu      sync.Mutex
	written int // how many there were; a hash never changes
}

// Read returns what was written last.
func (p *peersFile) Read() (*telegram.InputPeerCache, error) {
	data, err := os.ReadFile(p.path)
	if err != nil {
		return nil, err
	}
	var peers telegram.InputPeerCache
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&peers); err != nil {
		return nil, fmt.Errorf("read peers: %w", err)
	}
	return &peers, nil
}

// Write replaces the file when there is something new.
func (p *peersFile) Write(peers *telegram.InputPeerCache) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(peers.InputChannels) + len(peers.InputUsers) + len(peers.UsernameMap)
	if n == p.written {
		return nil
	}
	var buf bytes.Buffer
	if err := gob.NewEncoder(&buf).Encode(peers); err != nil {
		return fmt.Errorf("write peers: %w", err)
	}
	if err := writeFile(p.path, &buf); err != nil {
		return fmt.Errorf("write peers: %w", err)
	}
	p.written = n
	return nil
}

// Close does nothing: no file is open between writes.
func (*peersFile) Close() error { return nil }
