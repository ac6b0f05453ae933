package sfu

import (
	"errors"
	"fmt"
	"time"
)

// audience is an immutable picture of who gets what, so that packets need no lock.
type audience struct {
	participants []*Participant
	listeners    []*listener
	featured     *Participant // nil: nobody is in the call
}

// rebuild draws the picture anew. The caller holds s.mu.
func (s *SFU) rebuild() {
	next := &audience{}
	for _, p := range s.order {
		if p.alive() {
			next.participants = append(next.participants, p)
			next.featured = p
		}
	}
	if chosen := s.featured; chosen != nil && chosen.alive() {
		next.featured = chosen
	}
	for l := range s.listeners {
		next.listeners = append(next.listeners, l)
	}
	s.audience.Store(next)
}

// Feature chooses whom the listeners hear and see. Without a choice, or when the chosen
// one has left, it is who joined last.
func (s *SFU) Feature(audioSSRC uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.participants[audioSSRC]
	if p == nil || !p.alive() {
		return fmt.Errorf("participant %d is not in the call", audioSSRC)
	}
	s.featured = p
	s.rebuild()
	return nil
}

// Listeners is how many listeners there are.
func (s *SFU) Listeners() int { return len(s.audience.Load().listeners) }

// distribute hands one participant's decrypted RTP to everyone who wants it. It never
// blocks. Nobody may change the packet any more.
func (s *SFU) distribute(from *Participant, packet []byte, video bool) {
	a := s.audience.Load()
	if s.cfg.Forward {
		for _, p := range a.participants {
			if p != from && (!video || p.wants(from)) {
				p.outbox.put(packet)
			}
		}
	}
	if from == a.featured {
		for _, l := range a.listeners {
			l.put(feed{from: from, packet: packet, at: time.Now()})
		}
	}
}

// gone is called by a participant that ends.
func (s *SFU) gone(*Participant) {
	s.mu.Lock()
	s.rebuild()
	s.mu.Unlock()
	s.wished()
}

func (s *SFU) requestKeyFrame() {
	p := s.audience.Load().featured
	if p == nil || len(p.req.Layers) == 0 {
		return
	}
	if err := p.RequestKeyFrame(); err != nil {
		p.log.Debug("request key frame", "error", err)
	}
}

// addListener admits a listener and starts it.
func (s *SFU) addListener(l *listener) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if len(s.listeners) == maxListeners {
		return errors.New("too many listeners")
	}
	s.listeners[l] = struct{}{}
	s.rebuild()
	s.listening.Add(1)
	go func() { // stopped by l.leave, awaited by Close
		defer s.listening.Done()
		l.run()
	}()
	return nil
}

func (s *SFU) removeListener(l *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
	s.rebuild()
}
