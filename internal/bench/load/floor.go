package load

import (
	"errors"
	"net"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"golang.org/x/net/ipv4"

	"github.com/gotgcall/gotgcall/internal/bench/remote"
	"github.com/gotgcall/gotgcall/internal/bench/usage"
)

// grid is the interval at which the floor model sends.
const grid = 5 * time.Millisecond

// session is one stream of the floor model.
type session struct {
	keys   *srtp.Context
	header rtp.Header
	plain  []byte // the packet; next rewrites its header
	sealed []byte
	to     net.Addr
}

// Model is a floor model: no call, but as many SRTP sessions, whose packets of one size one
// loop seals each 5 ms and sends from one socket in batches.
type Model struct {
	Sessions, Addresses int
	Bytes, Milliseconds int // of a packet
	Window              time.Duration
}

// Floor returns the processor time that a model used, and in how long.
func Floor(m Model) (used, took time.Duration, err error) {
	far, err := remote.Start(m.Addresses)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, far.Close()) }()
	ports, err := far.Ports()
	if err != nil {
		return 0, 0, err
	}
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, socket.Close()) }()
	_ = socket.SetWriteBuffer(4 << 20) // as the library's
	list, err := newSessions(m.Sessions, ports, m.Bytes)
	if err != nil {
		return 0, 0, err
	}
	return newWheel(list, ipv4.NewPacketConn(socket), m.Milliseconds).turn(m.Window)
}

func newSessions(n int, ports []int, bytes int) (list []*session, err error) {
	const profile = srtp.ProtectionProfileAeadAes256Gcm
	key, _ := profile.KeyLen()
	salt, _ := profile.SaltLen()
	for i := range n {
		s := &session{
			header: rtp.Header{Version: 2, PayloadType: 111, SSRC: uint32(i + 1)},
			to:     &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: ports[i%len(ports)]},
		}
		if s.keys, err = srtp.CreateContext(make([]byte, key), make([]byte, salt), profile); err != nil {
			return nil, err
		}
		for id, size := range []int{1, 3, 2} { // level, send time and transport-wide number, as in a call
			if err := s.header.SetExtension(uint8(id+1), make([]byte, size)); err != nil {
				return nil, err
			}
		}
		s.plain = make([]byte, s.header.MarshalSize()+bytes)
		s.sealed = make([]byte, 0, 2048)
		list = append(list, s)
	}
	return list, nil
}

// wheel serves each session once in a turn, those of one slot together.
type wheel struct {
	slots    [][]*session
	step     uint32 // of the RTP time in a turn
	out      *ipv4.PacketConn
	messages []ipv4.Message
}

func newWheel(sessions []*session, out *ipv4.PacketConn, milliseconds int) *wheel {
	n := int(time.Duration(milliseconds) * time.Millisecond / grid)
	w := &wheel{slots: make([][]*session, n), step: uint32(48 * milliseconds), out: out}
	for i, s := range sessions {
		w.slots[i%n] = append(w.slots[i%n], s)
	}
	w.messages = make([]ipv4.Message, len(w.slots[0])) // the longest
	for i := range w.messages {
		w.messages[i].Buffers = make([][]byte, 1)
	}
	return w
}

// turn turns the wheel for a second, and then for the window that is measured.
func (w *wheel) turn(window time.Duration) (used, took time.Duration, err error) {
	const warm = time.Second
	timer := time.NewTimer(0)
	defer timer.Stop()
	var before time.Duration
	var from time.Time // zero: not yet measured
	start := time.Now()
	for slot := 0; ; slot++ {
		if len(w.slots[slot%len(w.slots)]) == 0 {
			continue
		}
		if wait := time.Until(start.Add(time.Duration(slot) * grid)); wait > 0 {
			timer.Reset(wait)
			<-timer.C
		}
		if err := w.send(w.slots[slot%len(w.slots)]); err != nil {
			return 0, 0, err
		}
		now := time.Now()
		if from.IsZero() && now.Sub(start) >= warm {
			before, from = processor(), now
		}
		if !from.IsZero() && now.Sub(from) >= window {
			return processor() - before, time.Since(from), nil
		}
	}
}

func processor() time.Duration {
	user, system := usage.Own()
	return user + system
}

// send sends the next packet of each session in one batch.
func (w *wheel) send(slot []*session) error {
	for i, s := range slot {
		if err := s.next(w.step); err != nil {
			return err
		}
		w.messages[i].Buffers[0], w.messages[i].Addr = s.sealed, s.to
	}
	for rest := w.messages[:len(slot)]; len(rest) > 0; {
		n, err := w.out.WriteBatch(rest, 0)
		if err != nil {
			n = max(n, 1) // lost
		}
		rest = rest[n:]
	}
	return nil
}

// next seals the next packet.
func (s *session) next(step uint32) (err error) {
	s.header.SequenceNumber++
	s.header.Timestamp += step
	if _, err = s.header.MarshalTo(s.plain); err != nil {
		return err
	}
	s.sealed, err = s.keys.EncryptRTP(s.sealed[:0], s.plain, nil)
	return err
}
