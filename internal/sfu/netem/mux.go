package netem

// The first byte distinguishes the protocols of one 5-tuple (RFC 7983 §7), the second
// RTCP from RTP (RFC 5761 §4).

// IsDTLS reports whether a datagram is a DTLS record.
func IsDTLS(b []byte) bool { return len(b) > 0 && b[0] >= 20 && b[0] <= 63 }

// IsMedia reports whether a datagram is RTP or RTCP.
func IsMedia(b []byte) bool { return len(b) > 1 && b[0] >= 128 && b[0] <= 191 }

// IsRTCP reports whether a datagram is RTCP.
func IsRTCP(b []byte) bool { return IsMedia(b) && b[1] >= 192 && b[1] <= 223 }

// IsRTP reports whether a datagram is RTP.
func IsRTP(b []byte) bool { return IsMedia(b) && !IsRTCP(b) }
