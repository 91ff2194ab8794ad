package main

import (
	"strings"
	"testing"
)

func TestTheReferenceNamesEveryCommandAndItsFlags(t *testing.T) {
	t.Setenv("WHITTLE_LISTEN_HTTP", "192.0.2.1:80")
	text := references(root())["cli.md"]
	for _, want := range []string{"## whittle serve\n", "## whittle token exchange\n", "| `--subject-token-env string` |", "3 refused"} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %q", want)
		}
	}
	for _, wrong := range []string{"192.0.2.1", "whittle reference", "--help"} {
		if strings.Contains(text, wrong) {
			t.Errorf("it has %q", wrong)
		}
	}
}
