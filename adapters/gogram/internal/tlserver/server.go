package tlserver

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// think is how long the server takes for an answer. The client loses one that is there
// before it waits for it, so 2 ms is the least, and more on a machine under load.
const think = 20 * time.Millisecond

// Server is a Telegram of one machine.
type Server struct {
	t        testing.TB
	schema   *schema
	listener net.Listener
	key      []byte
	rsaKey   *rsa.PrivateKey
	wg       sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	handlers map[string]Handler
	keys     map[[8]byte]authKey
	conns    map[*conn]bool
	calls    []Request
	lastID   int64
	accepted int
	failures int // of key exchanges, to come
}

// authKey is what client and server share.
type authKey struct {
	key  []byte
	salt int64
}

// Handler answers a request. It returns a value of a constructor, a list, a bool, an
// [Error] or [NoAnswer]. Handlers run side by side.
type Handler func(r *Request) any

// Request is a call of a method, without the layers around it.
type Request struct {
	Method string
	Args   M
	Conn   int // the number of the connection, from 1
	conn   *conn
}

// Error is what Telegram answers instead.
type Error struct {
	Code    int
	Message string
}

// NoAnswer is the answer that does not come.
type NoAnswer struct{}

// New starts a server, which ends with the test. It knows what a client asks when it
// connects; everything else is scripted.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{
		t:        t,
		schema:   schemaOf(t),
		key:      make([]byte, 256),
		handlers: map[string]Handler{},
		keys:     map[[8]byte]authKey{},
		conns:    map[*conn]bool{},
	}
	_, _ = rand.Read(s.key)
	s.key[0] |= 0x80
	s.keys[keyID(s.key)] = authKey{key: s.key} // a string holds no salt: it is 0
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.listener = l
	s.On("help.getConfig", func(*Request) any { return M{"_": "config"} })
	s.On("updates.getState", func(*Request) any { return M{"_": "updates.state", "pts": 1, "seq": 0, "date": 1} })
	s.wg.Go(func() { s.accept(l) })
	t.Cleanup(s.close)
	return s
}

// schemaOf reads the schemata that come with the client.
func schemaOf(t testing.TB) *schema {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/amarnathcjd/gogram").Output()
	if err != nil {
		t.Fatalf("find the schema: %v", err)
	}
	at := filepath.Join(strings.TrimSpace(string(dir)), "schemes")
	s, err := loadSchema(filepath.Join(at, "mtproto.tl"), filepath.Join(at, "api.tl"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Addr is where the server listens.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listener.Addr().String()
}

// Session returns a session string of a user who is logged in here.
func (s *Server) Session() string {
	id := keyID(s.key)
	text, err := json.Marshal(map[string]any{
		"key": s.key, "hash": id[:], "dc_id": 4, "ip_addr": s.Addr(), "app_id": 1,
	})
	if err != nil {
		panic(err)
	}
	return "1BvE" + base64.RawURLEncoding.EncodeToString(text)
}

// On sets what answers a method.
func (s *Server) On(method string, h Handler) {
	if c := s.schema.byName[method]; c == nil || !c.method {
		s.t.Fatalf("tlserver: no method %q", method)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handlers[method] = h
}

// Self scripts the account's own user.
func (s *Server) Self(user M) {
	s.On("users.getFullUser", func(*Request) any {
		return M{
			"_": "users.userFull", "full_user": M{"_": "userFull", "id": user["id"]},
			"users": []any{user},
		}
	})
}

// Calls returns the requests for a method, in the order in which they came.
func (s *Server) Calls(method string) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var calls []Request
	for _, c := range s.calls {
		if c.Method == method {
			calls = append(calls, c)
		}
	}
	return calls
}

// Accepted returns how many connections there have been.
func (s *Server) Accepted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

// Push sends updates to every session.
func (s *Server) Push(updates M) {
	for _, c := range s.live() {
		if c.hasSession() {
			c.send(updates, 3, true)
		}
	}
}

// RotateSalt makes the salts that clients use old ones.
func (s *Server) RotateSalt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, k := range s.keys {
		k.salt++
		s.keys[id] = k
	}
}

// FailKeys makes the next key exchanges fail, as one in fifty does by itself.
func (s *Server) FailKeys(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = n
}

// Leave makes the server unreachable, and returns what brings it back.
func (s *Server) Leave() (comeBack func()) {
	s.mu.Lock()
	l := s.listener
	s.mu.Unlock()
	_ = l.Close()
	s.Cut()
	return func() {
		again, err := net.Listen("tcp", l.Addr().String())
		if err != nil {
			s.t.Errorf("tlserver: %v", err)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.listener = again
		s.wg.Go(func() { s.accept(again) })
	}
}

// Cut ends all connections.
func (s *Server) Cut() {
	for _, c := range s.live() {
		_ = c.net.Close()
	}
}

// Freeze leaves all connections open that there are, and is silent on them.
func (s *Server) Freeze() {
	for _, c := range s.live() {
		c.freeze()
	}
}

func (s *Server) live() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	var live []*conn
	for c := range s.conns {
		live = append(live, c)
	}
	return live
}

func (s *Server) accept(l net.Listener) {
	for {
		n, err := l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			_ = n.Close()
			return
		}
		s.accepted++
		c := &conn{s: s, net: n, number: s.accepted}
		s.conns[c] = true
		s.wg.Go(c.serve)
		s.mu.Unlock()
	}
}

func (s *Server) close() {
	s.mu.Lock()
	s.closed = true
	l := s.listener
	s.mu.Unlock()
	_ = l.Close()
	s.Cut()
	s.wg.Wait()
}

// messageID returns an id that is greater than all before, and kind modulo 4.
func (s *Server) messageID(kind int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	id := now.Unix()<<32 | int64(now.Nanosecond())<<2
	if id <= s.lastID {
		id = s.lastID + 4
	}
	s.lastID = id &^ 3
	return s.lastID | kind
}

// answer runs the handler of a request.
func (s *Server) answer(r *Request) any {
	s.record(*r)
	s.mu.Lock()
	h := s.handlers[r.Method]
	s.mu.Unlock()
	if h == nil {
		s.t.Logf("tlserver: nothing answers %s", r.Method)
		return Error{400, "METHOD_NOT_SCRIPTED"}
	}
	return h(r)
}

func (s *Server) record(r Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, r)
}

// Cut ends the connection by which the request came.
func (r *Request) Cut() { _ = r.conn.net.Close() }

func (e Error) String() string { return fmt.Sprintf("%d %s", e.Code, e.Message) }
