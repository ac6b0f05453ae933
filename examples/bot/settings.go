package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/examples/bot/internal/guard"
	"github.com/gotgcall/gotgcall/examples/bot/internal/service"
)

// settings are what the owner decides.
type settings struct {
	appID    int
	appHash  string
	botToken string
	sessions []string // files, one for each account that plays
	logLevel slog.Level
	logJSON  bool
	service  service.Config // without accounts
}

// define returns the table of settings, whose values go to s.
func (s *settings) define() *table {
	t := newTable("bot")
	c := &s.service
	t.flags.IntVar(&s.appID, "api-id", 0, "`number` of your application, from https://my.telegram.org")
	t.secret(&s.appHash, "api-hash", "hash of your application")
	t.secret(&s.botToken, "bot-token", "token of the bot that talks, from @BotFather; none: the account talks")
	list(t, &s.sessions, "session", "`files` of the accounts that play, with commas; login makes the first missing one", text, "DATA/user.session")
	t.flags.StringVar(&c.Data, "data", "data", "`directory` of queues, sessions and downloads")
	list(t, &c.Owners, "owner", "`ids` of the users who may play files of the library, with commas", id, "")
	t.first = []string{"api-id", "api-hash-file", "bot-token-file", "session", "data", "owner"}
	t.flags.StringVar(&c.Library, "library", "", "`directory` whose files the owners may play by name")
	t.flags.BoolVar(&c.StartCalls, "start-calls", false, "start a video chat where there is none and the account may")
	t.flags.DurationVar(&c.Times.Alone, "alone", 5*time.Minute, "`time` without listeners until a call is left")
	t.flags.DurationVar(&c.Times.Empty, "idle", 3*time.Minute, "`time` without a track until a call is left")
	t.flags.IntVar(&c.Limits.Queue.Entries, "queue", 100, "most `tracks` in the queue of a chat")
	t.flags.IntVar(&c.Limits.Queue.PerUser, "queue-user", 20, "most `tracks` of one user in it")
	t.flags.IntVar(&c.Limits.Playlist, "playlist", 50, "most `tracks` that one command adds")
	t.flags.DurationVar(&c.Pages.MaxLength, "max-length", 4*time.Hour, "longest `time` that a track may take")
	t.bytes(&c.MaxFile, "max-file", 300<<20, "largest `size` of a file in a message, 2G at most")
	t.bytes(&c.Pages.MaxBytes, "max-page", 500<<20, "largest `size` of what yt-dlp downloads")
	t.bytes(&c.Quota, "disk", 2<<30, "`size` of all downloads together")
	t.flags.StringVar(&c.Pages.Path, "ytdlp", "yt-dlp", "`program` that searches and plays pages")
	t.flags.BoolVar(&c.Pages.AnyVersion, "ytdlp-any-version", false, "run a yt-dlp with known holes, too")
	t.flags.StringVar(&c.Pages.Cookies, "cookies", "", "`file` of cookies for yt-dlp, which nobody else may read")
	t.flags.StringVar(&c.FFmpeg, "ffmpeg", "ffmpeg", "`program` that decodes and encodes")
	t.flags.Func("ports", "TCP `ports` to which members' links may lead", func(v string) error {
		ports, err := guard.ParsePorts(v)
		if err == nil {
			c.Policy = guard.Policy(ports)
		}
		return err
	})
	t.flags.TextVar(&s.logLevel, "log", slog.LevelInfo, "least `level` of the log: debug, info, warn or error")
	t.flags.BoolVar(&s.logJSON, "log-json", false, "write the log as JSON")
	t.flags.Func("metrics", "serve /metrics at an `address` of this machine, such as 127.0.0.1:9100", func(v string) error {
		host, _, err := net.SplitHostPort(v)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			return errors.New("want an address of this machine, such as 127.0.0.1:9100")
		}
		c.Metrics = v
		return nil
	})
	t.flags.Lookup("ports").DefValue = guard.DefaultPorts
	t.flags.Lookup("log").DefValue = "info"
	return t
}

// parseSettings reads the arguments and the environment, in that order of rank, and
// returns what is left of the arguments. The values of secrets are forgotten by unset.
func parseSettings(args, environ []string, unset func(name string), help io.Writer) (settings, []string, error) {
	var s settings
	t := s.define()
	rest, err := t.parse(args, environ, unset, help)
	if err != nil {
		return s, nil, err
	}
	if err := s.positive(); err != nil {
		return s, nil, err
	}
	if len(s.sessions) == 0 {
		s.sessions = []string{filepath.Join(s.service.Data, "user.session")}
	}
	return s, rest, nil
}

// positive refuses numbers and times that would mean the default.
func (s *settings) positive() error {
	c := &s.service
	for name, v := range map[string]int64{
		"alone": int64(c.Times.Alone), "idle": int64(c.Times.Empty), "max-length": int64(c.Pages.MaxLength),
		"queue": int64(c.Limits.Queue.Entries), "queue-user": int64(c.Limits.Queue.PerUser), "playlist": int64(c.Limits.Playlist),
	} {
		if v <= 0 {
			return fmt.Errorf("-%s must be more than nothing", name)
		}
	}
	c.Pages.MaxItems = c.Limits.Playlist
	return nil
}

// check returns what is missing for a connection to Telegram.
func (s *settings) check() error {
	if s.appID <= 0 || s.appHash == "" {
		return fmt.Errorf("-api-id and -api-hash-file (or %s and %s) are needed: "+
			"get them at https://my.telegram.org, API development tools", envName("api-id"), envName("api-hash"))
	}
	return nil
}

func text(s string) (string, error) { return s, nil }

func id(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%q is no id of a user: ask @userinfobot for yours", s)
	}
	return n, nil
}

// String hides the secrets.
func (s settings) String() string {
	return fmt.Sprintf("settings of application %d, %s", s.appID, strings.Join(s.sessions, ", "))
}
