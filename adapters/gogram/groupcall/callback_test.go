package groupcall_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
)

// TestNoticeMayCallAnything: Play, Leave and Close too.
func TestNoticeMayCallAnything(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(r *rig) error{
		"Play":  func(r *rig) error { return r.calls.Play(r.ctx, r.id, song{"b"}) },
		"Leave": func(r *rig) error { return r.calls.Leave(r.ctx, r.id) },
		"Close": func(r *rig) error { return r.calls.Close() },
		"Pause": func(r *rig) error { _, err := r.calls.Pause(r.id); return err },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
				r.chat.StartCall()
				called := make(chan error, 1)
				r.calls.OnNotice(func(n groupcall.Notice) {
					if _, ok := n.(groupcall.Entered); ok {
						called <- call(r)
					}
				})
				_ = r.calls.Play(r.ctx, r.id, song{"a"})
				require.NoError(t, <-called)
			})
		})
	}
}

// TestClientIsClosedFirst: the accounts leave, and nothing waits.
func TestClientIsClosedFirst(t *testing.T) {
	t.Parallel()
	r := newRig(t, setting{})
	call := r.chat.StartCall()
	require.NoError(t, r.calls.Play(r.ctx, r.id, r.tones(10*time.Second, 440)))
	require.NoError(t, r.client.Close())
	await[groupcall.Left](r, 1)
	_, in := call.Participant(r.dj)
	require.False(t, in)
	require.ErrorIs(t, r.calls.Play(r.ctx, r.id, r.tones(time.Second, 440)), gotgcall.ErrClosed)
}

// TestTwoCallsOfOneProgramAreStrangers: each has its account, Client and chats.
func TestTwoCallsOfOneProgramAreStrangers(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
		call := r.chat.StartCall()
		other := r.world.NewUser("Second")
		r.chat.Add(other)
		lib := newLibrary()
		second := groupcall.NewOver(r.world.Account(other), lib)
		r.play()
		require.NoError(t, second.Play(r.ctx, r.id, song{"b"}))
		require.Len(t, call.Participants(), 2)
		require.NoError(t, second.Close())
		require.NoError(t, lib.events.Wait(r.ctx))
		r.settle(time.Minute)
		require.Equal(t, groupcall.In, r.state())
		require.Len(t, call.Participants(), 1)
	})
}
