package groupcall_test

import (
	"context"

	"github.com/gotgcall/gotgcall"
)

// What happens to the library in a test.

func (l *library) change(id int64, state gotgcall.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls[id].state = state
	l.report(id, state, nil)
}

func (l *library) fail(id int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end(id, gotgcall.Failed, gotgcall.ErrConnectionFailed)
}

// at returns a copy of the chat's call.
func (l *library) at(id int64) (libraryCall, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.calls[id]
	if !ok {
		return libraryCall{}, false
	}
	copied := *c
	copied.at = c.position()
	return copied, true
}

// song is a source that plays, film one with pictures, badSource one that cannot be opened.
type song struct{ name string }

func (song) Tracks() gotgcall.Track { return gotgcall.TrackAudio }

func (song) Open(context.Context, gotgcall.Env) (gotgcall.Stream, error) { return nil, nil }

type film struct{ song }

func (film) Tracks() gotgcall.Track { return gotgcall.TrackAudio | gotgcall.TrackVideo }

type badSource struct {
	song
	err error
}
