package models

import (
	"fmt"
	"strings"
)

// ICEServer is a STUN or TURN server.
type ICEServer struct {
	// URLs such as "stun:stun.example.org:3478" or
	// "turn:turn.example.org:3478?transport=udp" (RFC 7064, RFC 7065).
	URLs []string
	// Username and Credential are for TURN.
	Username, Credential string
}

// Check reports what is wrong with the server's URLs.
func (s ICEServer) Check() error {
	if len(s.URLs) == 0 {
		return fmt.Errorf("ice server without a url")
	}
	for _, url := range s.URLs {
		scheme, host, _ := strings.Cut(url, ":")
		switch scheme {
		case "stun", "stuns", "turn", "turns":
		default:
			return fmt.Errorf("ice server %q: not a stun or turn url", url)
		}
		if host == "" {
			return fmt.Errorf("ice server %q: no host", url)
		}
		if strings.HasPrefix(scheme, "turn") && (s.Username == "" || s.Credential == "") {
			return fmt.Errorf("ice server %q: no username or credential", url)
		}
	}
	return nil
}

// NetworkType is an address family a connection may use.
type NetworkType string

// The network types.
const (
	UDP4 NetworkType = "udp4"
	UDP6 NetworkType = "udp6"
)
