package audit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/whittle-sts/whittle/internal/exact"
)

// decode reads what encode writes, and nothing else.
func decode(entry string) (e Event, err error) {
	f := form{reading: true, rest: entry}
	f.open('{')
	f.event(&e)
	f.close('}')
	if f.err == nil && f.rest != "" {
		f.fail("something follows the entry")
	}
	return e, f.err
}

// fail ends the reading, with the first reason.
func (f *form) fail(why string) {
	if f.err == nil {
		f.err, f.rest = errors.New(why), ""
	}
}

// cut takes what must come next.
func (f *form) cut(want string) {
	rest, ok := strings.CutPrefix(f.rest, want)
	if !ok {
		f.fail("malformed JSON")
		return
	}
	f.rest = rest
}

// expect takes a bracket. A member that comes instead of the last one is one that no version wrote there.
func (f *form) expect(bracket byte) {
	if f.rest != "" && f.rest[0] == bracket {
		f.rest = f.rest[1:]
		return
	}
	if name, ok := strings.CutPrefix(f.rest, ","); ok && bracket == '}' {
		f.rest = name
		f.fail(fmt.Sprintf("member %q is unknown, repeated or out of place", f.cutText()))
	}
	f.fail("malformed JSON")
}

// cutName begins a member if it is the one of that name.
func (f *form) cutName(name string) bool {
	rest := f.rest
	if !f.first {
		if rest == "" || rest[0] != ',' {
			return false
		}
		rest = rest[1:]
	}
	end := len(name) + 1
	if len(rest) < end+2 || rest[0] != '"' || rest[1:end] != name || rest[end:end+2] != `":` {
		return false
	}
	f.rest, f.first = rest[end+2:], false
	return true
}

// more begins an element if there is one.
func (f *form) more() bool {
	if f.rest == "" || f.rest[0] == ']' {
		return false
	}
	f.separate()
	return f.err == nil
}

// separate takes the comma before all elements but the first.
func (f *form) separate() {
	if !f.first {
		f.cut(",")
	}
	f.first = false
}

func (f *form) cutText() string {
	end := 1
	for end < len(f.rest) && exact.PlainByte(f.rest[end]) {
		end++
	}
	if end < len(f.rest) && f.rest[0] == '"' && f.rest[end] == '"' {
		text := f.rest[1:end]
		f.rest = f.rest[end+1:]
		return text
	}
	return f.cutEscaped()
}

// cutEscaped is cutText for what isn't plain.
func (f *form) cutEscaped() string {
	if f.rest == "" || f.rest[0] != '"' {
		f.fail("malformed JSON")
		return ""
	}
	end := 1
	for end < len(f.rest) && f.rest[end] != '"' {
		if f.rest[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(f.rest) {
		f.fail("malformed JSON")
		return ""
	}
	quoted := f.rest[:end+1]
	f.rest = f.rest[end+1:]
	text, err := jsontext.AppendUnquote(nil, quoted)
	if err != nil {
		f.fail(err.Error())
		return ""
	}
	if again, err := jsontext.AppendQuote(nil, text); err != nil || string(again) != quoted {
		f.fail("a text isn't in canonical form")
	}
	return string(text)
}

func (f *form) cutNumber() uint64 {
	end := 0
	for end < len(f.rest) && '0' <= f.rest[end] && f.rest[end] <= '9' {
		end++
	}
	n, err := strconv.ParseUint(f.rest[:end], 10, 64)
	if err != nil || end > 1 && f.rest[0] == '0' {
		f.fail("malformed number")
		return 0
	}
	f.rest = f.rest[end:]
	return n
}

func (f *form) cutTime() time.Time {
	text := f.cutText()
	t, err := time.Parse(time.RFC3339, text)
	var again [len(timeLayout)]byte
	if err != nil || string(t.UTC().AppendFormat(again[:0], timeLayout)) != text {
		f.fail("malformed time")
	}
	return t
}
