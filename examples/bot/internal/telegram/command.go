package telegram

import (
	"strings"
	"unicode"
)

// ParseCommand splits the text of a message into a command, in lower case and without
// the slash, and the rest without blanks around it. A blank or a newline ends the
// command. ok is false for a text that is no command, and for one that is addressed to
// none of the names, which are usernames without @: "/play@OtherBot".
func ParseCommand(text string, names ...string) (command, rest string, ok bool) {
	text, ok = strings.CutPrefix(text, "/")
	if !ok {
		return "", "", false
	}
	if end := strings.IndexFunc(text, unicode.IsSpace); end >= 0 {
		text, rest = text[:end], strings.TrimSpace(text[end:])
	}
	command, name, addressed := strings.Cut(text, "@")
	if addressed && !contains(names, name) {
		return "", "", false
	}
	if command == "" || strings.IndexFunc(command, notCommand) >= 0 {
		return "", "", false
	}
	return strings.ToLower(command), rest, true
}

// contains compares as Telegram does: usernames know no case.
func contains(names []string, name string) bool {
	for _, n := range names {
		if n != "" && strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// notCommand reports what Telegram's apps do not take for a part of a command.
func notCommand(r rune) bool {
	return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
}
