package peer

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"

	"github.com/gotgcall/gotgcall/jsonparams"
)

// wire is the interceptor next to the socket. Every packet passes it, media,
// padding and retransmissions alike, and is stamped with what only the last
// station can know: the transport-wide sequence number, one counter for all
// streams of the connection, and the time of sending. It writes into the room
// that Track reserved in the header.
type wire struct {
	interceptor.NoOp
	estimate
	clock clock

	// order guards next, and is held until the packet is in the socket, so that
	// packets leave in the order of their numbers. A UDP socket does not wait.
	order sync.Mutex
	next  uint16 // transport-wide sequence number
}

// NewInterceptor makes wire its own factory: it serves one connection.
func (w *wire) NewInterceptor(string) (interceptor.Interceptor, error) { return w, nil }

// BindLocalStream stamps what is written.
func (w *wire) BindLocalStream(_ *interceptor.StreamInfo, writer interceptor.RTPWriter) interceptor.RTPWriter {
	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		w.order.Lock()
		defer w.order.Unlock()
		now := time.Now()
		if ext := h.GetExtension(jsonparams.ExtTransportWide); len(ext) == 2 {
			w.next++
			binary.BigEndian.PutUint16(ext, w.next)
			w.note(w.next, h.MarshalSize()+len(payload), now.Sub(w.clock.epoch))
		}
		if ext := h.GetExtension(jsonparams.ExtAbsSendTime); len(ext) == 3 {
			putAbsSendTime(ext, w.clock.ntp(now))
		}
		return writer.Write(h, payload, a)
	})
}

// putAbsSendTime writes 24 bits of 6.18 fixed-point seconds, the middle of an
// NTP timestamp.
func putAbsSendTime(b []byte, ntp uint64) {
	v := uint32(ntp >> 14)
	b[0], b[1], b[2] = byte(v>>16), byte(v>>8), byte(v)
}
