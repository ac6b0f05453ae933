package sfu

import (
	"net"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
)

// stunGate stands before the ICE agent and does what an agent of RFC 8445 would not: it
// answers errors for a while, and it keeps a controlled SFU from ever taking the
// controlling role.
type stunGate struct {
	mode       ICEMode
	silent     bool   // about checks that claim our role
	ufrag, pwd string // ours
	errorsTill time.Time
}

func newSTUNGate(cfg Config, id identity, now time.Time) *stunGate {
	return &stunGate{
		mode:       cfg.ICE,
		silent:     cfg.DropRoleConflicts,
		ufrag:      id.ufrag,
		pwd:        id.pwd,
		errorsTill: now.Add(cfg.AnswerErrorsFor),
	}
}

// inspect says whether a datagram may pass to the agent, and what to answer instead.
func (g *stunGate) inspect(b []byte, from *net.UDPAddr, now time.Time) (pass bool, reply []byte) {
	if !stun.IsMessage(b) {
		return true, nil
	}
	msg := &stun.Message{Raw: append([]byte(nil), b...)}
	if err := msg.Decode(); err != nil || msg.Type.Method != stun.MethodBinding {
		return true, nil // the agent's to refuse
	}
	switch msg.Type.Class {
	case stun.ClassRequest:
		return g.inspectRequest(msg, from, now)
	case stun.ClassErrorResponse:
		return !g.isRoleConflict(msg), nil
	}
	return true, nil
}

func (g *stunGate) inspectRequest(msg *stun.Message, from *net.UDPAddr, now time.Time) (bool, []byte) {
	if now.Before(g.errorsTill) {
		// Without integrity: a server that does not know the join knows no password
		// either (RFC 8489 §9.1.3).
		return false, build(msg, stun.BindingError,
			stun.ErrorCodeAttribute{Code: stun.CodeUnauthorized, Reason: []byte("Unauthorized")}, stun.Fingerprint)
	}
	var role ice.AttrControl
	if err := role.GetFrom(msg); err != nil {
		return true, nil
	}
	if g.silent && g.mode != Lite && role.Role == g.role() {
		return false, nil
	}
	if role.Role != ice.Controlled || g.mode == Controlling {
		return true, nil
	}
	if stun.NewShortTermIntegrity(g.pwd).Check(msg) != nil {
		return true, nil // the agent's to refuse
	}

	// Both sides claim to be controlled.
	sign := stun.NewShortTermIntegrity(g.pwd)
	if g.mode == Lite {
		mapped := &stun.XORMappedAddress{IP: from.IP, Port: from.Port}
		return false, build(msg, stun.BindingSuccess, mapped, sign, stun.Fingerprint)
	}
	conflict := stun.ErrorCodeAttribute{Code: stun.CodeRoleConflict, Reason: []byte("Role Conflict")}
	return false, build(msg, stun.BindingError, conflict, sign, stun.Fingerprint)
}

func (g *stunGate) role() ice.Role {
	if g.mode == Controlling {
		return ice.Controlling
	}
	return ice.Controlled
}

// isRoleConflict finds the 487 that would make a controlled agent of pion switch.
func (g *stunGate) isRoleConflict(msg *stun.Message) bool {
	var code stun.ErrorCodeAttribute
	return g.mode == Controlled && code.GetFrom(msg) == nil && code.Code == stun.CodeRoleConflict
}

func build(request *stun.Message, setters ...stun.Setter) []byte {
	msg, err := stun.Build(append([]stun.Setter{request}, setters...)...)
	if err != nil {
		return nil
	}
	return msg.Raw
}
