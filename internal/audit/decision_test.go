package audit

import (
	"crypto/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDecisionsSortByTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ids []string
		var times []time.Time
		for _, ms := range rapid.SliceOfN(rapid.Int64Range(0, 1<<48-1), 2, 2).Draw(t, "milliseconds") {
			at := time.UnixMilli(ms).UTC()
			id, err := NewDecision(at, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := decisionTime(id); err != nil || !got.Equal(at) || len(id) != 26 {
				t.Fatalf("%s of %v is read as %v, %v", id, at, got, err)
			}
			ids, times = append(ids, id), append(times, at)
		}
		if byTime := times[0].Compare(times[1]); byTime != 0 && byTime != strings.Compare(ids[0], ids[1]) {
			t.Fatalf("%v of %v don't sort alike", ids, times)
		}
	})
}

func TestDecisionOfAnotherFormIsRefused(t *testing.T) {
	good, err := NewDecision(noon, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{
		"", good[:25], good + "0", good + "\n", "\n" + good, strings.ToUpper(good), good[:25] + "1", good[:25] + "l", strings.Repeat("é", 13),
	} {
		if _, err := decisionTime(id); err == nil {
			t.Errorf("%q was taken", id)
		}
	}
	for _, at := range []time.Time{{}, time.UnixMilli(1 << 48)} {
		if id, err := NewDecision(at, rand.Reader); err == nil {
			t.Errorf("%v has the id %s", at, id)
		}
	}
}

func TestDecisionsOfOneMomentDiffer(t *testing.T) {
	var ids []string
	for range 100 {
		id, err := NewDecision(noon, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 100 {
		t.Fatal("two decisions have one id")
	}
}
