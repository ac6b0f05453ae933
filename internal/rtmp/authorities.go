package rtmp

import "os"

// authorities returns a file of root certificates: what SSL_CERT_FILE names, as
// for Go's own TLS, or where the systems keep one. Without a file not every
// ffmpeg can verify a server, so where there is none, none is verified.
func authorities() string {
	if file := os.Getenv("SSL_CERT_FILE"); file != "" {
		return file
	}
	for _, file := range []string{
		"/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Alpine, Arch
		"/etc/pki/tls/certs/ca-bundle.crt",   // Fedora, RHEL
		"/etc/ssl/ca-bundle.pem",             // openSUSE
		"/etc/ssl/cert.pem",                  // macOS, the BSDs
	} {
		if _, err := os.Stat(file); err == nil {
			return file
		}
	}
	return ""
}
