package telegramtest_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
	"github.com/gotgcall/gotgcall/sfutest"
)

// A bot's account plays into a call, until an admin mutes it: it raises its hand. In a
// test, New(t) takes the place of Start and Close, and fails the test for whatever the bot
// does that Telegram does not allow.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	song, client := prepare()
	defer os.RemoveAll(filepath.Dir(song))
	defer client.Close()

	world := telegramtest.Start()
	defer world.Close()
	dj, ann := world.NewUser("DJ"), world.NewUser("Ann")
	chat := world.NewChat("Friends", ann, dj)
	call := chat.StartCall()
	call.Enter(ann)

	calls := groupcall.New(world.Account(dj), client) // the code under test
	defer calls.Close()
	err := calls.Play(ctx, chat.ID(), gotgcall.FromFile(song, gotgcall.EncodeOptions{}))
	if err != nil {
		log.Fatal(err)
	}
	tones, err := call.Tones(ctx, dj, 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("heard: %.0f0 Hz\n", tones[0].Frequency/10)

	call.Mute(dj)
	err = world.Wait(ctx, func() bool {
		p, _ := call.Participant(dj)
		return p.RaisedHand
	})
	fmt.Println("raised its hand:", err == nil)
	// Output:
	// heard: 440 Hz
	// raised its hand: true
}

// prepare makes a minute of 440 Hz, and a client.
func prepare() (song string, client *gotgcall.Client) {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	song = filepath.Join(dir, "song.wav")
	if err = sfutest.WriteTones(song, time.Minute, 440); err == nil {
		client, err = gotgcall.New()
	}
	if err != nil {
		log.Fatal(err)
	}
	return song, client
}
