package main

import (
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTargetsAreJudgedByTheFloorBesideThem(t *testing.T) {
	r := Results{Bare: []Bare{{256, 1, 1}, {32, 30, 50}}, selected: true, progress: io.Discard}
	for name, cpu := range map[string]float64{
		introspectFloor: 20, introspectGRPC: 25,
		introspectBatch: 501,
		exchangeFloor:   20, exchangeSeen: 75, exchangeNew: 131,
	} {
		r.add(&row{name: name, messages: [][]byte{nil}}, 32, Measured{CPU: cpu})
	}
	r.judge()
	var got []string
	for _, target := range r.Targets {
		got = append(got, target.String())
	}
	want := []string{
		"target introspection-grpc-32 measured 1.250 limit 1.25 ok",
		"target exchange-never-seen-32 measured 1.310 limit 1.30 MISS",
		"target exchange-seen-before-32 measured 1.500 limit 1.50 ok",
		"target batch-of-100-us-a-token-32 measured 5.010 limit 5.00 MISS",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestARowIsHeldToItsFloorRoundByRound(t *testing.T) {
	r := Results{progress: io.Discard}
	floors, rows := []float64{10, 20, 11, 10}, []float64{12, 25, 13, 20}
	for i := range floors {
		r.add(&row{name: "echo", messages: [][]byte{nil}}, 32, Measured{CPU: floors[i]})
		r.add(&row{name: "a", floor: "echo", messages: [][]byte{nil}}, 32, Measured{CPU: rows[i]})
	}
	r.add(&row{name: "once", floor: "echo", messages: [][]byte{nil}}, 32, Measured{CPU: 15})
	r.judge()
	const want = (12./10 + 25./20) / 2
	if got := r.find("a", 32); got.CPU != 13 || math.Abs(got.Times-want) > 1e-9 || len(got.Rounds) != 4 {
		t.Errorf("%+v", got)
	}
	if got := r.find("once", 32); got.Times != 1.5 {
		t.Errorf("%+v", got)
	}
}

// What no figure stands under is said to be unmeasured, and never ok.
func TestATargetWithoutFiguresIsNamed(t *testing.T) {
	var r Results
	r.judge()
	if len(r.Targets) != 34 {
		t.Errorf("%d targets are named", len(r.Targets))
	}
	for _, target := range r.Targets {
		if !target.Unmeasured || !strings.HasSuffix(target.String(), "not measured") {
			t.Errorf("%s", target)
		}
	}
}

func TestPoliciesAreJudgedRoundByRound(t *testing.T) {
	of := func(quiet, loaded int) AppliedRound {
		return AppliedRound{Paced{Max: time.Duration(quiet) * time.Millisecond}, Paced{Max: time.Duration(loaded) * time.Millisecond}}
	}
	a := Applied{Rounds: []AppliedRound{of(29, 50), of(11, 27), of(10, 9)}}
	if got := a.adds(); got != 16 {
		t.Errorf("they add %g ms", got)
	}
}

func TestOnlyAnswersInTheWindowCount(t *testing.T) {
	start := time.Unix(100, 0)
	at := func(ms int) answered {
		return answered{start.Add(time.Duration(ms) * time.Millisecond), time.Millisecond}
	}
	from := reading{server: Usage{At: start, CPU: time.Second, Objects: 10}}
	to := reading{server: Usage{At: start.Add(time.Second), CPU: 2 * time.Second, Objects: 30}}
	m, err := sum([]worker{{answers: []answered{at(-1), at(500)}}, {answers: []answered{at(900), at(1001)}}}, from, to)
	if err != nil || m.Requests != 2 || m.CPU != 500_000 || m.Allocs != 10 || m.Rate != 2 {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := sum([]worker{{answers: []answered{at(500)}, failures: 1}}, from, to); err == nil {
		t.Error("a failure went unseen")
	}
}
