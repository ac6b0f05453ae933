// Package ytdlp runs yt-dlp: to find out what a page or a search offers, and to download
// one entry of it.
//
// A run is bounded in time, output and disk, has a home directory, a process group and
// its own environment, and is pointed to a [guard.Proxy] as its way out. Nothing
// that a user wrote is an option of the program or seen by a shell. Not used, because
// each has let a page or a title run or read something before: --exec, --netrc-cmd,
// external downloaders, --cookies-from-browser, --write-link, --enable-file-urls and
// --no-check-certificate.
package ytdlp
