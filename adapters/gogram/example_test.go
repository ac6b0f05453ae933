package gogramcalls_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strconv"

	"github.com/amarnathcjd/gogram/telegram"
	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/session"
)

// A file is played in the call of a group, by the account whose session is in a file.
func Example() {
	if err := play(-1001234567890, "song.mp3"); err != nil {
		log.Fatal(err)
	}
}

func play(chatID int64, path string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	user, err := session.Load("user.session")
	if err != nil {
		return err
	}
	appID, err := strconv.Atoi(os.Getenv("API_ID"))
	if err != nil {
		return err
	}
	tg, err := session.Open(ctx, session.Config{
		AppID: int32(appID), AppHash: os.Getenv("API_HASH"), Session: user, Peers: "user.peers",
	})
	if err != nil {
		return err
	}
	defer session.Close(tg)
	client, err := gotgcall.New()
	if err != nil {
		return err
	}
	defer client.Close()
	calls, err := gogramcalls.New(tg, client)
	if err != nil {
		return err
	}
	defer calls.Close()
	calls.OnNotice(func(n groupcall.Notice) { fmt.Println(n.Words()) })
	if err := calls.Play(ctx, chatID, gotgcall.FromFile(path, gotgcall.EncodeOptions{})); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// The first login asks for a phone number, a code and, where there is one, the password.
func Example_login() {
	ctx := context.Background()
	tg, err := session.New(session.Config{AppID: 12345, AppHash: "0123456789abcdef0123456789abcdef"})
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close(tg)
	if _, err := session.Connect(ctx, tg); err != nil {
		log.Fatal(err)
	}
	err = session.Login(ctx, tg, func(_ context.Context, q session.Question) (answer string, err error) {
		fmt.Print(q.Text, ": ")
		_, err = fmt.Scanln(&answer)
		return answer, err
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := session.Save("user.session", tg.ExportSession()); err != nil {
		log.Fatal(err)
	}
}

// The client of a bot or an account is made by package session, or by gogram itself.
func Example_oneLine() {
	one := func(ctx context.Context, tg *telegram.Client, client *gotgcall.Client, chatID int64) error {
		calls, err := gogramcalls.New(tg, client)
		if err != nil {
			return err
		}
		return calls.Play(ctx, chatID, gotgcall.FromFile("song.mp3", gotgcall.EncodeOptions{}))
	}
	_ = one
}
