package telegram

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// MaxText is how many UTF-16 code units the text of a message has at most.
const MaxText = 4096

// Text builds a message's text and entities. No markup is parsed, so nothing that a user
// wrote can become any. The zero value is empty.
type Text struct {
	b        strings.Builder
	units    int // UTF-16 code units written
	entities []Entity
}

// Add appends plain text.
func (t *Text) Add(s string) *Text {
	s = strings.ToValidUTF8(s, "\uFFFD")
	t.b.WriteString(s)
	t.units += Units(s)
	return t
}

// Addf appends plain text as fmt.Sprintf does.
func (t *Text) Addf(format string, args ...any) *Text {
	return t.Add(fmt.Sprintf(format, args...))
}

// Mark appends text that is shown as kind says.
func (t *Text) Mark(kind EntityKind, s string) *Text {
	return t.mark(Entity{Kind: kind}, s)
}

// Title appends a title in bold, which leads to link unless that is empty.
func (t *Text) Title(s, link string) *Text {
	from := len(t.entities)
	t.mark(Entity{Kind: Bold}, s)
	if link != "" && len(t.entities) > from {
		e := t.entities[from]
		e.Kind, e.URL = Link, link
		t.entities = append(t.entities, e)
	}
	return t
}

func (t *Text) mark(e Entity, s string) *Text {
	e.Offset = t.units
	t.Add(s)
	if e.Length = t.units - e.Offset; e.Length > 0 { // Telegram refuses empty ones
		t.entities = append(t.entities, e)
	}
	return t
}

// Len returns how many UTF-16 code units have been written.
func (t *Text) Len() int { return t.units }

// Message returns what was written, without buttons.
func (t *Text) Message() Message {
	return Message{Text: t.b.String(), Entities: t.entities}
}

// Plain returns a message of plain text.
func Plain(s string) Message { return new(Text).Add(s).Message() }

// Units returns the length of a text as Telegram counts it, in UTF-16 code units.
func Units(s string) int {
	n := 0
	for _, r := range s {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}
