package telegramtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/sfutest"
)

// JoinArgs are the Args of a "Join".
type JoinArgs struct {
	Call    groupcall.Call
	Options groupcall.JoinOptions
	Params  string
	SSRCs   []uint32 // of Params: the sound's first
}

// The answer of a call without media, and that of a live stream.
const (
	noAnswer   = `{"transport":null}`
	rtmpAnswer = `{"stream":true,"rtmp":true}`
)

// Join implements [groupcall.Account].
func (a *Account) Join(
	ctx context.Context, c groupcall.Call, params string, o groupcall.JoinOptions,
) (groupcall.Joined, error) {
	ssrcs, malformed := ssrcsOf(params)
	r := Request{
		By: a.user.ID, Method: "Join", Chat: c.Chat,
		Args: JoinArgs{Call: c, Options: o, Params: params, SSRCs: ssrcs},
	}
	var joined groupcall.Joined // not to be read before the answer
	counted := false
	err := a.world.Do(ctx, r, func() error {
		err := errors.Join(a.alive(), malformed)
		if err == nil && !counted {
			counted = true
			err = a.world.Spend(fmt.Sprintf("joins of %s", a.user.Name), 1, time.Second)
		}
		if err == nil {
			joined, err = a.join(c, params, ssrcs, o)
		}
		return err
	})
	if err != nil {
		return groupcall.Joined{}, fmt.Errorf("join: %w", err)
	}
	return joined, nil
}

// ssrcsOf returns all SSRCs that a join payload declares.
func ssrcsOf(params string) ([]uint32, error) {
	var payload struct {
		SSRC   *int32 `json:"ssrc"`
		Groups []struct {
			Sources []int32 `json:"sources"`
		} `json:"ssrc-groups"`
	}
	if err := json.Unmarshal([]byte(params), &payload); err != nil || payload.SSRC == nil {
		return nil, fmt.Errorf("%w: it has no ssrc", groupcall.ErrRefused)
	}
	all := []uint32{uint32(*payload.SSRC)}
	for _, g := range payload.Groups {
		for _, s := range g.Sources {
			all = append(all, uint32(s))
		}
	}
	return all, nil
}

// join executes a join.
func (a *Account) join(
	c groupcall.Call, params string, ssrcs []uint32, o groupcall.JoinOptions,
) (groupcall.Joined, error) {
	call, server, err := a.admit(c, ssrcs)
	if err != nil {
		return groupcall.Joined{}, err
	}
	defer func() { <-call.listens }()
	p := &Participant{
		User: a.user.ID, SSRC: ssrcs[0], ssrcs: ssrcs, session: a,
		Muted: o.Muted, VideoStopped: o.VideoStopped,
	}
	answer := noAnswer
	switch {
	case call.rtmp:
		answer = rtmpAnswer
	case server != nil:
		answer, err = server.Join(a.world.ctx, params)
		if err != nil {
			return groupcall.Joined{}, refusal(err)
		}
		p.Media = server.Participant(p.SSRC)
	}
	return a.seat(call, p, answer)
}

// admit checks that the account may join, and returns the call with its listens held,
// and its server.
func (a *Account) admit(c groupcall.Call, ssrcs []uint32) (*Call, *sfutest.Server, error) {
	w := a.world
	w.mu.Lock()
	call, err := a.call(c)
	w.mu.Unlock()
	if err != nil {
		return nil, nil, err
	}
	select {
	case call.listens <- struct{}{}:
	case <-w.ctx.Done():
		return nil, nil, ErrClosed
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err = a.call(c); err == nil {
		err = call.taken(ssrcs)
	}
	switch {
	case err != nil:
	case a.user.Bot:
		err = groupcall.ErrNotAllowed
	case !call.scheduled.IsZero():
		err = groupcall.ErrCallEnded // GROUPCALL_FORBIDDEN until it begins
	case w.closed:
		err = ErrClosed
	case call.server == nil && w.opts.media && !call.rtmp:
		opts := append([]sfutest.Option{sfutest.WithTransportTimeout(w.opts.silence)}, w.opts.sfu...)
		call.server, err = sfutest.Start(opts...)
	}
	if err != nil {
		<-call.listens
		return nil, nil, err
	}
	return call, call.server, nil
}

// seat makes p a participant, unless the call has ended meanwhile.
func (a *Account) seat(call *Call, p *Participant, answer string) (groupcall.Joined, error) {
	w := a.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if call.over || call.chat.members[a.user.ID] == Stranger {
		if p.Media != nil {
			p.Media.Kick()
		}
		return groupcall.Joined{}, groupcall.ErrCallEnded
	}
	if call.joinMuted && call.chat.members[a.user.ID] < CallAdmin {
		p.Muted, p.MutedByAdmin = true, true
	}
	call.put(p)
	if p.Media != nil {
		w.goWhileOpen(func() { call.watch(p) })
	}
	joined := groupcall.Joined{Answer: answer, Me: p.entry(), Call: call.info(a.user.ID)}
	if w.rand.Float64() < w.opts.weather.Bare {
		joined.Me = groupcall.Participant{}
	}
	return joined, nil
}

// watch removes p when nothing has come from it for the time of silence: that is when
// the server gives it up, or that long after it said goodbye without leaving the call.
func (c *Call) watch(p *Participant) {
	w := c.world
	select {
	case <-p.Media.Done():
	case <-w.ctx.Done():
		return
	}
	if errors.Is(p.Media.Err(), sfutest.ErrLeft) && !sleep(w.ctx, w.opts.silence) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.find(p.User) == p {
		c.drop(p.User, nil)
	}
}

// refusal returns the seam's error for one of the server's.
func refusal(err error) error {
	var refused *sfutest.JoinError
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.Code {
	case "GROUPCALL_SSRC_DUPLICATE_MUCH":
		return fmt.Errorf("%w: %s", groupcall.ErrFresh, refused.Detail)
	case "DATA_JSON_INVALID":
		return fmt.Errorf("%w: %s", groupcall.ErrRefused, refused.Detail)
	}
	return err
}
