package policy

import (
	"bytes"
	"errors"
	"io"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// Limits on a document before anything is made of it.
const (
	maxSource = 1 << 20
	maxNested = 16
)

// load parses the source into the tree of its one document. YAML says one thing in many ways;
// what would let a document mean something else than a reader sees (anchors, merges, tags,
// several documents) is refused by load and by the functions that read its tree.
func load(source []byte, problems *Problems) *yaml.Node {
	if len(source) > maxSource {
		problems.add(1, 1, "the document has %d bytes; make it at most %d", len(source), maxSource)
		return nil
	}
	source = bytes.TrimPrefix(source, []byte("\ufeff"))
	if line, column, ok := firstUnreadable(source); ok {
		problems.add(line, column, "nobody can read this character; write the document in UTF-8 without control and format characters")
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(source), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxNested))))
	if err != nil {
		problems.add(1, 1, "the document can't be read: %v", err)
		return nil
	}
	var document, second yaml.Node
	if err := loader.Load(&document); err != nil {
		syntaxProblem(err, problems)
		return nil
	}
	if err := loader.Load(&second); !errors.Is(err, io.EOF) {
		if err != nil {
			syntaxProblem(err, problems)
		} else {
			problems.add(second.Line, second.Column, "a second document begins here; write one document, without ---")
		}
		return nil
	}
	if document.Kind != yaml.DocumentNode || len(document.Content) != 1 {
		problems.add(1, 1, "the document is empty; begin with format: 1")
		return nil
	}
	return document.Content[0]
}

func syntaxProblem(err error, problems *Problems) {
	if errors.Is(err, io.EOF) {
		problems.add(1, 1, "the document is empty; begin with format: 1")
		return
	}
	var at *yaml.LoadError
	if !errors.As(err, &at) {
		problems.add(1, 1, "the document is not YAML: %v", err)
		return
	}
	problems.add(at.Mark.Line, at.Mark.Column, "the document is not YAML here: %s", at.Message)
}

// firstUnreadable finds the first byte that isn't UTF-8 or, of the characters, the first that
// doesn't show: such a one can hide a line from its reader. A CR alone is one, since YAML ends a
// line there and an editor may not.
func firstUnreadable(source []byte) (line, column int, found bool) {
	line, column = 1, 1
	for len(source) > 0 {
		r, size := utf8.DecodeRune(source)
		source = source[size:]
		switch {
		case r == '\n':
			line, column = line+1, 1
		case r == '\r' && bytes.HasPrefix(source, []byte("\n")), r == '\t':
			column++
		case r == utf8.RuneError && size == 1, !unicode.IsGraphic(r):
			return line, column, true
		default:
			column++
		}
	}
	return 0, 0, false
}
