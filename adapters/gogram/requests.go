package gogramcalls

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	gogram "github.com/amarnathcjd/gogram"
	"github.com/amarnathcjd/gogram/telegram"
	"github.com/gotgcall/gotgcall/adapters/gogram/internal/safe"
)

// requestTimeout outlives a reconnect of gogram, which takes 10 s.
const requestTimeout = 25 * time.Second

// Request is a method's parameters: those of package telegram, or a type of one's own
// with the method's id and fields tagged as gogram's.
type Request interface{ CRC() uint32 }

// Call sends a request and returns the answer, which must be a T. It ends with ctx or
// after 25 s, also where gogram would go on. An answer of nothing is an error, so is a
// panic of gogram, and Telegram's errors are those of package groupcall where they have
// a meaning there.
func Call[T any](ctx context.Context, tg *telegram.Client, r Request) (T, error) {
	return ask[T](ctx, requestTimeout, r, func(ctx context.Context) (any, error) {
		return tg.MakeRequestCtx(ctx, r)
	})
}

// ask is Call by any connection.
func ask[T any](ctx context.Context, limit time.Duration, r Request, send func(context.Context) (any, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	answer, err := guarded[T](ctx, send)
	if migrated(err) { // gogram has followed, and reports it once
		answer, err = guarded[T](ctx, send)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", methodName(r), mapped(err))
	}
	return answer, err
}

// grace is for gogram to return when a context ends.
const grace = 50 * time.Millisecond

// guarded runs send, and leaves it alone soon after ctx's end: when gogram has connected
// again, it repeats a request with its own deadline.
func guarded[T any](ctx context.Context, send func(context.Context) (any, error)) (T, error) {
	type result struct {
		answer T
		err    error
	}
	if err := ctx.Err(); err != nil {
		var zero T
		return zero, err
	}
	done := make(chan result, 1)
	go func() { // ends by gogram's own timeout, at the latest with the client
		var r result
		r.err = safe.Do(func() error {
			got, err := send(ctx)
			if err != nil {
				return err
			}
			var ok bool
			if r.answer, ok = got.(T); !ok {
				return fmt.Errorf("unexpected answer %T", got) // nil when the client has stopped
			}
			return nil
		})
		done <- r
	}()
	select {
	case r := <-done:
		return r.answer, r.err
	case <-ctx.Done():
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case r := <-done:
		if r.err != nil && rpcName(r.err) == "" && !errors.Is(r.err, ctx.Err()) {
			r.err = fmt.Errorf("%w: %w", ctx.Err(), r.err)
		}
		return r.answer, r.err
	case <-late.C:
		var zero T
		return zero, ctx.Err()
	}
}

// migrated reports a request that was not executed because the client was moved to the
// account's own data centre.
func migrated(err error) bool {
	var rpc *gogram.ErrResponseCode
	if errors.As(err, &rpc) {
		return rpc.Code == 303 && !strings.HasPrefix(rpc.Message, "FILE_")
	}
	return err != nil && strings.HasPrefix(err.Error(), "[DC_MIGRATE]") // of a type that gogram hides
}

// methodName returns what a request is called in errors.
func methodName(r Request) string {
	name := fmt.Sprintf("%T", r)
	return strings.TrimSuffix(name[strings.LastIndex(name, ".")+1:], "Params")
}
