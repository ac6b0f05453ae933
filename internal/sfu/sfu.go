package sfu

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/gotgcall/gotgcall/internal/sfu/listen"
	"github.com/gotgcall/gotgcall/internal/sfu/signaling"
)

const (
	// maxParticipants bounds one call.
	maxParticipants = 2048
	// maxGone is how many participants that are gone are remembered for their statistics.
	maxGone = 1024
)

// JoinError is the refusal of a join payload.
type JoinError = signaling.JoinError

// SFU is one group call's server.
type SFU struct {
	cfg Config // immutable

	mu           sync.Mutex // guards what follows
	closed       bool
	joins        uint64
	participants map[uint32]*Participant // by audio SSRC, also those that are gone
	order        []*Participant          // as they joined
	featured     *Participant            // nil: no choice was made
	listeners    map[*listen.Listener]struct{}

	fanout    atomic.Pointer[fanout] // written under mu
	listening sync.WaitGroup         // listeners' goroutines; Add under mu, and not once closed
}

// New makes an SFU. The caller must Close it.
func New(cfg Config) (*SFU, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("sfu: %w", err)
	}
	s := &SFU{cfg: cfg, participants: map[uint32]*Participant{}, listeners: map[*listen.Listener]struct{}{}}
	s.rebuild()
	return s, nil
}

// Join answers a join payload, as phone.joinGroupCall does. The error of a payload that
// it refuses is a *[JoinError].
func (s *SFU) Join(ctx context.Context, params string) (answer string, err error) {
	_, answer, err = s.Admit(ctx, params)
	return answer, err
}

// Admit is like [SFU.Join] and returns the new participant too.
func (s *SFU) Admit(ctx context.Context, params string) (p *Participant, answer string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, "", fmt.Errorf("join: %w", err)
	}
	req, err := signaling.Decode(params, s.cfg.Strict)
	if err != nil {
		return nil, "", fmt.Errorf("join: %w", err)
	}
	if p, err = s.admit(req); err != nil {
		return nil, "", fmt.Errorf("join: %w", err)
	}
	if answer, err = p.answer(); err != nil {
		p.close(err)
		return nil, "", fmt.Errorf("join: %w", err)
	}
	return p, answer, nil
}

// admit makes the participant under the lock, so that two joins cannot take one SSRC.
func (s *SFU) admit(req *signaling.Request) (*Participant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	taken := map[uint32]bool{}
	live := 0
	for _, p := range s.order {
		if !p.alive() {
			continue
		}
		live++
		for _, ssrc := range p.req.SSRCs() {
			taken[ssrc] = true
		}
	}
	if live >= maxParticipants {
		return nil, signaling.TooMany(live)
	}
	for _, ssrc := range req.SSRCs() {
		if taken[ssrc] {
			return nil, signaling.Duplicate("SSRC %d is in the call", ssrc)
		}
	}
	p, err := newParticipant(s.cfg, req, s.cfg.Seed+s.joins, s)
	if err != nil {
		return nil, err
	}
	s.joins++
	s.participants[req.Audio] = p
	s.order = append(s.order, p)
	s.forgetGone()
	s.rebuild()
	return p, nil
}

// forgetGone drops the oldest participants that are gone when there are too many of them.
func (s *SFU) forgetGone() {
	gone := 0
	for _, p := range s.order {
		if !p.alive() {
			gone++
		}
	}
	kept := s.order[:0]
	for _, p := range s.order {
		if gone > maxGone && isDone(p) {
			gone--
			if s.participants[p.req.Audio] == p {
				delete(s.participants, p.req.Audio)
			}
			continue
		}
		kept = append(kept, p)
	}
	clear(s.order[len(kept):])
	s.order = kept
}

func isDone(p *Participant) bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Participant finds the newest participant with an audio SSRC, also one that is gone;
// nil when unknown.
func (s *SFU) Participant(audioSSRC uint32) *Participant {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.participants[audioSSRC]
}

// Participants lists who is in the call, as they joined.
func (s *SFU) Participants() []*Participant {
	var list []*Participant
	for _, p := range s.fanout.Load().participants {
		if p.alive() {
			list = append(list, p)
		}
	}
	return list
}

// Close ends every participant and listener and waits for their goroutines. It is
// idempotent.
func (s *SFU) Close() error {
	s.mu.Lock()
	s.closed = true
	all := append([]*Participant(nil), s.order...)
	listeners := s.fanout.Load().listeners
	s.mu.Unlock()
	for _, l := range listeners {
		l.Leave()
	}
	for _, p := range all {
		p.stop(ErrClosed)
	}
	for _, p := range all {
		<-p.done
	}
	s.listening.Wait()
	return nil
}

// answer describes the participant's side of the SFU to the client.
func (p *Participant) answer() (string, error) {
	facts := signaling.Answer{
		Ufrag:       p.id.ufrag,
		Pwd:         p.id.pwd,
		Fingerprint: p.id.announced,
		Setup:       p.announcedSetup(),
		IP:          p.cfg.ListenIP,
		Port:        p.network.Port(),
		Endpoint:    p.endpoint,
		// The production servers describe video to everyone; the test SFU only to those
		// who declared some.
		Video: !p.cfg.Strict || len(p.req.Layers) > 0,

		OmitAudio: p.cfg.OmitAudio, OmitH264: p.cfg.OmitH264, OmitRTCPMux: p.cfg.OmitRTCPMux, OmitXMLNS: p.cfg.OmitXMLNS,
		UnroutableIPv6: p.cfg.UnroutableIPv6, NoCandidates: p.cfg.NoCandidates,
	}
	var err error
	for i := range facts.CandidateIDs {
		if facts.CandidateIDs[i], err = randomToken(24); err != nil {
			return "", err
		}
	}
	var source [4]byte
	if _, err = rand.Read(source[:]); err != nil {
		return "", fmt.Errorf("draw source: %w", err)
	}
	facts.Sources = []int32{int32(binary.BigEndian.Uint32(source[:]) | 1<<31)}
	return facts.Encode()
}
