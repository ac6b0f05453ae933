// Package track describes what can be played, as a value that can be written down.
package track

import "time"

// Track is an entry of a queue. It holds no handle: what is needed to play it is
// fetched again after a restart.
type Track struct {
	Title  string // one line without control characters; never empty
	Artist string
	Length time.Duration // 0 where unknown
	Live   bool
	Link   string // an http or https address to show with the title, or empty
	By     User   // who asked for it
	Video  bool   // the picture is played, too

	Origin Origin
}

// User is who asked for a track.
type User struct {
	ID   int64
	Name string
}

// Origin is where the media is. Exactly one field is set.
type Origin struct {
	Media *Media `json:",omitempty"` // a file in a message
	URL   string `json:",omitempty"` // http or https, played directly
	Page  string `json:",omitempty"` // http or https, a page that yt-dlp reads
	Name  string `json:",omitempty"` // a file of the owner's library
}

// Media is a file in a message of Telegram.
type Media struct {
	Chat    int64 // marked id
	Message int
	ID      int64  // of the document: the same file has the same
	Name    string // as its sender called it: hostile, only shown
	MIME    string
	Size    int64
}
