package main

import (
	"strings"
	"testing"
)

func TestGrowthIsJudgedBesideTheEcho(t *testing.T) {
	r := Results{Grown: []Grown{
		{Axis: revocationsAxis, N: 0, Heap: 1000, IntrospectTimes: 1, ExchangeTimes: 5},
		{Axis: revocationsAxis, N: 100, Heap: 16000, IntrospectTimes: 1.05, ExchangeTimes: 6},
		{Axis: rulesAxis, N: 10, IntrospectTimes: 1, ExchangeTimes: 5},
		{Axis: rulesAxis, N: 100, IntrospectTimes: 10, ExchangeTimes: 50},
	}, Visible: visibility{Revoked: 1, Late: 1}, selected: true}
	r.judge()
	var got []string
	for _, target := range r.Targets {
		got = append(got, target.String())
	}
	want := "target revoked-and-still-active measured 1.000 limit 0.00 MISS\n" +
		"target bytes-a-live-revocation-of-100 measured 150.000 limit 150.00 ok\n" +
		"target introspection-with-100-live-revocations measured 1.050 limit 1.10 ok\n" +
		"target exchange-with-100-live-revocations measured 1.200 limit 1.10 MISS\n" +
		"target introspection-with-100-rules measured 10.000 limit 1.10 MISS\n" +
		"target exchange-with-100-rules measured 10.000 limit 1.10 MISS"
	if strings.Join(got, "\n") != want {
		t.Errorf("got %s", strings.Join(got, "\n"))
	}
}
