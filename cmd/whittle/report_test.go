package main

import (
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/report"
)

// A server that says that the window begins later, or ends sooner, than the log has it is found out by the entries
// beside it, which are held to the checkpoint as all others are.
func TestAWindowCanNotBeCut(t *testing.T) {
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	to := from.Add(24 * time.Hour)
	entry := func(index uint64, at time.Time) report.Entry {
		return report.Entry{Index: index, Event: audit.Event{Time: at}}
	}
	outside, after := entry(4, from.Add(-2*outOfOrder)), entry(9, to.Add(2*outOfOrder))
	within := entry(5, from.Add(time.Hour))
	for name, c := range map[string]struct {
		entries    []report.Entry
		first, end uint64
		whole      bool
	}{
		"one before, one after":             {[]report.Entry{outside, within, after}, 4, 10, true},
		"the whole log":                     {[]report.Entry{within}, 0, 20, true},
		"from the first entry on":           {[]report.Entry{within, after}, 0, 10, true},
		"up to the newest":                  {[]report.Entry{outside, within}, 4, 20, true},
		"what comes before was dropped":     {[]report.Entry{within, after}, 4, 10, true},
		"begun too late":                    {[]report.Entry{entry(4, from.Add(time.Minute)), after}, 4, 10, false},
		"begun within what may be disorder": {[]report.Entry{entry(4, from.Add(-time.Second)), after}, 4, 10, false},
		"ended too soon":                    {[]report.Entry{outside, entry(9, to.Add(-time.Minute))}, 4, 10, false},
		"ended within what may be disorder": {[]report.Entry{outside, entry(9, to.Add(time.Second))}, 4, 10, false},
		"nothing is left but hashes":        {nil, 4, 10, true},
	} {
		r := reporting{source: report.Source{From: from, To: to, Entries: c.entries}}
		if err := r.whole(c.first, c.end, 20); (err == nil) != c.whole {
			t.Errorf("%s: %v", name, err)
		}
	}
}
