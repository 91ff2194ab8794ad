package main

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestARowThatGotWorseIsSaidAndFails(t *testing.T) {
	row := func(times, allocs float64) *Results {
		return &Results{Rows: []Result{{Name: introspectGRPC, Floor: "echo", InFlight: 32, Times: times, Measured: Measured{Allocs: allocs}}}}
	}
	for name, c := range map[string]struct {
		now, was *Results
		worse    bool
	}{
		"the same":              {row(1.2, 80), row(1.2, 80), false},
		"within the noise":      {row(1.3, 81), row(1.2, 80), false},
		"slower":                {row(1.4, 80), row(1.2, 80), true},
		"with more allocations": {row(1.2, 86), row(1.2, 80), true},
		"a new row":             {row(9, 900), &Results{}, false},
	} {
		var out strings.Builder
		if err := c.now.compare(&out, c.was); errors.Is(err, errWorse) != c.worse || strings.Contains(out.String(), "WORSE") != c.worse {
			t.Errorf("%s: %v, %q", name, err, &out)
		}
	}
}

func TestTheCommittedResultsCanBeComparedWith(t *testing.T) {
	was, err := earlier("results.json")
	if err != nil {
		t.Fatal(err)
	}
	row := was.find(introspectGRPC, 32)
	if row == nil || row.Times == 0 || row.P50 == 0 || row.P50 > time.Minute {
		t.Fatalf("%+v", row)
	}
	if err := was.compare(io.Discard, was); err != nil {
		t.Error(err)
	}
}
