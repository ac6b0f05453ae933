package remote

import (
	"net"
	"net/netip"
	"strings"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"

	"github.com/gotgcall/gotgcall/internal/sfu/signaling"
)

// onSTUN answers checks. The server is the controlling agent (RFC 8445), and nominates
// the first path on which a check of the client arrives.
func (s *server) onSTUN(d datagram) {
	msg := &stun.Message{Raw: append([]byte(nil), d.data...)}
	if msg.Decode() != nil || msg.Type.Method != stun.MethodBinding {
		return
	}
	switch msg.Type.Class {
	case stun.ClassRequest:
		if c := s.called(msg); c != nil {
			s.mu.Lock()
			s.byAddress[path{d.socket, d.from}] = c
			s.mu.Unlock()
			c.answerCheck(msg, d.from)
		}
	case stun.ClassSuccessResponse:
		if c := s.callAt(d); c != nil {
			c.connect() // nominated
		}
	}
}

// called returns the call of a request, or nil.
func (s *server) called(msg *stun.Message) *call {
	var name stun.Username
	if name.GetFrom(msg) != nil {
		return nil
	}
	own, _, _ := strings.Cut(name.String(), ":")
	s.mu.RLock()
	c := s.byUfrag[own]
	s.mu.RUnlock()
	if c == nil || stun.NewShortTermIntegrity(c.pwd).Check(msg) != nil {
		return nil
	}
	return c
}

// answerCheck answers a check, and begins a path with a check that nominates it.
func (c *call) answerCheck(msg *stun.Message, from netip.AddrPort) {
	c.remote.Store(&from)
	mapped := &stun.XORMappedAddress{IP: net.IP(from.Addr().AsSlice()), Port: int(from.Port())}
	reply, err := stun.Build(msg, stun.BindingSuccess, mapped, stun.NewShortTermIntegrity(c.pwd), stun.Fingerprint)
	if err != nil {
		return
	}
	c.send(reply.Raw)
	select {
	case <-c.nominated:
	default:
		c.check()
	}
}

// check sends a check, which keeps a path that is nominated alive.
func (c *call) check() {
	request, err := stun.Build(stun.TransactionID, stun.BindingRequest,
		stun.NewUsername(c.request.Ufrag+":"+c.ufrag),
		ice.AttrControlling(1), ice.UseCandidate(), ice.PriorityAttr(signaling.Priority),
		stun.NewShortTermIntegrity(c.request.Pwd), stun.Fingerprint)
	if err == nil {
		c.send(request.Raw)
	}
}
