package groupcall

import (
	"context"
	"errors"
	"sync"
	"time"
)

// method is a kind of request for which Telegram counts floods.
type method int

const (
	methodCall method = iota
	methodStart
	methodJoin
	methodLeave
	methodEdit
	methodMe
	methodRTMP
	methodJoinChat
	methods // how many there are
)

// Joins come one every 2 s, or 3 of them with joinPause between them.
const (
	joinEvery = 2 * time.Second
	joinBurst = 3
	joinPause = 1100 * time.Millisecond // more than the second in which joins are counted
)

// silentWait is the longest flood that is waited out without a word.
const silentWait = 15 * time.Second

// limiter keeps an account's requests within Telegram's limits, for all its chats.
type limiter struct {
	request time.Duration // limit of one request
	joining chan struct{} // holds a token while a join is under way

	mu       sync.Mutex         // guards what follows
	floor    [methods]time.Time // no request before
	joins    time.Time          // when all joins so far are paid for, one each joinEvery
	lastJoin time.Time          // when it was answered
}

func newLimiter(request time.Duration) *limiter {
	return &limiter{
		request: request,
		joining: make(chan struct{}, 1),
	}
}

// do sends a request when the account may: joins one after another, 1 in 2 s after a
// burst of 3; nothing during the method's flood. It fails with a *[Flood] of what is
// left when that is more than silentWait, and when the request is answered so.
func (l *limiter) do(ctx context.Context, m method, send func(context.Context) error) error {
	if m == methodJoin {
		select {
		case l.joining <- struct{}{}:
			defer func() { <-l.joining }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := l.wait(ctx, m); err != nil {
		return err
	}
	if m == methodJoin {
		if err := pass(ctx, l.reserveJoin()); err != nil {
			return err
		}
		defer l.joinAnswered()
	}
	ctx, cancel := context.WithTimeout(ctx, l.request)
	defer cancel()
	err := send(ctx)
	var flood *Flood
	if errors.As(err, &flood) {
		l.flooded(m, flood.Wait)
	}
	return err
}

// wait waits for the end of the method's flood, if it is near.
func (l *limiter) wait(ctx context.Context, m method) error {
	for {
		left := l.left(m)
		switch {
		case left <= 0:
			return ctx.Err()
		case left > silentWait:
			return &Flood{Wait: left}
		}
		if err := pass(ctx, left); err != nil {
			return err
		}
	}
}

// pass lets time pass.
func pass(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// reserveJoin takes the next place for a join and returns how long it is until then.
func (l *limiter) reserveJoin() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.joins = maxTime(l.joins, now).Add(joinEvery)
	return max(l.joins.Add(-joinBurst*joinEvery).Sub(now), l.lastJoin.Add(joinPause).Sub(now))
}

func (l *limiter) joinAnswered() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lastJoin = time.Now()
}

func (l *limiter) left(m method) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Until(l.floor[m])
}

func (l *limiter) flooded(m method, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := time.Now().Add(wait); until.After(l.floor[m]) {
		l.floor[m] = until
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
