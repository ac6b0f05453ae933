package ytdlp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Entry is what a page, a playlist or a search offers. All of it is the site's: hostile.
type Entry struct {
	URL    string // of the entry's own page
	Title  string
	Artist string
	Length time.Duration // 0 where unknown
	Live   bool
}

// maxWords bounds the words of a search, in runes.
const maxWords = 200

// Lookup returns the entries of a page, at most limit, without downloading any. The
// address is one of http or https. chat is who asks: each has one run at a time.
func (p *Program) Lookup(ctx context.Context, chat int64, address string, limit int) ([]Entry, error) {
	return p.lookup(ctx, chat, address, limit)
}

// Search returns the best match for words.
func (p *Program) Search(ctx context.Context, chat int64, words string) ([]Entry, error) {
	words = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, words)
	if runes := []rune(words); len(runes) > maxWords {
		words = string(runes[:maxWords])
	}
	// With a prefix of ours before them, the words can be no prefix, option or address.
	return p.lookup(ctx, chat, "ytsearch1:"+words, 1)
}

func (p *Program) lookup(ctx context.Context, chat int64, target string, limit int) ([]Entry, error) {
	if p.err != nil {
		return nil, p.err
	}
	waiting, stop := context.WithTimeoutCause(ctx, p.cfg.LookupTimeout, ErrBusy)
	defer stop()
	leaveChat, err := p.chats.enter(waiting, chat)
	if err != nil {
		return nil, err
	}
	defer leaveChat()
	leave, err := p.enter(waiting)
	if err != nil {
		return nil, err
	}
	defer leave()
	work, err := p.workspace()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	limit = max(1, min(limit, p.cfg.MaxItems))
	args := append([]string{
		"--ignore-config", "--no-cache-dir", "--no-warnings", "--socket-timeout", "10", "--retries", "2",
		"--flat-playlist", "--playlist-items", "1:" + strconv.Itoa(limit), "-J",
	}, p.runtimeArgs()...)
	out, err := p.run(ctx, job{work: work, args: args, target: target, timeout: p.cfg.LookupTimeout, guarded: true})
	if err != nil {
		return nil, err
	}
	return entries(out, limit)
}

// entries reads what -J prints. Fields of another type than expected count as absent.
func entries(out []byte, limit int) ([]Entry, error) {
	var page info
	if err := json.Unmarshal(out, &page); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOutput, err)
	}
	if page.Type != "playlist" && page.Type != "multi_video" {
		page.Entries = []*info{&page}
	}
	var all []Entry
	for _, e := range page.Entries {
		if e == nil || len(all) == limit {
			continue
		}
		if address := e.address(); address != "" {
			all = append(all, e.entry(address))
		}
	}
	if len(all) == 0 {
		return nil, ErrNothing
	}
	return all, nil
}

// info is a part of yt-dlp's "info dict".
type info struct {
	Type       text    `json:"_type"`
	URL        text    `json:"url"`
	WebpageURL text    `json:"webpage_url"`
	Title      text    `json:"title"`
	Artist     text    `json:"artist"`
	Uploader   text    `json:"uploader"`
	Channel    text    `json:"channel"`
	Duration   seconds `json:"duration"`
	IsLive     flag    `json:"is_live"`
	LiveStatus text    `json:"live_status"`
	Entries    []*info `json:"entries"`
}

// address returns the address of the entry's page. The url of an entry that was looked
// into is that of its media, which lives for minutes.
func (i *info) address() string {
	candidates := []text{i.WebpageURL, i.URL}
	if i.Type == "url" || i.Type == "url_transparent" {
		candidates = []text{i.URL, i.WebpageURL}
	}
	for _, c := range candidates {
		if u, err := url.Parse(string(c)); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
			return string(c)
		}
	}
	return ""
}

func (i *info) entry(address string) Entry {
	e := Entry{
		URL: address, Title: string(i.Title), Artist: string(i.Artist),
		Live: bool(i.IsLive) || i.LiveStatus == "is_live" || i.LiveStatus == "is_upcoming",
	}
	for _, name := range []text{i.Uploader, i.Channel} {
		if e.Artist == "" {
			e.Artist = string(name)
		}
	}
	const longest = 1000 * time.Hour
	if d := float64(i.Duration); d > 0 && d < longest.Seconds() {
		e.Length = time.Duration(d * float64(time.Second))
	}
	return e
}

// text, seconds and flag are values that are absent when they are of another type.
type (
	text    string
	seconds float64
	flag    bool
)

func (t *text) UnmarshalJSON(b []byte) error {
	_ = json.Unmarshal(b, (*string)(t))
	return nil
}

func (s *seconds) UnmarshalJSON(b []byte) error {
	_ = json.Unmarshal(b, (*float64)(s))
	return nil
}

func (f *flag) UnmarshalJSON(b []byte) error {
	_ = json.Unmarshal(b, (*bool)(f))
	return nil
}
