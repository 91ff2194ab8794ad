package main

import (
	"slices"
	"testing"
)

func TestNamesOfLinesThatMeetStandApart(t *testing.T) {
	lines := []series{{name: "low", ys: []float64{9, 1}}, {name: "high", ys: []float64{0, 9}}, {name: "as low", ys: []float64{0, 1}}}
	var order []string
	last := -plotRow
	for _, n := range namesOf(lines, func(v float64) float64 { return 100 - v }) {
		if n.y < last+plotRow {
			t.Errorf("%s stands at %g, the one above at %g", n.of.name, n.y, last)
		}
		order, last = append(order, n.of.name), n.y
	}
	if !slices.Equal(order, []string{"high", "low", "as low"}) {
		t.Errorf("from top to bottom: %q", order)
	}
}

func TestStepsThatPeopleCountIn(t *testing.T) {
	for v, want := range map[float64]float64{29: 50, 50: 50, 51: 100, 0.11: 0.2, 7: 10, 0: 1e-9} {
		if got := niceStep(v); got < want*0.999 || got > want*1.001 {
			t.Errorf("for %g: %g, not %g", v, got, want)
		}
	}
}
