package bot

import (
	"strings"

	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
)

// command is an entry of the table that says what the bot can do.
type command struct {
	name    string
	also    []string // other names
	args    string   // as /help shows them
	help    string   // one line; "" hides it: a button alone
	needs   need
	private bool // also in a chat with the user alone
	run     func(*chat, *request)

	// own reports whether what it changes is the user's own; nil: whether the current
	// track is.
	own func(*chat, *request) bool
	// vote has somebody who may not use it vote for it, where votes are on.
	vote bool
}

// table is what the bot can do. It dispatches, and writes /help and the menu.
type table []*command

func newTable() table {
	return table{
		{name: "play", also: []string{"p"}, args: "file, link or words", help: "play a file you reply to, a link, or what is found", run: (*chat).cmdPlay},
		{name: "vplay", args: "file, link or words", help: "the same with its picture", run: (*chat).cmdVplay},
		{name: "playnext", args: "file, link or words", help: "play it before all others", needs: admin, run: (*chat).cmdPlayNext},
		{name: "pause", help: "pause what plays", needs: control, run: (*chat).cmdPause},
		{name: "resume", help: "go on after a pause", needs: control, run: (*chat).cmdResume},
		{name: "skip", also: []string{"next"}, args: "[n]", help: "go to the next track, or over n of them", needs: control, vote: true, own: (*chat).ownSkip, run: (*chat).cmdSkip},
		{name: "stop", also: []string{"leave", "end"}, help: "stop, empty the queue and leave", needs: control, own: (*chat).ownAll, run: (*chat).cmdStop},
		{name: "seek", args: "1:23, +10 or -10", help: "go to another place of the track", needs: control, run: (*chat).cmdSeek},
		{name: "loop", also: []string{"repeat"}, args: "[off, track or queue]", help: "repeat the track or the queue", needs: control, own: (*chat).ownAll, run: (*chat).cmdLoop},
		{name: "queue", also: []string{"q"}, args: "[page]", help: "show what comes", run: (*chat).cmdQueue},
		{name: "now", also: []string{"np", "nowplaying"}, help: "show what plays", run: (*chat).cmdNow},
		{name: "volume", also: []string{"vol"}, args: "1 to 200", help: "make it louder or softer, in percent", needs: control, own: (*chat).ownAll, run: (*chat).cmdVolume},
		{name: "mute", help: "be silent while the track runs on", needs: control, run: (*chat).cmdMute},
		{name: "unmute", help: "be heard again", needs: control, run: (*chat).cmdUnmute},
		{name: "remove", also: []string{"rm"}, args: "n [to]", help: "take an entry out of the queue, or move it", needs: control, own: (*chat).ownEntry, run: (*chat).cmdRemove},
		{name: "clear", help: "empty the queue", needs: control, own: (*chat).ownWaiting, run: (*chat).cmdClear},
		{name: "shuffle", help: "mix the queue", needs: control, own: (*chat).ownWaiting, run: (*chat).cmdShuffle},
		{name: "live", args: "[file, link or words]", help: "play as the chat's live stream", needs: admin, run: (*chat).cmdLive},
		{name: "settings", args: "[rights or votes]", help: "show or change who may do what", needs: open, run: (*chat).cmdSettings},
		{name: "help", help: "show this", private: true, run: (*chat).cmdHelp},
		{name: "start", private: true, run: (*chat).cmdStart},

		// Buttons of the card.
		{name: "toggle", needs: control, run: (*chat).cmdToggle},
		{name: "back", needs: control, run: (*chat).cmdBack},
		{name: "rewind", needs: control, run: (*chat).cmdRewind},
		{name: "forward", needs: control, run: (*chat).cmdForward},
		{name: "cancel", needs: control, run: (*chat).cmdCancel},
	}
}

// find returns the command of a name, or nil.
func (t table) find(name string) *command {
	for _, c := range t {
		if c.name == name {
			return c
		}
		for _, also := range c.also {
			if also == name {
				return c
			}
		}
	}
	return nil
}

// menu returns the commands that Telegram offers.
func (t table) menu() []telegram.MenuEntry {
	var entries []telegram.MenuEntry
	for _, c := range t {
		if c.help != "" {
			entries = append(entries, telegram.MenuEntry{Command: c.name, Description: strings.ToUpper(c.help[:1]) + c.help[1:]})
		}
	}
	return entries
}

// help returns the text of /help.
func (t table) help() telegram.Message {
	var text telegram.Text
	text.Mark(telegram.Bold, "What I can do").Add("\n")
	for _, c := range t {
		if c.help == "" {
			continue
		}
		text.Add("\n").Mark(telegram.Code, strings.TrimSpace("/"+c.name+" "+c.args)).Add(" — " + c.help)
		if c.needs == admin {
			text.Add(" (admins)")
		}
	}
	text.Add("\n\nAdmins choose who may control me: /settings.")
	return text.Message()
}
