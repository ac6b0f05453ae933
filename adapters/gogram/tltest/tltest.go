// Package tltest is a server of Telegram's protocol for the tests of programs on gogram:
// MTProto 2.0 on this machine, with answers that a test scripts as maps. A client talks
// to it by session.Config.Address and [Server.Session]. It shares no code with gogram.
package tltest

import (
	"testing"

	"github.com/gotgcall/gotgcall/adapters/gogram/internal/tlserver"
)

// A Server is a Telegram that knows what a client asks when it connects; the rest is
// scripted.
type Server = tlserver.Server

// M is a value of the schema: "_" names its constructor.
type M = tlserver.M

// Request is a call of a method.
type Request = tlserver.Request

// Error is what Telegram answers instead.
type Error = tlserver.Error

// New starts a server, which ends with the test.
func New(t testing.TB) *Server { return tlserver.New(t) }
