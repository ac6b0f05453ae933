package studio

import (
	"path/filepath"
	"regexp"
	"strings"
)

// scrubber returns a function that takes paths of this machine out of a text: an answer of
// the page holds none. A URL keeps its path.
func scrubber(folders ...string) func(string) string {
	var pairs []string
	for _, f := range folders {
		if f != "" {
			pairs = append(pairs, f+string(filepath.Separator), "", f, "the demo folder")
		}
	}
	known := strings.NewReplacer(pairs...)
	return func(text string) string { return anyPath.ReplaceAllString(known.Replace(text), "$1") }
}

// anyPath is an absolute path but for its last element.
var anyPath = regexp.MustCompile(`(^|[\s"'=(\[,])(?:[A-Za-z]:\\|\\\\|/)(?:[^\s"'/\\:]+[/\\])+`)
