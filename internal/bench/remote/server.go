package remote

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotgcall/gotgcall/internal/sfu/signaling"
)

// server is a number of media servers, one for each address.
type server struct {
	sockets  []*socket
	identity identity // of all of them
	speakers atomic.Int32
	stop     chan struct{} // closed by close

	recording time.Time // owned by Serve: since when
	done      sync.WaitGroup

	mu      sync.RWMutex // guards what follows
	calls   []*call
	byUfrag map[string]*call
	bySSRC  map[uint32]*call

	byAddress map[path]*call
}

// path is where a call's datagrams come from and go to.
type path struct {
	socket *socket
	remote netip.AddrPort
}

// newServer opens addresses sockets. The caller must close it.
func newServer(addresses int) (*server, error) {
	id, err := newIdentity()
	if err != nil {
		return nil, err
	}
	s := &server{
		identity: id, stop: make(chan struct{}),
		byUfrag: map[string]*call{}, bySSRC: map[uint32]*call{}, byAddress: map[path]*call{},
	}
	for range addresses {
		socket, err := listen()
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		s.sockets = append(s.sockets, socket)
		s.start(func() { s.read(socket) }) // ends when the socket is closed
	}
	s.start(s.respond) // ends on stop
	s.start(s.speak)   // ends on stop
	return s, nil
}

func (s *server) start(work func()) {
	s.done.Add(1)
	go func() {
		defer s.done.Done()
		work()
	}()
}

func (s *server) close() error {
	close(s.stop)
	var errs []error
	for _, c := range s.list() {
		c.close()
	}
	for _, socket := range s.sockets {
		errs = append(errs, socket.conn.Close())
	}
	s.done.Wait()
	return errors.Join(errs...)
}

func (s *server) list() []*call {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.calls[:len(s.calls):len(s.calls)]
}

// join answers a payload: call i is on address i, modulo their number.
func (s *server) join(params string) (answer string, err error) {
	request, err := signaling.Decode(params, false)
	if err != nil {
		return "", fmt.Errorf("join: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	socket := s.sockets[len(s.calls)%len(s.sockets)]
	c := newCall(s, socket, request)
	s.calls = append(s.calls, c)
	s.byUfrag[c.ufrag] = c
	for _, ssrc := range request.SSRCs() {
		s.bySSRC[ssrc] = c
	}
	answer, err = signaling.Answer{
		Ufrag: c.ufrag, Pwd: c.pwd, Fingerprint: s.identity.fingerprint, Setup: c.setup(),
		IP: "127.0.0.1", Port: socket.port(), CandidateIDs: [2]string{c.ufrag, c.pwd},
		Endpoint: c.ufrag, Sources: []int32{-1}, Video: true,
	}.Encode()
	return answer, err
}

// read serves a socket until it is closed.
func (s *server) read(from *socket) {
	in := newInbox()
	for {
		n, err := in.read(from)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		for i := range n {
			s.dispatch(in.datagram(i))
		}
	}
}

// dispatch sorts a datagram by its first byte (RFC 7983 section 7).
func (s *server) dispatch(d datagram) {
	switch {
	case len(d.data) < 12:
	case d.data[0] < 4:
		s.onSTUN(d)
	case d.data[0] >= 20 && d.data[0] < 64:
		if c := s.callAt(d); c != nil {
			c.onDTLS(d.data)
		}
	case d.data[0]>>6 == 2 && !isRTCP(d.data):
		s.mu.RLock()
		c := s.bySSRC[ssrcOf(d.data)]
		s.mu.RUnlock()
		if c != nil {
			c.onRTP(d.data, d.at)
		}
	}
}

// callAt returns the call whose checks came from a datagram's sender, or nil.
func (s *server) callAt(d datagram) *call {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byAddress[path{d.socket, d.from}]
}
