package policy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"go.yaml.in/yaml/v4"

	"github.com/whittle-sts/whittle/internal/document"
)

// FuzzCompile: any document is taken whole, or refused with problems that stand in it.
func FuzzCompile(f *testing.F) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, "testdata/platform.yaml") {
		source, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(source)
	}
	f.Add([]byte(base + anyRule))
	f.Fuzz(func(t *testing.T, source []byte) {
		p, err := Compile(source, "fuzz.yaml", 1)
		if err == nil {
			again, err := Compile(p.source, "fuzz.yaml", 1)
			if err != nil || again.Digest() != p.Digest() {
				t.Fatalf("what compiled once doesn't compile again: %v", err)
			}
			return
		}
		var problems *Problems
		if p != nil || !errors.As(err, &problems) || len(problems.List()) == 0 || len(problems.List()) > document.MaxProblems {
			t.Fatalf("got %v, %v", p, err)
		}
		lines := strings.Split(string(source), "\n")
		for _, problem := range problems.List() {
			if problem.Line > len(lines)+1 || problem.Message == "" {
				t.Fatalf("a problem out of the document: %+v", problem)
			}
		}
		_ = err.Error()
	})
}

// FuzzExpression: any text is compiled or refused as a condition, and what compiles never holds
// of a principal of whom nothing that it reads is known.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{
		"principal.attributes.mfa == true", `"a" in principal.groups || principal.issuer == "corp"`, "!has(principal.attributes.x)",
		"principal.attributes[principal.subject]", "principal.attributes.x.all(y, y != 1)", "(", "true",
	} {
		f.Add(seed)
	}
	made, err := newExpressions()
	if err != nil {
		f.Fatal(err)
	}
	nobody := researcher()
	nobody.Groups, nobody.Attributes = nil, nil
	f.Fuzz(func(t *testing.T, text string) {
		problems := document.New("", []byte(text))
		c := &compiler{reader: reader{problems}, expressions: made}
		e := c.expression(scalarNode(text), "when", made.principal, cel.BoolType)
		if e == nil {
			if len(problems.List()) == 0 {
				t.Fatal("refused without a problem")
			}
			return
		}
		if len(e.paths) > 0 && e.holds(&nobody) {
			t.Fatalf("%q holds of nobody", text)
		}
		delete(made.made, "when\x00"+text)
	})
}

func scalarNode(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Line: 1, Column: 1}
}
