package policy

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func TestHoursOnTheDaysTheClocksChange(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	everyDay := [7]bool{true, true, true, true, true, true, true}
	// On 2026-03-29 there is no 02:30 in Berlin; on 2026-10-25 there are two.
	h := &hours{days: everyDay, from: 150, to: 240, zone: berlin}
	for _, test := range []struct {
		name  string
		now   time.Time
		in    bool
		until time.Time
	}{
		{"before the gap", time.Date(2026, 3, 29, 0, 59, 0, 0, time.UTC), false, time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC)},
		{"after the gap", time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC), true, time.Date(2026, 3, 29, 2, 0, 0, 0, time.UTC)},
		{"the first of the two: it opens once", time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC), false, time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC)},
		{"the second", time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC), true, time.Date(2026, 10, 25, 3, 0, 0, 0, time.UTC)},
	} {
		t.Run(test.name, func(t *testing.T) {
			if in, until := h.open(test.now); in != test.in || !until.Equal(test.until) {
				t.Errorf("got %v until %v; want %v until %v", in, until.UTC(), test.in, test.until)
			}
		})
	}
}

// TestPropertyHoursHoldUntil: nothing changes before the moment that open names.
func TestPropertyHoursHoldUntil(t *testing.T) {
	zones := []*time.Location{time.UTC, zone(t, "Europe/Berlin"), zone(t, "America/New_York"), zone(t, "Pacific/Apia"), zone(t, "Australia/Lord_Howe")}
	rapid.Check(t, func(t *rapid.T) {
		h := &hours{zone: rapid.SampledFrom(zones).Draw(t, "zone"), from: rapid.IntRange(0, 1439).Draw(t, "from")}
		h.to = rapid.IntRange(h.from+1, 1440).Draw(t, "to")
		h.days[rapid.IntRange(0, 6).Draw(t, "day")] = true
		h.days[rapid.IntRange(0, 6).Draw(t, "other day")] = true
		now := time.Unix(rapid.Int64Range(1.2e9, 2e9).Draw(t, "now"), 0)
		in, until := h.open(now)
		if !until.After(now) || until.Sub(now) > 8*24*time.Hour {
			t.Fatalf("at %v: until %v", now, until)
		}
		between := now.Add(time.Duration(rapid.Int64Range(0, int64(until.Sub(now)-1)).Draw(t, "between")))
		if again, _ := h.open(between); again != in {
			t.Fatalf("at %v %v until %v; but at %v %v", now, in, until, between, again)
		}
	})
}
