package scope

import (
	"errors"
	"fmt"
	"strings"
)

// Limits on what a caller may send. A request beyond them is refused before any look-up.
const (
	MaxName   = 128  // bytes of one scope name
	MaxNames  = 1000 // scopes in one request
	wildcard  = "*"
	separator = "."
)

// ErrSyntax is what [Parse] and [CheckName] wrap: the text is no scope by RFC 6749 section 3.3.
var ErrSyntax = errors.New("malformed scope")

// Parse splits the value of a scope parameter into its names, in the order given, each once.
// Names are separated by exactly one space; an empty string is no names at all, since a
// parameter without a value counts as absent (RFC 6749 section 3.2).
func Parse(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	if n := strings.Count(s, " ") + 1; n > MaxNames {
		return nil, fmt.Errorf("%w: %d scopes, at most %d", ErrSyntax, n, MaxNames)
	}
	var names []string
	seen := make(map[string]bool)
	for name := range strings.SplitSeq(s, " ") {
		if err := CheckName(name); err != nil {
			return nil, err
		}
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names, nil
}

// CheckName says whether name is one scope-token: 1 to [MaxName] bytes, each in
// x21, x23-5B or x5D-7E (RFC 6749 section 3.3).
func CheckName(name string) error {
	if name == "" {
		return fmt.Errorf("%w: empty name", ErrSyntax)
	}
	if len(name) > MaxName {
		return fmt.Errorf("%w: name of %d bytes, at most %d", ErrSyntax, len(name), MaxName)
	}
	for i := range len(name) {
		if c := name[i]; c < 0x21 || c > 0x7E || c == '"' || c == '\\' {
			return fmt.Errorf("%w: byte %#02x", ErrSyntax, c)
		}
	}
	return nil
}

// Join writes names as the value of a scope parameter or claim.
func Join(names []string) string { return strings.Join(names, " ") }
