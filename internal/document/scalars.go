package document

import (
	"iter"

	"go.yaml.in/yaml/v4"
)

// Scalars is each name and value of the document as YAML means it, and the line where it begins: what stands there may be
// written with escapes, or over several lines. There are none in what can't be read.
func Scalars(source []byte) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		if root, _ := Load(source, New("", source)); root != nil {
			scalars(root, yield)
		}
	}
}

// scalars says whether to go on.
func scalars(n *yaml.Node, yield func(int, string) bool) bool {
	if n.Kind == yaml.ScalarNode {
		return yield(n.Line, n.Value)
	}
	for _, child := range n.Content {
		if !scalars(child, yield) {
			return false
		}
	}
	return true
}
