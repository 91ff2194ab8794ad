// Package readme holds README.md and docs to the truth: what they name is there, and their commands do what they show.
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

// matches lists what the pattern's one group matches.
func matches(pattern, text string) []string {
	var list []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	return list
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	all, err := pages()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		links := matches(`\]\(([^)#:]+)\)`, read(t, p.name))
		if len(links) == 0 && p.name == "README.md" {
			t.Fatal("found none")
		}
		for _, link := range links {
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(p.name), link)); err != nil {
				t.Errorf("%s links to %s: %v", p.name, link, err)
			}
		}
	}
}

// Whoever writes a page puts it where readers look for it.
func TestEveryPageIsListed(t *testing.T) {
	all, err := pages()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all[1:] {
		if !strings.Contains(read(t, "README.md"), "("+p.name+")") {
			t.Errorf("README.md doesn't list %s", p.name)
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

// An auditor who is sent to a command or a metric finds it.
func TestTheEvidenceIsThere(t *testing.T) {
	page, commands, metrics := read(t, "docs/compliance.md"), read(t, "docs/reference/cli.md"), read(t, "docs/reference/metrics.md")
	named := matches("`(whittle [a-z -]+)`", page)
	if len(named) < 20 {
		t.Fatalf("it names only %v", named)
	}
	for _, command := range named {
		if !strings.Contains(commands, "\n## "+command+"\n") {
			t.Errorf("there is no command %q", command)
		}
	}
	for _, metric := range matches("`(whittle_[a-z_]+)`", page) {
		if !strings.Contains(metrics, metric) {
			t.Errorf("there is no metric %s", metric)
		}
	}
}

func TestThePolicyToStartFromCompiles(t *testing.T) {
	if _, err := policy.Compile([]byte(read(t, "examples/policy.yaml")), "examples/policy.yaml", 1); err != nil {
		t.Fatal(err)
	}
}
