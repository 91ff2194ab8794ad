// Package readme holds README.md to the truth: what it names is there, and its commands do what it shows.
package readme

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/internal/policy"
)

const root = "../.."

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// all lists what the pattern's one group matches.
func all(pattern, text string) []string {
	var list []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	return list
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	links := all(`\]\(([^)#:]+)\)`, read(t, "README.md"))
	if len(links) == 0 {
		t.Fatal("found none")
	}
	for _, link := range links {
		if _, err := os.Stat(filepath.Join(root, link)); err != nil {
			t.Errorf("README.md links to %s: %v", link, err)
		}
	}
}

func TestEveryDecisionIsListed(t *testing.T) {
	decisions, err := filepath.Glob(filepath.Join(root, "docs/decisions/*.md"))
	if err != nil || len(decisions) == 0 {
		t.Fatalf("no decisions: %v", err)
	}
	text := read(t, "README.md")
	for _, file := range decisions {
		if link := "(docs/decisions/" + filepath.Base(file) + ")"; !strings.Contains(text, link) {
			t.Errorf("README.md doesn't list %s", link)
		}
	}
}

func TestThePolicyToStartFromCompiles(t *testing.T) {
	if _, err := policy.Compile([]byte(read(t, "examples/policy.yaml")), "examples/policy.yaml", 1); err != nil {
		t.Fatal(err)
	}
}
