// Package playlist reads the lists that name media on the web: HLS (RFC 8216),
// DASH, and the plain .m3u and .pls of radio stations. It chooses what is to be
// played of them and writes them again with other addresses, so that a player
// sees one stream of each kind and never the server behind it.
//
// Its functions are pure: they do no I/O, and keep nothing. Addresses are those
// of http and https alone; a list that needs another is refused.
//
//	list, err := playlist.ParseHLS(data, address)
//	if list.Master != nil {
//		choice, err := list.Master.Choose(playlist.Bounds{Width: 1280, Height: 720, FPS: 30})
//		…
//	}
package playlist
