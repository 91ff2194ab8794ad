package policy

import (
	"strings"
	"unicode/utf8"

	"github.com/whittle-sts/whittle/internal/document"
	"github.com/whittle-sts/whittle/internal/hush"
)

// Secrets is where in a document, comments and all, something looks like a token or a secret; nil: nowhere. Versions are
// kept, and whoever may read policies reads them, so such a document isn't taken; and what the problems show of it has that hidden.
func Secrets(source []byte, file string) *Problems {
	quiet := hush.Text(string(source))
	if len(quiet) == len(source) {
		return nil
	}
	problems := document.New(file, []byte(quiet))
	number := 0
	for line := range strings.Lines(quiet) {
		number++
		if at := strings.Index(line, hush.Hidden); at >= 0 {
			problems.Add(number, utf8.RuneCountInString(line[:at])+1, "this looks like a token or a secret; a policy holds none: take it out, and end it if it was shown to anybody")
		}
	}
	return problems
}
