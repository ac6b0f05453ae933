package models

// ICEServer is a STUN or TURN server.
type ICEServer struct {
	// URLs such as "stun:stun.example.org:3478" or
	// "turn:turn.example.org:3478?transport=udp" (RFC 7064, RFC 7065).
	URLs []string
	// Username and Credential are for TURN.
	Username, Credential string
}

// NetworkType is an address family a connection may use.
type NetworkType string

// The network types.
const (
	UDP4 NetworkType = "udp4"
	UDP6 NetworkType = "udp6"
)
