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
	length  time.Duration
	packets uint64
	ends    map[gotgcall.StreamType]error // one for each of its tracks
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
	answer, err := join(ctx, params)
	if err != nil {
		return played{}, err
	}
	if err := client.ConnectContext(ctx, chat, answer); err != nil {
		return played{}, err
	}
	if err := client.SetStreamSourcesContext(ctx, chat, src); err != nil {
		return played{}, err
	}
	p := played{ends: make(map[gotgcall.StreamType]error)}
	ticker := time.NewTicker(250 * time.Millisecond)
	defer ticker.Stop()
	for len(p.ends) == 0 && ctx.Err() == nil { // a source's tracks end together
		p.observe(client)
		show(p.length)
		select {
		case end := <-ends:
			p.ends[end.track] = end.err
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
	p.observe(client)
	show(p.length)
	client.Close() // leaves the call; after it no callback runs
	close(ends)
	for end := range ends {
		p.ends[end.track] = end.err
	}
	return p, nil
}

// observe notes how far the call is. One that was lost stays where it was.
func (p *played) observe(client *gotgcall.Client) {
	if at, err := client.Position(chat); err == nil {
		p.length = at
	}
	if stats, err := client.Stats(chat); err == nil {
		p.packets = stats.Audio.Packets + stats.Video.Packets
	}
}
