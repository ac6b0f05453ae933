// Package guard keeps what chat members make the bot fetch away from the bot's own
// network: its machine, its neighbours, and the metadata servers of clouds.
//
// Every connection is decided at the moment of the dial, once names are resolved, by one
// [gotgcall.URLPolicy]. A name that resolves to a private address, a redirect to one and
// a playlist that lists one are refused alike, and nothing is sent.
//
// There are three ways out of the bot, all under the same policy:
//
//   - [gotgcall.FromURL] fetches http and https by itself and asks the policy given to
//     [gotgcall.WithURLPolicy] about each address, also those of redirects, of the
//     entries of playlists and of repeated requests; its ffmpeg connects to nothing but
//     the library on the loopback interface. Media needs no further guard.
//   - The bot's own requests, which find out what an address serves, use [Guard.Client].
//   - yt-dlp is a program whose connections this process does not see. It is given a
//     [Proxy], the only way out that its environment names.
//
// The proxy is a wall against what strangers write, not against yt-dlp itself: a program
// can ignore its environment. A rule of the system (IPAddressDeny of systemd, a network
// for Docker alone) is the second wall.
package guard
