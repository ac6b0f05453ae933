package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/gotgcall/gotgcall/adapters/gogram/session"
)

// login logs in an account and writes its session to the first file that is missing.
func (s settings) login(ctx context.Context, log *slog.Logger, t terminal) error {
	if err := s.check(); err != nil {
		return err
	}
	path, err := s.missing()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "Log in the account that plays: a user's, not a bot's. Its session goes to %s.\n", path)
	tg, err := session.New(session.Config{
		AppID: int32(s.appID), AppHash: s.appHash, Name: "login", Logger: log,
	})
	if err != nil {
		return err
	}
	defer func() { _ = session.Close(tg) }()
	if _, err := session.Connect(ctx, tg); err != nil {
		return err
	}
	if err := session.Login(ctx, tg, t.ask); err != nil {
		return err
	}
	if err := session.Save(path, tg.ExportSession()); err != nil {
		return err
	}
	me := tg.Me()
	fmt.Fprintf(t.out, "%s is logged in. The file is as good as the account: keep it to yourself.\n",
		strings.TrimSpace(me.FirstName+" "+me.LastName))
	return nil
}

// missing returns the first session file that does not exist.
func (s settings) missing() (string, error) {
	for _, path := range s.sessions {
		_, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return path, nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("%s is there: remove it, or name another one by -session", strings.Join(s.sessions, ", "))
}

// terminal asks the person in front of it.
type terminal struct {
	in  *os.File
	out io.Writer
}

// ask returns the answer to a question. What is typed for a secret is not shown, where
// that can be had.
func (t terminal) ask(ctx context.Context, q session.Question) (string, error) {
	fmt.Fprintf(t.out, "%s: ", q.Text)
	if q.Secret && t.echo(false) == nil {
		defer func() {
			_ = t.echo(true)
			fmt.Fprintln(t.out)
		}()
	}
	type answer struct {
		line string
		err  error
	}
	read := make(chan answer, 1)
	go func() { // ends with the line, or with the program
		line, err := bufio.NewReader(lines{t.in}).ReadString('\n')
		if errors.Is(err, io.EOF) && line != "" {
			err = nil
		}
		read <- answer{strings.TrimSpace(line), err}
	}()
	select {
	case a := <-read:
		return a.line, a.err
	case <-ctx.Done():
		fmt.Fprintln(t.out)
		return "", ctx.Err()
	}
}

// echo has the terminal show what is typed, or not.
func (t terminal) echo(on bool) error {
	mode := "-echo"
	if on {
		mode = "echo"
	}
	cmd := exec.Command("stty", mode)
	cmd.Stdin = t.in
	return cmd.Run()
}

// lines reads a byte at a time, so that nothing of the next line is taken.
type lines struct{ io.Reader }

func (l lines) Read(p []byte) (int, error) { return l.Reader.Read(p[:min(1, len(p))]) }
