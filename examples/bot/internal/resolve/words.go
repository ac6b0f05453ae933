package resolve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/examples/bot/internal/files"
	"github.com/gotgcall/gotgcall/examples/bot/internal/guard"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
	"github.com/gotgcall/gotgcall/examples/bot/internal/ytdlp"
)

const (
	wordsEmpty     = "Reply to a file with /play, or write an address or what to search for after it."
	wordsScheme    = "I play addresses that begin with http:// or https://, and no others."
	wordsMalformed = "That address does not look right. Copy it once more, please."
	wordsPrivate   = "That address leads into a private network, where I do not go. Send one that is open to everybody."
	wordsPort      = "I do not connect to that port. Ask my owner to allow it, or send another address."
	wordsNoServer  = "I cannot reach that server. Check the address, or try again later."
	wordsRedirect  = "That address leads around in circles, or to somewhere that I do not go."
	wordsNoPages   = "That is a web page, and yt-dlp, which I need to play from pages, is not installed here. Send the file itself or a direct link to it."
	wordsNoSearch  = "I cannot search: yt-dlp is not installed here. Reply to a file with /play, or send a direct link to one."
	wordsEmptyFile = "That file is empty."
)

// explain turns an error into a refusal, whose words never are the error's own: it may
// name files and addresses of this machine. The end of a context stays what it is.
func explain(err error) error {
	var refusal *track.Refusal
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &refusal):
		return refusal
	}
	return refuse(wordsOf(err), err)
}

func wordsOf(err error) string {
	var old *ytdlp.VersionError
	var failed *ytdlp.FailedError
	var flood *groupcall.Flood
	switch {
	case errors.Is(err, gotgcall.ErrNotPublic):
		return wordsPrivate
	case errors.Is(err, guard.ErrPort):
		return wordsPort
	case errors.Is(err, guard.ErrRedirect):
		return wordsRedirect
	case errors.Is(err, guard.ErrTooMuch), errors.Is(err, files.ErrTooLarge):
		return "That is too large for me."
	case errors.Is(err, files.ErrFull), errors.Is(err, syscall.ENOSPC):
		return "There is no room for it on my disk while other files play. Try again in a few minutes."
	case errors.Is(err, files.ErrEmpty):
		return wordsEmptyFile
	case errors.As(err, &flood):
		return groupcall.Words(flood)
	case errors.Is(err, telegram.ErrGone):
		return "The message with that file is gone. Send it again."
	case errors.Is(err, errDownload):
		return "Telegram did not send me the whole file. Try again."
	case errors.Is(err, ytdlp.ErrMissing):
		return wordsNoPages
	case errors.As(err, &old):
		return fmt.Sprintf("yt-dlp is too old here (%s): my owner has to install %s or later, and to start me again.", telegram.Clean(old.Version, 20), ytdlp.MinVersion)
	case errors.Is(err, ytdlp.ErrCookies):
		return "The file with cookies for yt-dlp cannot be used: my owner finds the reason in my log."
	case errors.Is(err, ytdlp.ErrBusy):
		return "I am busy with other searches and downloads. Try again in a minute."
	case errors.Is(err, ytdlp.ErrSignIn):
		return "That site wants to see that a person asks. My owner can give me a file with cookies for it."
	case errors.Is(err, ytdlp.ErrUnsupported):
		return "I find nothing to play on that page."
	case errors.Is(err, ytdlp.ErrNothing):
		return "I found nothing. Try other words."
	case errors.Is(err, ytdlp.ErrUnfit):
		return "That is a live stream, too long or too large for me to download."
	case errors.Is(err, ytdlp.ErrTimeout):
		return "That site took too long. Try again later."
	case errors.Is(err, ytdlp.ErrOutput):
		return "That page does not offer anything that I can play."
	case errors.As(err, &failed):
		return "The site says: " + telegram.Clean(site(failed.Words), 150)
	case errors.Is(err, errNoAnswer), errors.Is(err, context.DeadlineExceeded):
		return wordsNoServer
	}
	return "Something went wrong on my side: my owner finds it in my log."
}

// site returns yt-dlp's words without the name of the extractor, and without addresses,
// which may be of our own network.
func site(words string) string {
	if strings.HasPrefix(words, "[") {
		if _, rest, ok := strings.Cut(words, "] "); ok {
			words = rest
		}
	}
	words, _, _ = strings.Cut(words, "; please report this issue")
	var kept []string
	for _, word := range strings.Fields(words) {
		if !strings.Contains(word, "/") {
			kept = append(kept, word)
		}
	}
	return strings.Join(kept, " ")
}
