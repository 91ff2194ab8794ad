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
		"nothing to compare":    {row(9, 900), &Results{}, false},
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
	if err := was.compare(io.Discard, &was); err != nil {
		t.Error(err)
	}
}

func TestAMixtureHasItsParts(t *testing.T) {
	fresh := make([][]byte, 15)
	for i := range fresh {
		fresh[i] = []byte{'f'}
	}
	counts := map[string]int{}
	for _, m := range mixture(100, [][]byte{[]byte("s")}, fresh, [][]byte{[]byte("d")}) {
		counts[string(m)]++
	}
	if counts["s"] != 80 || counts["f"] != 15 || counts["d"] != 5 {
		t.Error(counts)
	}
}

func TestGrowthIsJudgedBesideTheEcho(t *testing.T) {
	r := Results{Grown: []Grown{
		{Axis: revocationsAxis, N: 0, Limit: 1.1, Heap: 1000, IntrospectTimes: 1, ExchangeTimes: 5},
		{Axis: revocationsAxis, N: 100, Limit: 1.1, Heap: 16000, IntrospectTimes: 1.05, ExchangeTimes: 6},
		{Axis: "rules", N: 10, IntrospectTimes: 1, ExchangeTimes: 5},
		{Axis: "rules", N: 100, IntrospectTimes: 10, ExchangeTimes: 50},
	}, Visible: visibility{Revoked: 1, Late: 1}}
	r.judge()
	var got []string
	for _, target := range r.Targets {
		got = append(got, target.String())
	}
	want := "target revoked-and-still-active measured 1.000 limit 0.00 MISS\n" +
		"target bytes-a-live-revocation-of-100 measured 150.000 limit 150.00 ok\n" +
		"target introspection-with-100-live-revocations measured 1.050 limit 1.10 ok\n" +
		"target exchange-with-100-live-revocations measured 1.200 limit 1.10 MISS"
	if strings.Join(got, "\n") != want {
		t.Errorf("got %s", strings.Join(got, "\n"))
	}
}
