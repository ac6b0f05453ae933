package sfutest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/internal/sfu"
)

// Why a participant is gone, besides [ErrClosed] and transport errors.
var (
	ErrLeft   = sfu.ErrLeft   // the client left
	ErrKicked = sfu.ErrKicked // by Kick
)

// Participant is the server's side of one connection of a client. Its methods may be
// called from any goroutine, also after it is gone.
type Participant struct {
	far *sfu.Participant

	mu       sync.Mutex // guards what follows
	sound    []sfu.Packet
	frames   assembler
	arrived  chan struct{} // closed and replaced when a packet has arrived
	overflow bool          // sound was dropped: nobody asked for it in time

	hearing sync.Mutex // guards ear; taken before mu
	ear     *ear
}

// maxSound is how many packets wait until a method decodes them: 40 minutes of sound.
const maxSound = 120_000

func newParticipant(far *sfu.Participant) *Participant {
	return &Participant{far: far, arrived: make(chan struct{}), ear: newEar()}
}

// SSRC returns the audio SSRC, which Telegram calls the participant's source.
func (p *Participant) SSRC() uint32 { return p.far.SSRC() }

// Connected is closed when the connection is up and media can flow.
func (p *Participant) Connected() <-chan struct{} { return p.far.Connected() }

// Done is closed when the participant is gone.
func (p *Participant) Done() <-chan struct{} { return p.far.Done() }

// Err returns why the participant is gone: [ErrLeft], [ErrKicked], [ErrClosed] or a
// transport error. It is nil before Done is closed.
func (p *Participant) Err() error { return p.far.Err() }

// Kick drops the participant, as an administrator or a server that restarts does. It
// does not wait; Done is closed when the connection is.
func (p *Participant) Kick() { p.far.Kick() }

// Violations lists the rules of the production servers that the client broke so far,
// each once, with the facts of its first occurrence. A correct client breaks none.
func (p *Participant) Violations() []string { return p.far.Violations() }

// SetNetwork changes the network of this participant from now on: up is from the
// client to the server, down the reverse. The error names a value out of range.
func (p *Participant) SetNetwork(up, down Network) error {
	if err := p.far.Network().SetUp(up.shape()); err != nil {
		return err
	}
	return p.far.Network().SetDown(down.shape())
}

// BlackOut loses every datagram in both directions for d from now. Zero ends a
// black-out.
func (p *Participant) BlackOut(d time.Duration) { p.far.Network().BlackOut(d) }

// Tones waits until n tones have been heard and returns all heard so far, in order. A
// tone counts from its first [MinTone] on, so the last may still be sounding: its End
// then grows with the next call. It fails with ctx's error and, when the participant
// is gone, with its Err wrapped; the tones heard until then are returned too.
func (p *Participant) Tones(ctx context.Context, n int) ([]Tone, error) {
	var tones []Tone
	err := p.await(ctx, func() (bool, error) {
		var err error
		tones, _, err = p.listen()
		return len(tones) >= n, err
	})
	return tones, err
}

// Heard waits until length of sound has arrived, silence included, and returns how much
// has. It fails as [Participant.Tones] does. A paused client sends none.
func (p *Participant) Heard(ctx context.Context, length time.Duration) (time.Duration, error) {
	var heard time.Duration
	err := p.await(ctx, func() (bool, error) {
		var err error
		_, heard, err = p.listen()
		return heard >= length, err
	})
	return heard, err
}

// Pictures waits until n pictures have arrived whole and returns all so far, up to
// 100,000, in order. It fails as [Participant.Tones] does. A picture of which a packet
// was lost is left out.
func (p *Participant) Pictures(ctx context.Context, n int) ([]Picture, error) {
	var pictures []Picture
	err := p.await(ctx, func() (bool, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		pictures = p.frames.pictures // only ever appended to
		return len(pictures) >= n, nil
	})
	return slices.Clone(pictures), err
}

// await calls enough after each packet until it reports true or fails.
func (p *Participant) await(ctx context.Context, enough func() (bool, error)) error {
	for {
		p.mu.Lock()
		arrived := p.arrived
		p.mu.Unlock()
		gone := isClosed(p.Done()) // asked first: what came before it is then counted
		done, err := enough()
		switch {
		case done || err != nil:
			return err
		case gone:
			return fmt.Errorf("participant %d is gone: %w", p.SSRC(), p.Err())
		}
		select {
		case <-arrived:
		case <-p.Done():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// listen decodes what has arrived since the last call. It returns all tones and how
// much sound there was.
func (p *Participant) listen() ([]Tone, time.Duration, error) {
	p.hearing.Lock()
	defer p.hearing.Unlock()
	p.mu.Lock()
	packets, overflow := p.sound, p.overflow
	p.sound = nil
	p.mu.Unlock()
	for _, packet := range packets {
		if err := p.ear.hear(packet.Header.SequenceNumber, packet.Payload); err != nil {
			return p.ear.tones(), p.ear.length(), err
		}
	}
	if overflow {
		return p.ear.tones(), p.ear.length(), fmt.Errorf("more than %d packets of sound were waiting", maxSound)
	}
	return p.ear.tones(), p.ear.length(), nil
}

// receive keeps a packet. It is called on the connection's read goroutine and does
// not decode.
func (p *Participant) receive(packet sfu.Packet) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case packet.Header.PayloadType == payloadVP8, packet.Header.PayloadType == payloadH264:
		p.frames.add(packet)
	case packet.Header.SSRC != p.SSRC():
		return // repairs
	case len(p.sound) == maxSound:
		p.overflow = true
	default:
		p.sound = append(p.sound, packet)
	}
	close(p.arrived)
	p.arrived = make(chan struct{})
}
