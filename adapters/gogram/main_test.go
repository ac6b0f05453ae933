package gogramcalls

import (
	"testing"

	"go.uber.org/goleak"
)

// What gogram leaves running for the life of the program, once per client; and what a
// client that is closed while it reconnects does for 10 s.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram/telegram.(*Client).monitorNoUpdatesTimeout"),
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram/telegram.(*ExSenders).cleanupLoop"),
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram.(*MTProto).Disconnect"),
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram.(*MTProto).Disconnect.func1"),
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram.(*MTProto).sendPacketWithMsgID.func1"),       // of an ack that failed
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram/telegram.(*CACHE).UpdatePeersToCache.func2"), // writes a second later
	)
}
