package rtmp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/handshake"
	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/bluenviron/gortmplib/pkg/rawmessage"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gotgcall/gotgcall/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const key = "2099:AbCdEf-KEY_9?token=x"

// listen gives each connection to a server, one after another, and closes it when
// the server returns.
func listen(t *testing.T, wrap func(net.Conn) net.Conn, server func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() { // ends with the listener; Cleanup waits for it
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if wrap != nil {
				c = wrap(c)
			}
			server(c)
			c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String()
}

func ingestAt(t *testing.T, scheme, addr string) Ingest {
	t.Helper()
	in, err := ParseIngest(scheme + "://" + addr + "/live/sub/" + key)
	require.NoError(t, err)
	return in
}

// dialAt dials a server that is to be up at once.
func dialAt(t *testing.T, addr string) (*conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return dial(ctx, ingestAt(t, "rtmp", addr), nil)
}

// strict is a server that takes one key only.
type strict struct {
	conn *gortmplib.ServerConn
	key  string
}

// accept returns false when it has refused.
func (s *strict) accept(c net.Conn) (bool, error) {
	s.conn = &gortmplib.ServerConn{RW: c}
	if err := s.conn.Initialize(); err != nil {
		return false, err
	}
	if err := s.conn.AcceptConn(); err != nil {
		return false, err
	}
	name := strings.TrimPrefix(s.conn.URL.RequestURI(), "/live/sub/")
	if !s.conn.Publish || name != s.key {
		return false, s.conn.RejectAction()
	}
	return true, s.conn.AcceptAction()
}

// TestServerGetsWhatIsWritten, bit by bit.
func TestServerGetsWhatIsWritten(t *testing.T) {
	t.Parallel()
	got, ponged := make(chan []message.Message, 1), make(chan struct{})
	addr := listen(t, nil, func(c net.Conn) {
		s := strict{key: key}
		if ok, err := s.accept(c); !ok || err != nil {
			t.Errorf("not accepted: %v", err)
			return
		}
		_ = s.conn.Write(&message.UserControlPingRequest{ServerTime: 77})
		var all []message.Message
		for {
			m, err := s.conn.Read()
			if err != nil {
				break
			}
			if pong, ok := m.(*message.UserControlPingResponse); ok && pong.ServerTime == 77 {
				close(ponged)
				continue
			}
			all = append(all, m)
		}
		got <- all
	})
	c, err := dialAt(t, addr)
	require.NoError(t, err)
	large := make([]byte, 200_000)
	metadata, err := amf0.Data{"onMetaData", amf0.ECMAArray{{Key: "width", Value: 1280.0}}}.Marshal()
	require.NoError(t, err)
	for _, tag := range []Tag{
		{KindScript, 0, metadata},
		{KindVideo, 0, append([]byte{0x17, 1, 0, 0, 0}, large...)},
		{KindAudio, 7 * time.Millisecond, []byte{0xAF, 1, 2, 3}},
		{KindVideo, 5 * time.Hour, []byte{0x27, 1, 0, 0, 0, 9}},
	} {
		require.NoError(t, c.Write(tag))
	}
	require.Eventually(t, func() bool { // a ping is answered with what is written next
		select {
		case <-ponged:
			return true
		default:
			return c.Write(Tag{KindAudio, 5 * time.Hour, []byte{0xAF, 1, 9}}) != nil
		}
	}, 10*time.Second, time.Millisecond)
	require.Greater(t, c.Bytes(), uint64(len(large)))
	c.Close(time.Second)
	all := <-got
	require.GreaterOrEqual(t, len(all), 6)
	require.Equal(t, amf0.Data{"@setDataFrame", "onMetaData", amf0.ECMAArray{{Key: "width", Value: 1280.0}}}, all[0].(*message.DataAMF0).Payload)
	require.Equal(t, large, all[1].(*message.Video).AU)
	require.True(t, all[1].(*message.Video).IsKeyFrame)
	require.Equal(t, 7*time.Millisecond, all[2].(*message.Audio).DTS)
	require.Equal(t, 5*time.Hour, all[3].(*message.Video).DTS)
	ends := all[len(all)-2:]
	require.Equal(t, "FCUnpublish", ends[0].(*message.CommandAMF0).Name)
	require.Equal(t, "deleteStream", ends[1].(*message.CommandAMF0).Name)
}

// refusing answers a command, by its name, in its own way.
func refusing(command string, code, words string) func(net.Conn) {
	return func(c net.Conn) {
		w := newMessages(c)
		if _, _, err := handshake.DoServer(w.count, false); err != nil {
			return
		}
		for id := 0.0; ; {
			m, err := w.read()
			if err != nil {
				return
			}
			r, ok := parseReply(m)
			if !ok {
				continue
			}
			id = r.id
			switch {
			case r.name != command:
				_ = w.command(0, "onBWDone", 0, nil)
				_ = w.write(&rawmessage.Message{ChunkStreamID: 5, Type: 22, Body: []byte{1, 2, 3}})
				result := any(7.0)
				if r.name == "connect" {
					result = amf0.Object{{Key: "code", Value: "NetConnection.Connect.Success"}}
				}
				if r.name == "releaseStream" {
					_ = w.command(0, "_error", id, nil, amf0.Object{{Key: "level", Value: "error"}})
					continue
				}
				_ = w.command(0, "_result", id, nil, result)
			case code == "":
				return
			case command == "publish":
				_ = w.command(7, "onStatus", 0, nil, amf0.Object{{Key: "level", Value: "error"}, {Key: "code", Value: code}, {Key: "description", Value: words}})
				_, _ = w.read()
				return
			default:
				_ = w.command(0, "_error", id, nil, amf0.Object{{Key: "level", Value: "error"}, {Key: "code", Value: code}, {Key: "description", Value: words}})
				_, _ = w.read()
				return
			}
		}
	}
}

// TestServerSaysWhyItRefuses, and its words come without the key and on one line.
func TestServerSaysWhyItRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, command, code, words, says string }{
		{"bad name", "publish", "NetStream.Publish.BadName", "Already publishing " + key + "\nx", "NetStream.Publish.BadName: Already publishing (key) x"},
		{"rejected", "connect", "NetConnection.Connect.Rejected", "no such app", "NetConnection.Connect.Rejected: no such app"},
		{"wordy", "publish", "NetStream.Publish.Denied", strings.Repeat("é", 1000), " …"},
		{"hangs up", "publish", "", "", "the server hung up when it was given the stream key"},
		{"hangs up early", "FCPublish", "", "", "the server hung up when it was given the stream key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := dialAt(t, listen(t, nil, refusing(test.command, test.code, test.words)))
			require.ErrorIs(t, err, models.ErrPublishRefused)
			require.ErrorContains(t, err, test.says)
			require.NotContains(t, err.Error(), "KEY")
			require.Less(t, len(err.Error()), 500)
			t.Log(err)
		})
	}
	t.Run("wrong key", func(t *testing.T) {
		t.Parallel()
		addr := listen(t, nil, func(c net.Conn) {
			s := strict{key: "another"}
			if ok, _ := s.accept(c); ok {
				t.Error("accepted")
			}
			_, _ = io.Copy(io.Discard, c)
		})
		_, err := dialAt(t, addr)
		require.ErrorIs(t, err, models.ErrPublishRefused)
		require.ErrorContains(t, err, "NetStream.Publish.Unauthorized: authentication failed")
	})
}

// TestNoRTMPServerIsNoRefusal: it may come up later.
func TestNoRTMPServerIsNoRefusal(t *testing.T) {
	t.Parallel()
	for name, server := range map[string]func(net.Conn){
		"hangs up": func(net.Conn) {},
		"speaks HTTP": func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n"+strings.Repeat("x", 4000))
		},
		"hangs up before": refusing("connect", "", ""),
		"says garbage": func(c net.Conn) {
			w := newMessages(c)
			if _, _, err := handshake.DoServer(w.count, false); err == nil {
				_, _ = c.Write(make([]byte, 100))
				_, _ = io.Copy(io.Discard, c)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := dialAt(t, listen(t, nil, server))
			require.Error(t, err)
			require.NotErrorIs(t, err, models.ErrPublishRefused)
			t.Log(err)
		})
	}
}

// TestDialIsInterrupted at each step at which a server may fall silent.
func TestDialIsInterrupted(t *testing.T) {
	t.Parallel()
	reason := errors.New("enough")
	for name, server := range map[string]func(net.Conn) bool{
		"at first": func(net.Conn) bool { return true },
		"after the handshake": func(c net.Conn) bool {
			_, _, err := handshake.DoServer(newMessages(c).count, false)
			return err == nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			addr := listen(t, nil, func(c net.Conn) {
				if server(c) {
					cancel(reason)
				}
				_, _ = io.Copy(io.Discard, c)
			})
			_, err := dial(ctx, ingestAt(t, "rtmp", addr), nil)
			require.ErrorIs(t, err, reason)
		})
	}
}

// TestPublicationEndsWithItsServer, and says how.
func TestPublicationEndsWithItsServer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, says string
		end        func(*strict)
	}{
		{"hangs up", "the server hung up", func(*strict) {}},
		{"says so", "the server ended the publication: NetStream.Publish.Denied: too long", func(s *strict) {
			_ = s.conn.Write(&message.CommandAMF0{ChunkStreamID: 5, MessageStreamID: 0x1000000, Name: "onStatus", Arguments: []any{
				nil, amf0.Object{{Key: "level", Value: "error"}, {Key: "code", Value: "NetStream.Publish.Denied"}, {Key: "description", Value: "too long"}},
			}})
			for {
				if _, err := s.conn.Read(); err != nil {
					return
				}
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, err := dialAt(t, listen(t, nil, func(c net.Conn) {
				s := strict{key: key}
				if ok, _ := s.accept(c); ok {
					test.end(&s)
				}
			}))
			require.NoError(t, err)
			<-c.Done()
			require.ErrorContains(t, c.Err(), test.says)
			require.Error(t, c.Write(Tag{KindAudio, 0, []byte{0xAF, 1, 9}}))
			c.Close(time.Second)
		})
	}
}

// TestKillInterruptsAWrite that a server does not read, and Close one that it
// never answers.
func TestKillInterruptsAWrite(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	addr := listen(t, nil, func(c net.Conn) {
		s := strict{key: key}
		_, _ = s.accept(c)
		<-hang
	})
	t.Cleanup(func() { close(hang) })
	c, err := dialAt(t, addr)
	require.NoError(t, err)
	written := make(chan error)
	go func() {
		for {
			if err := c.Write(Tag{KindVideo, 0, make([]byte, 1<<20)}); err != nil {
				written <- err
				return
			}
		}
	}()
	require.Eventually(t, c.Writing, 10*time.Second, time.Millisecond)
	reason := errors.New("enough")
	c.Kill(reason)
	require.ErrorIs(t, <-written, reason)
	c.Close(time.Hour)
}

// certificate makes one of a host, and the pool that verifies it.
func certificate(t *testing.T, host string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, pool
}

// TestTLSIsVerified: the authority, and the name, which the server gets as well.
func TestTLSIsVerified(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, host string
		trusted    bool
		says       string
	}{
		{"right", "localhost", true, ""},
		{"another name", "example.org", true, "not localhost"},
		{"unknown authority", "localhost", false, "certificate"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cert, pool := certificate(t, test.host)
			if !test.trusted {
				pool = x509.NewCertPool()
			}
			names := make(chan string, 1)
			wrap := func(c net.Conn) net.Conn {
				return tls.Server(c, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
					names <- h.ServerName
					return &cert, nil
				}})
			}
			addr := listen(t, wrap, func(c net.Conn) {
				s := strict{key: key}
				if ok, _ := s.accept(c); ok {
					_, _ = io.Copy(io.Discard, c)
				}
			})
			_, port, err := net.SplitHostPort(addr)
			require.NoError(t, err)
			c, err := dial(t.Context(), ingestAt(t, "rtmps", "localhost:"+port), &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12})
			require.Equal(t, "localhost", <-names)
			if test.says == "" {
				require.NoError(t, err)
				require.NoError(t, c.Write(Tag{KindAudio, 0, []byte{0xAF, 1, 9}}))
				c.Close(time.Second)
				return
			}
			var verification *tls.CertificateVerificationError
			require.ErrorAs(t, err, &verification)
			require.ErrorContains(t, err, test.says)
		})
	}
}
