package document

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
	MaxSource = 2 << 20 // bytes
	MaxNested = 16
)

// Load parses the source into the tree of its one document, nil if it holds nothing; ok is false if
// it can't be read. YAML says one thing in many ways; what would let a document mean something else
// than a reader sees is refused: several documents here, and by [Problems.Plain] the rest.
func Load(source []byte, problems *Problems) (root *yaml.Node, ok bool) {
	if len(source) > MaxSource {
		problems.Add(1, 1, "the document has %d bytes; make it at most %d", len(source), MaxSource)
		return nil, false
	}
	source = bytes.TrimPrefix(source, []byte("\ufeff"))
	if line, column, ok := firstUnreadable(source); ok {
		problems.Add(line, column, "nobody can read this character; write the document in UTF-8 without control and format characters")
		return nil, false
	}
	loader, err := yaml.NewLoader(bytes.NewReader(source), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(MaxNested))))
	if err != nil {
		problems.Add(1, 1, "the document can't be read: %v", err)
		return nil, false
	}
	var document, second yaml.Node
	if err := loader.Load(&document); errors.Is(err, io.EOF) {
		return nil, true
	} else if err != nil {
		syntaxProblem(err, problems)
		return nil, false
	}
	if err := loader.Load(&second); !errors.Is(err, io.EOF) {
		if err != nil {
			syntaxProblem(err, problems)
		} else {
			problems.Add(second.Line, second.Column, "a second document begins here; write one document, without ---")
		}
		return nil, false
	}
	if document.Kind != yaml.DocumentNode || len(document.Content) != 1 {
		return nil, true
	}
	return document.Content[0], true
}

func syntaxProblem(err error, problems *Problems) {
	var at *yaml.LoadError
	if !errors.As(err, &at) {
		problems.Add(1, 1, "the document is not YAML: %v", err)
		return
	}
	line, column := problems.written(at.Mark.Line, at.Mark.Column)
	problems.Add(line, column, "the document is not YAML here: %s", at.Message)
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

// Plain says whether the node is only what it looks like: no alias, anchor, merge or tag.
func (p *Problems) Plain(n *yaml.Node) bool {
	fail := func(format string, args ...any) { p.Add(n.Line, n.Column, format, args...) }
	switch {
	case n.Kind == yaml.AliasNode:
		fail("write the value out; aliases (*%s) are not taken", n.Value)
	case n.Anchor != "":
		fail("remove the anchor &%s; anchors and aliases are not taken", n.Anchor)
	case n.ShortTag() == "!!merge":
		fail("write the fields out; merging with << is not taken")
	case n.Style&yaml.TaggedStyle != 0:
		fail("remove the tag %s", n.Tag)
	default:
		return true
	}
	return false
}
