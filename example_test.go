package gotgcall_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/gotgcall/gotgcall"
)

// join stands for phone.joinGroupCall by the bot's Telegram client.
func join(context.Context, string) (string, error) { return "", errors.New("not in an example") }

// The whole way of a song into a call.
func Example() {
	play := func(ctx context.Context, chatID int64) error {
		client, err := gotgcall.New()
		if err != nil {
			return err
		}
		defer client.Close()
		params, err := client.CreateCall(chatID)
		if err != nil {
			return err
		}
		answer, err := join(ctx, params) // phone.joinGroupCall
		if err != nil {
			return err
		}
		if err := client.Connect(chatID, answer); err != nil {
			return err
		}
		return client.SetStreamSources(chatID, gotgcall.FromFile("song.mp3", gotgcall.EncodeOptions{}))
	}
	fmt.Println(play(context.Background(), -1001234567890))
	// Output: not in an example
}

// A playlist without gaps: one song plays, and the next one is open.
func ExampleClient_SetNextSource() {
	client, err := gotgcall.New()
	if err != nil {
		log.Print(err)
		return
	}
	defer client.Close()
	playlist := []string{"first.mp3", "second.mp3"}
	pop := func(int64) (string, bool) {
		if len(playlist) == 0 {
			return "", false
		}
		path := playlist[0]
		playlist = playlist[1:]
		return path, true
	}

	next := func(chatID int64) {
		for path, ok := pop(chatID); ok; path, ok = pop(chatID) {
			err := client.SetNextSource(chatID, gotgcall.FromFile(path, gotgcall.EncodeOptions{}))
			switch {
			case errors.Is(err, gotgcall.ErrFile), errors.Is(err, gotgcall.ErrStalled), errors.Is(err, gotgcall.ErrFFmpegCrashed):
				log.Print(err) // the one after it; ffmpeg's own words are in the error
			default:
				return // it is open, or the call is over
			}
		}
	}
	client.OnStreamEnd(func(chatID int64, _ gotgcall.StreamType, _ gotgcall.Device, err error) {
		if errors.Is(err, gotgcall.ErrStopped) || errors.Is(err, gotgcall.ErrConnectionFailed) {
			return
		}
		if stats, err := client.Stats(chatID); err == nil && len(stats.Ending) == 0 { // its last track
			go next(chatID) // all chats would wait for the next file
		}
	})
	const chatID = -1001234567890
	next(chatID) // it begins at once
	next(chatID) // it waits
	// Output:
}

// A live stream: nothing is opened before there is something to play.
func ExampleClient_StartRTMP() {
	client, err := gotgcall.New()
	if err != nil {
		log.Print(err)
		return
	}
	defer client.Close()
	const chatID, url, key = -1001234567890, "rtmps://dc4-1.rtmp.t.me/s/", "1234:key"

	err = client.StartRTMP(chatID, url+key) // of phone.getGroupCallStreamRtmpUrl
	fmt.Println(err)
	// Output: <nil>
}

// A client without calls.
func ExampleNew() {
	client, err := gotgcall.New()
	if err != nil {
		log.Print(err)
		return
	}
	defer client.Close()
	fmt.Println(len(client.Calls()), "calls")
	// Output: 0 calls
}

// The figures of all calls.
func ExampleClient_Stats() {
	client, err := gotgcall.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	for chatID := range client.Calls() {
		s, err := client.Stats(chatID)
		if err != nil {
			continue // it ended meanwhile
		}
		fmt.Println(chatID, s.State, s.Audio.Packets, s.Audio.FractionLost, s.Audio.RoundTrip)
	}
	// Output:
}
