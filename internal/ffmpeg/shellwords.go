package ffmpeg

import (
	"fmt"
	"strings"

	"github.com/gotgcall/gotgcall/models"
)

// splitWords splits a command line on blanks outside double quotes. \" and \\
// are the only escapes, inside quotes and out; any other backslash, and every
// other character a shell would care for, stands for itself.
func splitWords(line string) ([]string, error) {
	if strings.ContainsRune(line, 0) {
		return nil, fmt.Errorf("%w: the command has a NUL byte", models.ErrInvalidParams)
	}
	var words []string
	var word strings.Builder
	quoted, inWord := false, false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '"':
			quoted, inWord = !quoted, true
		case !quoted && strings.IndexByte(" \t\r\n", c) >= 0:
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			if c == '\\' && i+1 < len(line) && (line[i+1] == '"' || line[i+1] == '\\') {
				i++
				c = line[i]
			}
			word.WriteByte(c)
			inWord = true
		}
	}
	if quoted {
		return nil, fmt.Errorf("%w: the command has an unterminated quote", models.ErrInvalidParams)
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}
