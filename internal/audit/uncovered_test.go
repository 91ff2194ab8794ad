package audit

import (
	"context"
	"testing"
	"time"
)

func TestUncoveredIsTheFirstEntryWithoutACheckpoint(t *testing.T) {
	l := open(t, newMemory())
	expect := func(when string, witnessed bool, want time.Time) {
		t.Helper()
		if got, err := l.Uncovered(context.Background(), witnessed); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v, not %v", when, got, err, want)
		}
	}
	timeOf := func(index uint64) time.Time {
		e, err := Decode(stored(t, l, index))
		if err != nil {
			t.Fatal(err)
		}
		return e.Time
	}
	expect("an empty log", false, time.Time{})
	first := record(t, l, sample("00u1ana"))
	expect("never signed", false, timeOf(first))
	c := sign(t, l)
	expect("all signed", false, time.Time{})
	expect("nobody witnessed it", true, timeOf(first))
	if err := l.KeepWitnessed(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	expect("all witnessed", true, time.Time{})
	second := record(t, l, sample("00u1ana"))
	record(t, l, sample("00u1ana"))
	expect("two more", false, timeOf(second))
	sign(t, l)
	expect("signed", false, time.Time{})
	expect("and not witnessed", true, timeOf(second))
}
