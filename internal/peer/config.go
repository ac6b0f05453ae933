package peer

import (
	"log/slog"
	"slices"
	"time"

	"github.com/gotgcall/gotgcall/jsonparams"
	"github.com/gotgcall/gotgcall/models"
)

// Config is what a connection needs besides identity and answer.
type Config struct {
	// Logger is never nil.
	Logger *slog.Logger
	// DebugLogs passes pion's own log to Logger, at Debug level.
	DebugLogs bool
	// ICEServers are STUN and TURN servers, none as a rule: the server has a
	// public address and learns ours from our checks.
	ICEServers []models.ICEServer
	// NetworkTypes are the address families to use; empty for both.
	NetworkTypes []models.NetworkType
	// Sockets are shared by the connections of a Client.
	Sockets *SocketPool
	// Upkeep serves the connections of a Client.
	Upkeep *Upkeep
	// Inbound takes the RTP of others while [Conn.SetReceiving] is on; nil for none.
	Inbound Inbound
	// OnState is called when the state changes after [Dial] returned: Disconnected
	// with the reason, Connected again, Failed with the reason, which wraps
	// [models.ErrConnectionFailed]. It is called in order on one goroutine of the
	// connection; it must not block and must not call [Conn.Close].
	OnState func(models.ConnState, error)
	// Disconnected, Failed and Keepalive are ICE's timeouts: the silence after
	// which the state is Disconnected, the further silence after which it is
	// Failed, and the interval of the checks that keep the consent fresh (RFC
	// 7675).
	Disconnected, Failed, Keepalive time.Duration
}

// usable returns the candidates of the allowed address families.
func (cfg Config) usable(candidates []jsonparams.Candidate) []jsonparams.Candidate {
	if len(cfg.NetworkTypes) == 0 {
		return candidates
	}
	var some []jsonparams.Candidate
	for _, c := range candidates {
		family := models.UDP6
		if c.Addr.Addr().Is4() {
			family = models.UDP4
		}
		if slices.Contains(cfg.NetworkTypes, family) {
			some = append(some, c)
		}
	}
	return some
}
