// This example shows how to:
//
//  1. push a file or a URL to an RTMP server, Telegram's ingest or any other
//  2. show how far it is and what becomes of the connection
//  3. learn how it ended, and leave
//
// For a Telegram live stream the URL is that of phone.getGroupCallStreamRtmpUrl with
// its key after it. It can be given in the environment, where other users of the
// machine do not see it:
//
//	RTMP_URL=rtmps://dc4-1.rtmp.t.me/s/KEY go run ./examples/rtmp movie.mp4
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall"
)

const chat = int64(-1001234567890)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	if err := run(ctx, os.Args[1:], os.Getenv("RTMP_URL"), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, url string, out io.Writer) error {
	if len(args) == 2 && url == "" {
		args, url = args[:1], args[1]
	}
	if len(args) != 1 || url == "" {
		return errors.New("usage: RTMP_URL=rtmp[s]://server/app/key rtmp FILE-OR-URL")
	}
	client, err := gotgcall.New()
	if err != nil {
		return err
	}
	defer client.Close()
	return push(ctx, client, source(args[0]), url, out)
}

// source plays a file, or what is at an address.
func source(name string) gotgcall.Source {
	options := gotgcall.EncodeOptions{
		Tracks:     gotgcall.TrackAudio | gotgcall.TrackVideo,
		VideoWidth: 1280, VideoHeight: 720, VideoFPS: 30, VideoBitrateKbps: 1500, AudioBitrateKbps: 128,
	}
	if strings.Contains(name, "://") {
		return gotgcall.FromURL(name, options)
	}
	return gotgcall.FromFile(name, options)
}

// push plays a source until it ends or ctx is done.
func push(ctx context.Context, client *gotgcall.Client, src gotgcall.Source, url string, out io.Writer) error {
	ends := make(chan error, 2)
	client.OnStreamEnd(func(_ int64, _ gotgcall.StreamType, _ gotgcall.Device, err error) { ends <- err })
	states := make(chan gotgcall.ConnState, 16)
	client.OnConnectionChange(func(_ int64, info gotgcall.NetworkInfo) { states <- info.State })

	if err := client.StartRTMP(chat, url); err != nil {
		return err
	}
	if err := client.SetStreamSourcesContext(ctx, chat, src); err != nil {
		return err
	}
	ticker := time.NewTicker(500 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case state := <-states:
			fmt.Fprintf(out, "\n%s\n", state)
		case <-ticker.C:
			progress(client, out)
		case err := <-ends:
			progress(client, out)
			return err
		case <-ctx.Done():
			return nil // Close, on the way out, ends the call
		}
	}
}

// progress shows where a call is. A call that is over has nothing to show.
func progress(client *gotgcall.Client, out io.Writer) {
	position, err := client.Position(chat)
	stats, err2 := client.Stats(chat)
	if errors.Join(err, err2) == nil {
		fmt.Fprintf(out, "\r%s  %d kB sent, %d pictures, %d left out ", position.Round(time.Second/10),
			stats.Video.Bytes/1000, stats.Video.Packets, stats.PicturesShed)
	}
}
