package gogramcalls

import (
	"context"
	"errors"
	"time"

	"github.com/amarnathcjd/gogram/telegram"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
)

// Join joins a call. Joins of one account come one after another: an answer that the
// server pushes does not say which it belongs to.
func (a *account) Join(ctx context.Context, c groupcall.Call, params string, o groupcall.JoinOptions) (groupcall.Joined, error) {
	select {
	case a.joining <- struct{}{}:
	case <-ctx.Done():
		return groupcall.Joined{}, ctx.Err()
	}
	defer func() { <-a.joining }()
	select {
	case <-a.pushed: // of a join before
	default:
	}
	a.know(c)
	updates, err := a.sendJoin(ctx, c, params, o)
	if err != nil {
		return groupcall.Joined{}, err
	}
	j := groupcall.Joined{Call: c}
	a.harvest(&j, a.unpack(updates))
	if j.Answer == "" {
		if j.Answer, err = a.awaitAnswer(ctx); err != nil {
			return groupcall.Joined{}, err
		}
	}
	a.know(j.Call)
	return j, nil
}

func (a *account) sendJoin(ctx context.Context, c groupcall.Call, params string, o groupcall.JoinOptions) (telegram.Updates, error) {
	r := &telegram.PhoneJoinGroupCallParams{
		Muted: o.Muted, VideoStopped: o.VideoStopped,
		Call: input(c), JoinAs: a.self(), Params: &telegram.DataJson{Data: params},
	}
	updates, err := call[telegram.Updates](ctx, a, r)
	if errors.Is(err, groupcall.ErrJoinAs) {
		r.JoinAs = &telegram.InputPeerSelf{}
		updates, err = call[telegram.Updates](ctx, a, r)
	}
	return updates, err
}

// harvest takes from the answer to a join what is said of the call and the account.
func (a *account) harvest(j *groupcall.Joined, updates []telegram.Update) {
	version := int32(-1)
	for _, u := range updates {
		switch u := u.(type) {
		case *telegram.UpdateGroupCallConnection:
			if !u.Presentation && u.Params != nil {
				j.Answer = u.Params.Data // of several the last
			}
		case *telegram.UpdateGroupCall:
			if g, ok := u.Call.(*telegram.GroupCallObj); ok && g.ID == j.Call.ID {
				chat := j.Call.Chat
				j.Call = described(chat, g)
			}
		case *telegram.UpdateGroupCallParticipants:
			if idOf(u.Call) != j.Call.ID || u.Version < version {
				continue
			}
			for _, p := range u.Participants {
				if p != nil && a.isMe(p) && !p.Left { // what has left is the join before
					j.Me, version = figure(p), u.Version
				}
			}
			j.Call.Version = max(j.Call.Version, int(u.Version))
		}
	}
}

// awaitAnswer waits for the answer that follows a join as an update.
func (a *account) awaitAnswer(ctx context.Context) (string, error) {
	late := time.NewTimer(a.conf.push)
	defer late.Stop()
	select {
	case answer := <-a.pushed:
		return answer, nil
	case <-late.C:
		return "", errNoAnswer
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// push takes the answer to a join that came as an update.
func (a *account) push(u *telegram.UpdateGroupCallConnection) {
	if u.Presentation || u.Params == nil || len(a.joining) == 0 {
		return
	}
	for {
		select {
		case a.pushed <- u.Params.Data:
			return
		default:
		}
		select {
		case <-a.pushed: // a newer one is here
		default:
		}
	}
}

// idOf returns the id of a call.
func idOf(c telegram.InputGroupCall) int64 {
	if c, ok := c.(*telegram.InputGroupCallObj); ok {
		return c.ID
	}
	return 0
}
