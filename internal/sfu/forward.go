package sfu

import (
	"sync/atomic"
)

// outboxSize is what a participant may lag behind the others before packets are dropped
// for it.
const outboxSize = 512

// outbox is a bounded queue of decrypted RTP. Putting never blocks.
type outbox struct {
	queue chan []byte
	lost  atomic.Uint64
}

func newOutbox() *outbox { return &outbox{queue: make(chan []byte, outboxSize)} }

// put queues a packet. Nobody may change it afterwards.
func (o *outbox) put(packet []byte) {
	select {
	case o.queue <- packet:
	default:
		o.lost.Add(1)
	}
}

func (o *outbox) dropped() uint64 { return o.lost.Load() }

// forward sends what others sent, unmodified, until the participant is gone.
func (p *Participant) forward() {
	for {
		select {
		case <-p.ctx.Done():
			return
		case packet := <-p.outbox.queue:
			if err := p.sendRTP(packet); err != nil {
				p.log.Debug("forward", "error", err)
			}
		}
	}
}

func (p *Participant) sendRTP(packet []byte) error {
	t := p.transport
	t.keysMu.Lock()
	secured, err := t.outbound.EncryptRTP(nil, packet, nil)
	t.keysMu.Unlock()
	if err != nil {
		return err
	}
	_, err = t.conn.Write(secured)
	return err
}
