package sfu

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gotgcall/gotgcall/internal/sfu/listen"
)

// maxListeners bounds what a page may open.
const maxListeners = 64

// fanout is who gets what. It is immutable, so that packets need no lock.
type fanout struct {
	participants []*Participant
	listeners    []*listen.Listener
	featured     *Participant // nil: nobody is in the call
}

// rebuild replaces the fanout. s.mu must be held.
func (s *SFU) rebuild() {
	next := &fanout{}
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
	s.fanout.Store(next)
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
func (s *SFU) Listeners() int { return len(s.fanout.Load().listeners) }

// distribute hands one participant's decrypted RTP to everyone who wants it. It never
// blocks. Nobody may change the packet afterwards.
func (s *SFU) distribute(from *Participant, packet []byte, video bool) {
	a := s.fanout.Load()
	if s.cfg.Forward {
		for _, p := range a.participants {
			if p != from && (!video || p.wants(from)) {
				p.outbox.put(packet)
			}
		}
	}
	if from == a.featured {
		for _, l := range a.listeners {
			l.Put(listen.Packet{From: from.source, Data: packet, At: time.Now()})
		}
	}
}

// gone is called by a participant that ends.
func (s *SFU) gone(*Participant) {
	s.mu.Lock()
	s.rebuild()
	s.mu.Unlock()
	s.constraintsChanged()
}

func (s *SFU) requestKeyFrame() {
	p := s.fanout.Load().featured
	if p == nil || len(p.req.Layers) == 0 {
		return
	}
	if err := p.RequestKeyFrame(); err != nil {
		p.log.Debug("request key frame", "error", err)
	}
}

// Listen answers the offer of a WebRTC peer that wants to receive Opus and VP8, and
// sends it what the featured participant sends. The answer holds all candidates. The
// listener lives until it leaves or the SFU is closed; ctx bounds only the answering.
func (s *SFU) Listen(ctx context.Context, offerSDP string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("listen: %w", err)
	}
	l, err := listen.New(loggerFactory{s.cfg.Logger}, s.requestKeyFrame)
	if err != nil {
		return "", fmt.Errorf("listen: %w", err)
	}
	answerSDP, err := l.Answer(ctx, offerSDP)
	if err == nil {
		err = s.addListener(l)
	}
	if err != nil {
		return "", fmt.Errorf("listen: %w", errors.Join(err, l.Close()))
	}
	return answerSDP, nil
}

// addListener admits a listener and starts it.
func (s *SFU) addListener(l *listen.Listener) error {
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
	go func() { // stopped by l.Leave, awaited by Close
		defer s.listening.Done()
		if err := l.Run(func() { s.removeListener(l) }); err != nil {
			s.cfg.Logger.Debug("close listener", "error", err)
		}
	}()
	return nil
}

func (s *SFU) removeListener(l *listen.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
	s.rebuild()
}
