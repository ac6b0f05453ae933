package telegramtest_test

import (
	"context"
	"fmt"
	"log"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
	"github.com/gotgcall/gotgcall/sfutest"
)

// play stands for the code under test: a bot's own way into a call.
func play(ctx context.Context, a groupcall.Account, calls *gotgcall.Client, chat int64, path string) error {
	call, err := a.Call(ctx, chat)
	if err != nil {
		return err
	}
	params, err := calls.CreateCall(chat)
	if err != nil {
		return err
	}
	joined, err := a.Join(ctx, call, params, groupcall.JoinOptions{VideoStopped: true})
	if err != nil {
		return err
	}
	if err := calls.ConnectContext(ctx, chat, joined.Answer); err != nil {
		return err
	}
	return calls.SetStreamSourcesContext(ctx, chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{}))
}

// A bot plays into a call, is muted by an admin, and the call ends. In a test, New(t)
// takes the place of Start and Close.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	song := filepath.Join(dir, "song.wav")
	if err := sfutest.WriteTones(song, time.Second, 440); err != nil {
		log.Fatal(err)
	}
	calls, err := gotgcall.New()
	if err != nil {
		log.Fatal(err)
	}
	defer calls.Close()

	world := telegramtest.Start()
	defer world.Close()
	dj, ann := world.NewUser("DJ"), world.NewUser("Ann")
	chat := world.NewChat("Friends", ann, dj)
	account := world.Account(dj)
	fmt.Println("before:", play(ctx, account, calls, chat.ID(), song))
	call := chat.StartCall()
	fmt.Println("in the call:", play(ctx, account, calls, chat.ID(), song))
	tones, err := call.Tones(ctx, dj, 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("heard %.0f Hz\n", math.Round(tones[0].Frequency/10)*10)

	call.Mute(dj)
	unmuted := false
	edit := groupcall.Edit{Muted: &unmuted}
	fmt.Println("unmute:", account.Edit(ctx, world.Requests("Join")[0].Args.(telegramtest.JoinArgs).Call, edit))
	// Output:
	// before: find call: the chat has no video chat
	// in the call: <nil>
	// heard 440 Hz
	// unmute: the account lacks the right to do this
}
