package chattest

import (
	"unicode/utf16"

	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
)

// part returns what an entity marks.
func part(text string, e telegram.Entity) string {
	units := utf16.Encode([]rune(text))
	if e.Offset < 0 || e.Length < 0 || e.Offset+e.Length > len(units) {
		return ""
	}
	return string(utf16.Decode(units[e.Offset : e.Offset+e.Length]))
}
