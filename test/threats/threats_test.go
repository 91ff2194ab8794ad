// Package threats holds docs/threat-model.md to the code: every test that it names exists.
package threats

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// tests lists the tests of the whole repository by folder and name.
func tests(t *testing.T) map[string]bool {
	t.Helper()
	found := make(map[string]bool)
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				found[path.Join(filepath.ToSlash(folder), f.Name.Name)] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// named finds `folder/TestName` and `folder/FuzzName` in a text.
var named = regexp.MustCompile("`([a-z0-9_/]+/(?:Test|Fuzz)[A-Za-z0-9_]+)`")

func TestEveryNamedTestExists(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs/threat-model.md"))
	if err != nil {
		t.Fatal(err)
	}
	known := tests(t)
	names := named.FindAllStringSubmatch(string(page), -1)
	if len(names) < 50 {
		t.Fatalf("the page names %d tests", len(names))
	}
	for _, n := range names {
		if !known[n[1]] {
			t.Errorf("there is no test %s", n[1])
		}
	}
	if loose := regexp.MustCompile("(?:^|[^/A-Za-z0-9_])((?:Test|Fuzz)[A-Z][A-Za-z0-9_]+)").FindAllStringSubmatch(string(page), -1); len(loose) > 0 {
		t.Errorf("named without a folder: %q", loose)
	}
}

// Each adversary says what they can do, what holds and what doesn't.
func TestEveryAdversaryIsAnswered(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs/threat-model.md"))
	if err != nil {
		t.Fatal(err)
	}
	sections := strings.Split(string(page), "\n## ")[1:]
	answered := 0
	for _, s := range sections {
		title, body, _ := strings.Cut(s, "\n")
		if !regexp.MustCompile(`^\d\. `).MatchString(title) {
			continue
		}
		answered++
		for _, part := range []string{"**They can**", "| holds | shown by |", "**Does not hold**"} {
			if !strings.Contains(body, part) {
				t.Errorf("%s: no %q", title, part)
			}
		}
	}
	if answered != 8 {
		t.Errorf("%d adversaries, and the design names 8", answered)
	}
}
