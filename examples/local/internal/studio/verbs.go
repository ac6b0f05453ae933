package studio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

// Request is what a verb needs; each has its own fields.
type Request struct {
	Source  Input   `json:"source"`  // play, next
	Seconds float64 `json:"seconds"` // seek: the position; black-out: how long
	Percent int     `json:"percent"` // volume
	Network Network `json:"network"` // network
}

// maxSeconds is what a verb takes: a hundred hours.
const maxSeconds = 360_000

// ErrVerb is wrapped by the error of a verb that does not exist.
var ErrVerb = errors.New("there is no such verb")

// Do runs a verb on a call: play, next, pause, resume, mute, unmute, seek, volume; and on
// its network: network, blackout, kick, impostor.
func (s *Studio) Do(ctx context.Context, id int, verb string, r Request) error {
	c, err := s.call(id)
	if err != nil {
		return err
	}
	if !(r.Seconds >= 0 && r.Seconds <= maxSeconds) {
		return fmt.Errorf("%v seconds are out of range", r.Seconds)
	}
	said, err := c.do(ctx, verb, r)
	if errors.Is(err, ErrVerb) {
		return err
	}
	if err != nil {
		s.log.add(id, Verb, slog.LevelError, "%s: %v", said, err)
		return s.clean(err)
	}
	s.log.add(id, Verb, slog.LevelInfo, "%s", said)
	return nil
}

// do runs a verb and returns it in words.
func (c *call) do(ctx context.Context, verb string, r Request) (said string, err error) {
	client, far, length := c.studio.client, c.touch(), time.Duration(r.Seconds*float64(time.Second))
	switch verb {
	case "play":
		return "play " + r.Source.title(), c.play(ctx, r.Source)
	case "next":
		return "next " + r.Source.title(), c.setNext(ctx, r.Source)
	case "pause":
		_, err = client.Pause(c.chat)
	case "resume":
		_, err = client.Resume(c.chat)
	case "mute":
		_, err = client.Mute(c.chat)
	case "unmute":
		_, err = client.Unmute(c.chat)
	case "seek":
		return fmt.Sprintf("seek to %.1f s", r.Seconds), client.SeekToContext(ctx, c.chat, length)
	case "volume":
		return fmt.Sprintf("volume %d %%", r.Percent), c.setVolume(ctx, r.Percent)
	case "network":
		return "network: " + r.Network.String(), c.setNetwork(r.Network)
	case "blackout":
		c.blackOut(length)
		return fmt.Sprintf("black-out for %.0f s", r.Seconds), nil
	case "kick":
		if far != nil {
			far.Kick()
		}
	case "impostor":
		return "join a server with a wrong certificate", c.meetImpostor(ctx)
	default:
		return verb, fmt.Errorf("%w: %q", ErrVerb, verb)
	}
	return verb, err
}

func (c *call) play(ctx context.Context, in Input) error {
	src, err := c.studio.source(ctx, in)
	if err == nil {
		err = c.studio.client.SetStreamSourcesContext(ctx, c.chat, src)
	}
	if err == nil {
		c.setTitle(in.title())
	}
	return err
}

// setNext sets the source that follows, or begins when nothing plays.
func (c *call) setNext(ctx context.Context, in Input) error {
	src, err := c.studio.source(ctx, in)
	if err != nil {
		return err
	}
	before, err := c.studio.client.Stats(c.chat)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.next = in.title() // it may begin before SetNextSource has returned
	c.mu.Unlock()
	err = c.studio.client.SetNextSourceContext(ctx, c.chat, src)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil:
		c.next = ""
	case len(before.Tracks) == 0:
		c.title, c.next = in.title(), ""
	}
	return err
}

func (c *call) setVolume(ctx context.Context, percent int) error {
	if percent < 1 {
		return fmt.Errorf("%w: a volume is 1 to 400 percent; silence is a mute", gotgcall.ErrInvalidParams)
	}
	err := c.studio.client.SetSoundContext(ctx, c.chat, gotgcall.Sound{Volume: percent})
	if err == nil || errors.Is(err, gotgcall.ErrSoundUnsupported) {
		c.mu.Lock()
		c.volume = percent
		c.mu.Unlock()
	}
	return err
}

// errTrusted is the failure that must not be: a server that is not the one announced.
var errTrusted = errors.New("the call connected to a server whose certificate is not the announced one")

// meetImpostor joins again, at a server whose certificate is not the one it announces. The
// library refuses it and stays where it is.
func (c *call) meetImpostor(ctx context.Context) error {
	s := c.studio
	impostor, err := sfu.New(sfu.Config{WrongFingerprint: true})
	if err != nil {
		return err
	}
	defer impostor.Close()
	params, err := s.client.RejoinContext(ctx, c.chat)
	if err != nil {
		return err
	}
	answer, err := impostor.Join(ctx, params)
	if err != nil {
		return err
	}
	if err = s.client.ConnectContext(ctx, c.chat, answer); err == nil {
		return errTrusted
	}
	s.log.add(c.id, Event, slog.LevelInfo, "Connect refused it: %v", err)
	return nil
}

// Listener returns what answers the offer of a browser that wants to hear a call.
func (s *Studio) Listener(id int) (func(ctx context.Context, offer string) (answer string, err error), error) {
	c, err := s.call(id)
	if err != nil {
		return nil, err
	}
	return c.far.Listen, nil
}
