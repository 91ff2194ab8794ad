package policy

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/internal/document"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestBadDocuments compares the problems of each document in testdata/bad with the text beside it.
func TestBadDocuments(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no documents", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p, err := Compile(source, filepath.Base(file), 0)
			var problems *Problems
			if p != nil || !errors.As(err, &problems) {
				t.Fatalf("got %v, %v; want problems", p, err)
			}
			got, golden := problems.Error()+"\n", strings.TrimSuffix(file, ".yaml")+".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestDocumentHasLimits(t *testing.T) {
	for _, test := range []struct {
		name, source, message string
		problems              int
	}{
		{"bytes", "format: 1\nscopes: {}\n#" + strings.Repeat("x", document.MaxSource), "make it at most 2097152", 1},
		{"scopes", "format: 1\nscopes: {" + strings.Repeat("a: {}, ", maxScopes+1) + "}", "at most 2000 entries", 1},
		{"elements", "format: 1\nscopes: { a: {} }\nrules: [" + strings.Repeat("x, ", maxEntries+1) + "]", "at most 10000 elements", 1},
		{"problems", "format: 1\nscopes: { a: {} }\nroles: { r: [" + strings.Repeat("b, ", 1000) + "] }", "more problems may follow", document.MaxProblems},
		{"an expression", "format: 1\nscopes: {}\nissuers: { corp: { url: https://a.example.com, audiences: [w], accept_when: '1 == " + strings.Repeat("1", maxExpression) + "' } }", "at most 1024", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Compile([]byte(test.source), "limits.yaml", 0)
			var problems *Problems
			if !errors.As(err, &problems) || len(problems.List()) != test.problems || !strings.Contains(err.Error(), test.message) {
				t.Errorf("got %.300v", err)
			}
		})
	}
}

func TestWhatIsAnAbsoluteURI(t *testing.T) {
	for s, want := range map[string]bool{
		"https://data.example.com": true, "urn:example:data": true, "https://data.example.com/a?b=c": true,
		"https://data.example.com/" + strings.Repeat("a", 1000): true,
		"": false, "data": false, "/data": false, "//data.example.com": false, "https:": false, "https://data.example.com#": false,
		"https://data.example.com#a": false, "https://data.example.com/a b": false, "https://data.example.com/\u00e9": false, "https://%zz": false,
	} {
		if AbsoluteURI(s) != want {
			t.Errorf("AbsoluteURI(%q) = %v", s, !want)
		}
	}
}
