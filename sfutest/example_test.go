package sfutest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/sfutest"
)

// bot stands for the code under test: it plays a file into a chat.
type bot struct {
	calls *gotgcall.Client
	join  func(ctx context.Context, params string) (string, error) // phone.joinGroupCall
}

func (b bot) play(ctx context.Context, chatID int64, path string) error {
	params, err := b.calls.CreateCall(chatID)
	if err != nil {
		return err
	}
	answer, err := b.join(ctx, params)
	if err != nil {
		return err
	}
	if err := b.calls.Connect(chatID, answer); err != nil {
		return err
	}
	return b.calls.SetStreamSources(chatID, gotgcall.FromFile(path, gotgcall.EncodeOptions{}))
}

// A bot is heard, then dropped by the server. In a test, NewServer(t) takes the place
// of Start and Close.
func Example() {
	if err := listen(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// heard 440 Hz
	// heard 660 Hz
	// kicked: true, bot: failed
}

func listen() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	song := filepath.Join(dir, "song.wav")
	if err := sfutest.WriteTones(song, time.Second, 440, 660, 880); err != nil {
		return err
	}
	server, err := sfutest.Start()
	if err != nil {
		return err
	}
	defer server.Close()
	calls, err := gotgcall.New()
	if err != nil {
		return err
	}
	defer calls.Close()
	failed := make(chan gotgcall.ConnState, 1)
	calls.OnConnectionChange(func(_ int64, info gotgcall.NetworkInfo) {
		if info.State == gotgcall.Failed {
			failed <- info.State
		}
	})
	if err := (bot{calls, server.Join}).play(ctx, -1001234567890, song); err != nil {
		return err
	}
	p, err := server.Accept(ctx)
	if err != nil {
		return err
	}
	tones, err := p.Tones(ctx, 2)
	if err != nil {
		return err
	}
	for _, tone := range tones {
		fmt.Println("heard", 10*math.Round(tone.Frequency/10), "Hz")
	}
	p.Kick()
	<-p.Done()
	state := <-failed
	fmt.Printf("kicked: %t, bot: %s\n", errors.Is(p.Err(), sfutest.ErrKicked), state)
	return nil
}
