package sfutest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/gotgcall/gotgcall/internal/sfu"
)

// ErrClosed is returned by the methods of a closed [Server] and is the reason why its
// participants are gone.
var ErrClosed = sfu.ErrClosed

// JoinError is the refusal of a join payload by [Server.Join].
type JoinError struct {
	Code   string // Telegram's error, such as DATA_JSON_INVALID
	Detail string // what is wrong; Telegram does not say
}

// Error returns the code and the detail.
func (e *JoinError) Error() string { return e.Code + ": " + e.Detail }

// Server is one group call on a Telegram-like server. Its methods may be called from
// any goroutine.
type Server struct {
	sfu *sfu.SFU

	mu      sync.Mutex // guards what follows
	joined  []*Participant
	known   map[*sfu.Participant]*Participant
	next    int           // index in joined of the next to be accepted
	changed chan struct{} // closed and replaced when joined or next changes; closed for good by Close
	closed  bool
}

// NewServer starts a server that is closed when the test and its subtests end. It
// fails the test if an option is wrong or there is no socket.
func NewServer(t testing.TB, opts ...Option) *Server {
	t.Helper()
	s, err := Start(opts...)
	if err != nil {
		t.Fatalf("sfutest: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Start starts a server outside of a test: in an example, or a program to try a bot
// with. The caller must Close it.
func Start(opts ...Option) (*Server, error) {
	s := &Server{known: map[*sfu.Participant]*Participant{}, changed: make(chan struct{})}
	cfg := sfu.Config{OnRTP: s.onRTP}
	for _, opt := range opts {
		opt(&cfg)
	}
	var err error
	s.sfu, err = sfu.New(cfg)
	return s, err
}

// Close disconnects all participants and waits until their sockets are closed. It is
// idempotent.
func (s *Server) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.changed)
	}
	s.mu.Unlock()
	return s.sfu.Close()
}

// Join answers a join payload, as phone.joinGroupCall does: params is what
// [gotgcall.Client.CreateCall] returned, the answer is for
// [gotgcall.Client.Connect]. It does not wait for the connection. A payload that
// Telegram would refuse is a *[JoinError].
//
// [gotgcall.Client.CreateCall]: https://pkg.go.dev/github.com/gotgcall/gotgcall#Client.CreateCall
// [gotgcall.Client.Connect]: https://pkg.go.dev/github.com/gotgcall/gotgcall#Client.Connect
func (s *Server) Join(ctx context.Context, params string) (answer string, err error) {
	far, answer, err := s.sfu.Admit(ctx, params)
	var refused *sfu.JoinError
	switch {
	case errors.As(err, &refused):
		return "", &JoinError{Code: refused.Code, Detail: refused.Detail}
	case err != nil:
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return "", ErrClosed
	}
	p := newParticipant(far)
	s.joined, s.known[far] = append(s.joined, p), p
	s.signal()
	return answer, nil
}

// Accept waits until the next participant is connected and returns it, in the order
// of the joins and each once. One that leaves before it is connected is left out. It
// fails with ctx's error, and with [ErrClosed] after Close.
func (s *Server) Accept(ctx context.Context) (*Participant, error) {
	for {
		p, changed, err := s.head()
		if err != nil {
			return nil, err
		}
		var connected, gone <-chan struct{}
		if p != nil {
			connected, gone = p.Connected(), p.Done()
		}
		select {
		case <-connected:
			if s.pop(p) {
				return p, nil
			}
		case <-gone:
			if s.pop(p) && isClosed(connected) {
				return p, nil
			}
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// head returns the next participant to be accepted, nil if there is none, and what is
// closed when that changes.
func (s *Server) head() (*Participant, <-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil, ErrClosed
	}
	if s.next == len(s.joined) {
		return nil, s.changed, nil
	}
	return s.joined[s.next], s.changed, nil
}

// pop makes the one after p the head and reports whether p was.
func (s *Server) pop(p *Participant) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.next == len(s.joined) || s.joined[s.next] != p {
		return false // another Accept returned it
	}
	s.next++
	s.signal()
	return true
}

// signal wakes every Accept. s.mu must be held, and the server open.
func (s *Server) signal() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Listen answers the SDP offer of a WebRTC peer that wants to receive Opus and VP8, such
// as a browser, and sends it what the participant sends who joined last. The answer holds
// all candidates. The listener stays until it leaves or the server is closed; ctx bounds
// the answering alone.
func (s *Server) Listen(ctx context.Context, offer string) (answer string, err error) {
	return s.sfu.Listen(ctx, offer)
}

// Participant returns the newest participant with an audio SSRC, connected or gone,
// or nil if there has been none. [gotgcall.Client.AudioSSRC] has a chat's.
//
// [gotgcall.Client.AudioSSRC]: https://pkg.go.dev/github.com/gotgcall/gotgcall#Client.AudioSSRC
func (s *Server) Participant(audioSSRC uint32) *Participant {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.joined) - 1; i >= 0; i-- {
		if s.joined[i].SSRC() == audioSSRC {
			return s.joined[i]
		}
	}
	return nil
}

// Participants returns those who are in the call, in the order of their joins.
func (s *Server) Participants() []*Participant {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*Participant
	for _, p := range s.joined {
		if !isClosed(p.Done()) {
			all = append(all, p)
		}
	}
	return all
}

// onRTP hands a packet to the participant that sent it.
func (s *Server) onRTP(far *sfu.Participant, packet sfu.Packet) {
	if p := s.of(far); p != nil {
		p.receive(packet)
	}
}

func (s *Server) of(far *sfu.Participant) *Participant {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[far]
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
