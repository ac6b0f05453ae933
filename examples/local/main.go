// This example shows how to:
//
//  1. join a group call and connect
//  2. play a file or a URL, with its picture if it has one
//  3. show how far it is, learn how it ended, and leave
//
// It needs no Telegram account: the server it joins is one of its own, which
// checks all that arrives and lets a browser hear and see it. What a bot does is
// the function play; a bot differs from it in one identifier, join.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

const (
	chat         = int64(-1001234567890)
	sampleLength = 20 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	if err := run(ctx, os.Args[1:], os.Stdout, sfu.Config{}, sampleLength); err != nil {
		fmt.Fprintln(os.Stderr, "error:", strings.ReplaceAll(err.Error(), "\n", "\n       "))
		os.Exit(1)
	}
}

// joinFunc sends phone.joinGroupCall with params and returns the data of the
// updateGroupCallConnection that answers it.
type joinFunc func(ctx context.Context, params string) (answer string, err error)

// played is what a bot knows of a source that has ended.
type played struct {
	length time.Duration
	ends   map[gotgcall.StreamType]error // one for each of its tracks
}

// play plays a source into a call until it ends or ctx is done. It closes the
// client.
func play(ctx context.Context, client *gotgcall.Client, join joinFunc, src gotgcall.Source, show func(time.Duration)) (played, error) {
	type streamEnd struct {
		track gotgcall.StreamType
		err   error
	}
	ends := make(chan streamEnd, 2)
	client.OnStreamEnd(func(_ int64, t gotgcall.StreamType, _ gotgcall.Device, err error) {
		ends <- streamEnd{t, err}
	})

	params, err := client.CreateCall(chat)
	if err != nil {
		return played{}, err
	}
	// Stop interrupts whatever the call is busy with.
	defer context.AfterFunc(ctx, func() { _ = client.Stop(chat) })()

	answer, err := join(ctx, params)
	if err != nil {
		return played{}, err
	}
	if err := client.Connect(chat, answer); err != nil {
		return played{}, err
	}
	if err := client.SetStreamSources(chat, src); err != nil {
		return played{}, err
	}

	p := played{ends: make(map[gotgcall.StreamType]error)}
	ticker := time.NewTicker(250 * time.Millisecond)
	defer ticker.Stop()
	for {
		if ms, err := client.Time(chat); err == nil { // else it was stopped
			p.length = time.Duration(ms) * time.Millisecond
		}
		show(p.length)
		if len(p.ends) > 0 { // a source's tracks end together
			break
		}
		select {
		case end := <-ends:
			p.ends[end.track] = end.err
		case <-ticker.C:
		}
	}
	_ = client.Stop(chat) // to be told that there is no such call is fine
	client.Close()
	close(ends) // after Close no callback runs
	for end := range ends {
		p.ends[end.track] = end.err
	}
	return p, nil
}
