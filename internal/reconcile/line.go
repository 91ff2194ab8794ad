package reconcile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxLine is the most bytes of a line of an access log.
const maxLine = 1 << 20

// Fields says where in a line of the access log things stand: a member's name, or names with dots between them for one
// within others.
type Fields struct{ Time, Token, Task, Scope, Action, Resource, Status string }

// StandardFields is where things stand if nobody says otherwise.
func StandardFields() Fields {
	return Fields{Time: "time", Token: "jti", Task: "txn", Scope: "scope", Action: "action", Resource: "resource", Status: "status"}
}

// Set puts one of them elsewhere: "token=auth.jti".
func (f *Fields) Set(text string) error {
	name, place, ok := strings.Cut(text, "=")
	at := map[string]*string{
		"time": &f.Time, "token": &f.Token, "task": &f.Task, "scope": &f.Scope, "action": &f.Action, "resource": &f.Resource, "status": &f.Status,
	}[name]
	if !ok || place == "" || at == nil {
		return errors.New("write NAME=MEMBER, as in token=auth.jti; the names are time, token, task, scope, action, resource and status")
	}
	*at = place
	return nil
}

// action is what one line of the access log says.
type action struct {
	line     uint64
	at       time.Time
	token    string
	task     string
	scope    []string
	does     string
	resource string
	status   int
}

// errLine is what is wrong with a line; what it says is never quoted, since it may hold a token.
var errLine = errors.New("not an action")

// lines calls fn with each line of the log, or with what is wrong with it. A line that is too long is one that can't be
// read: whoever can have a resource server write one must not hide the lines after it.
func (f Fields) lines(log io.Reader, fn func(action, error) error) error {
	in := bufio.NewReaderSize(log, maxLine)
	for n := uint64(1); ; n++ {
		text, err := in.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = in.ReadSlice('\n')
		}
		last := errors.Is(err, io.EOF)
		if err != nil && !last {
			return fmt.Errorf("the access log after line %d: %w", n-1, err)
		}
		if err := f.tell(n, text, long, fn); err != nil || last {
			return err
		}
	}
}

// tell calls fn with a line, if there is anything in it.
func (f Fields) tell(n uint64, text []byte, long bool, fn func(action, error) error) error {
	if long {
		return fn(action{line: n}, fmt.Errorf("%w: it is longer than 1 MiB", errLine))
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	a, err := f.read(text)
	a.line = n
	return fn(a, err)
}

func (f Fields) read(text []byte) (a action, err error) {
	var line map[string]jsontext.Value
	if json.Unmarshal(text, &line) != nil || line == nil {
		return a, fmt.Errorf("%w: it is no JSON object", errLine)
	}
	if a.at, err = moment(member(line, f.Time)); err != nil {
		return a, err
	}
	a.token, a.task = word(member(line, f.Token)), word(member(line, f.Task))
	a.does, a.resource = word(member(line, f.Action)), word(member(line, f.Resource))
	if a.status, err = strconv.Atoi(word(member(line, f.Status))); err != nil {
		a.status = 0 // also of a number that is too great: only what is a refusal excuses
	}
	a.scope, err = words(member(line, f.Scope))
	return a, err
}

// member is a value of the line; nil: it isn't there. A name with dots may also be a member's own.
func member(line map[string]jsontext.Value, place string) jsontext.Value {
	if v, ok := line[place]; ok {
		return v
	}
	first, rest, nested := strings.Cut(place, ".")
	if !nested {
		return nil
	}
	var within map[string]jsontext.Value
	if json.Unmarshal(line[first], &within) != nil {
		return nil
	}
	return member(within, rest)
}

// word is a text, or a number as it is written. "-" is how access logs write nothing.
func word(v jsontext.Value) string {
	var text string
	switch {
	case v == nil:
		return ""
	case v.Kind() == '0':
		return v.String()
	case json.Unmarshal(v, &text) != nil || text == "-":
		return ""
	}
	return text
}

// words is a list of texts, or one text with spaces between them. What is neither isn't taken for none: then any token
// would do.
func words(v jsontext.Value) (list []string, err error) {
	switch {
	case v == nil || v.Kind() == 'n':
		return nil, nil
	case v.Kind() == '"':
		list = strings.Fields(word(v))
	case json.Unmarshal(v, &list) != nil:
		return nil, fmt.Errorf("%w: its scope can't be read", errLine)
	}
	return slices.DeleteFunc(list, func(s string) bool { return s == "" }), nil
}

// clockLayouts is how access logs write times, besides numbers.
var clockLayouts = []string{time.RFC3339Nano, "02/Jan/2006:15:04:05 -0700"}

// moment is a time: RFC 3339, as a web server's common log has it, or a number of seconds or milliseconds since 1970.
func moment(v jsontext.Value) (time.Time, error) {
	text := word(v)
	if text == "" {
		return time.Time{}, fmt.Errorf("%w: it has no time", errLine)
	}
	for _, layout := range clockLayouts {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), nil
		}
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || n < 0 || n > 1e14 {
		return time.Time{}, fmt.Errorf("%w: its time can't be read", errLine)
	}
	if n < 1e11 { // in the year 5138 it is time to look at this again
		n *= 1000
	}
	return time.UnixMilli(int64(n)).UTC(), nil
}
