package main

import "testing"

func TestARunThatCannotBeIsRefusedAtOnce(t *testing.T) {
	for _, args := range [][]string{
		{"quick"}, {"-rounds", "-1"}, {"-only", "("}, {"-peers", "zitdel"}, {"-peers", "("}, {"-compare", "none.json"}, {"-compare", "README.md"},
	} {
		if _, err := parse(args); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}

func TestOnlyAWholeRunWritesResults(t *testing.T) {
	for _, args := range [][]string{
		{"-quick"}, {"-only", "gRPC"}, {"-compare", "results.json"}, {"-peers", "none"}, {"-peers", "Hydra"}, {"-rounds", "3"}, {"-growth", "1000"}, {"-entries", "1000"}, {"-profile", "profiles"},
	} {
		if b, err := parse(args); err != nil || b.whole {
			t.Errorf("%q: %v", args, err)
		}
	}
	for _, args := range [][]string{nil, {"-entries", "10000000"}} {
		if b, err := parse(args); err != nil || !b.whole || len(b.peers) != 4 {
			t.Errorf("%q: %v", args, err)
		}
	}
}
