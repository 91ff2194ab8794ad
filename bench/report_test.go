package main

import (
	"io"
	"slices"
	"testing"
	"time"
)

func TestTargetsAreJudgedByTheFloorBesideThem(t *testing.T) {
	r := Results{Crypto: Crypto{Sign: 30, Verify: 50}, progress: io.Discard}
	for name, cpu := range map[string]float64{
		"echo of introspection, gRPC": 20, introspectGRPC: 25,
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
		"target batch-of-100-us-a-token-32 measured 5.010 limit 5.00 MISS",
		"target exchange-never-seen-32 measured 1.310 limit 1.30 MISS",
		"target exchange-seen-before-32 measured 1.500 limit 1.50 ok",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheCheaperOfTwoMeasurementsIsKept(t *testing.T) {
	r := Results{progress: io.Discard}
	for _, cpu := range []float64{30, 20, 25} {
		r.add(&row{name: "a", messages: [][]byte{nil}}, 32, Measured{CPU: cpu})
	}
	if len(r.Rows) != 1 || r.Rows[0].CPU != 20 {
		t.Errorf("kept %+v", r.Rows)
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
