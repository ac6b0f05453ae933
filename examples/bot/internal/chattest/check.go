package chattest

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
)

// Telegram's limits: https://limits.tginfo.me and core.telegram.org/bots/api.
const (
	maxText     = 4096 // UTF-16 code units
	maxEntities = 100
	maxButtons  = 100
	maxRow      = 8
	maxData     = 64 // bytes
)

// check returns why Telegram would refuse a message, or garble it.
func check(m telegram.Message) error {
	units := utf16.Encode([]rune(m.Text))
	switch {
	case !utf8.ValidString(m.Text):
		return fmt.Errorf("the text is not UTF-8")
	case strings.TrimSpace(m.Text) == "":
		return fmt.Errorf("MESSAGE_EMPTY")
	case len(units) > maxText:
		return fmt.Errorf("MESSAGE_TOO_LONG: %d units", len(units))
	case strings.ContainsRune(m.Text, 0):
		return fmt.Errorf("the text has a zero byte")
	case strings.TrimLeft(m.Text, " \n") != m.Text && len(m.Entities) > 0:
		return fmt.Errorf("the server strips leading blanks, and all entities are then out of place")
	case len(m.Entities) > maxEntities:
		return fmt.Errorf("%d entities", len(m.Entities))
	}
	for i, e := range m.Entities {
		if err := checkEntity(e, units); err != nil {
			return fmt.Errorf("entity %d: %w", i, err)
		}
		for j, o := range m.Entities[:i] {
			if crosses(o, e) {
				return fmt.Errorf("entities %d and %d cross", j, i)
			}
		}
	}
	return checkButtons(m.Buttons)
}

func checkEntity(e telegram.Entity, units []uint16) error {
	end := e.Offset + e.Length
	switch {
	case e.Offset < 0 || e.Length <= 0 || end > len(units):
		return fmt.Errorf("ENTITY_BOUNDS_INVALID: %d+%d of %d", e.Offset, e.Length, len(units))
	case lowSurrogate(units, e.Offset) || lowSurrogate(units, end):
		return fmt.Errorf("it cuts a character in half")
	}
	if e.Kind != telegram.Link {
		if e.URL != "" {
			return fmt.Errorf("a URL in an entity that is no link")
		}
		return nil
	}
	u, err := url.Parse(e.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("ENTITY_TEXTURL_INVALID: %q", e.URL)
	}
	return nil
}

// lowSurrogate reports whether the unit at i is the second half of a character.
func lowSurrogate(units []uint16, i int) bool {
	return i < len(units) && units[i] >= 0xDC00 && units[i] <= 0xDFFF
}

// crosses reports whether two entities overlap, and neither is within the other.
func crosses(a, b telegram.Entity) bool {
	if b.Offset < a.Offset {
		a, b = b, a
	}
	return b.Offset > a.Offset && b.Offset < a.Offset+a.Length && b.Offset+b.Length > a.Offset+a.Length
}

func checkButtons(rows [][]telegram.Button) error {
	n := 0
	for _, row := range rows {
		n += len(row)
		if len(row) == 0 || len(row) > maxRow {
			return fmt.Errorf("a row of %d buttons", len(row))
		}
		for _, b := range row {
			switch {
			case strings.TrimSpace(b.Text) == "" || !utf8.ValidString(b.Text):
				return fmt.Errorf("BUTTON_TEXT_INVALID: %q", b.Text)
			case b.Data == "" || len(b.Data) > maxData:
				return fmt.Errorf("BUTTON_DATA_INVALID: %q", b.Data)
			}
		}
	}
	if n > maxButtons {
		return fmt.Errorf("REPLY_MARKUP_TOO_LONG: %d buttons", n)
	}
	return nil
}

var commandForm = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)

func checkMenu(commands []telegram.MenuEntry) error {
	if len(commands) > 100 {
		return fmt.Errorf("BOT_COMMANDS_TOO_MUCH: %d", len(commands))
	}
	var names []string
	for _, c := range commands {
		if !commandForm.MatchString(c.Command) || slices.Contains(names, c.Command) {
			return fmt.Errorf("BOT_COMMAND_INVALID: %q", c.Command)
		}
		if n := len([]rune(c.Description)); n == 0 || n > 256 {
			return fmt.Errorf("BOT_COMMAND_DESCRIPTION_INVALID: %q", c.Description)
		}
		names = append(names, c.Command)
	}
	return nil
}
