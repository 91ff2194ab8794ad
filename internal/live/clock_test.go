package live

import (
	"errors"
	"testing"
	"time"
)

// A time that a test moves: the wall by itself, or time passing for both.
type fakeTime struct {
	wall    time.Time
	elapsed time.Duration
}

func (f *fakeTime) pass(d time.Duration) { f.wall, f.elapsed = f.wall.Add(d), f.elapsed+d }

func (f *fakeTime) clock(highest time.Time, accept bool) *Clock {
	return NewClock(func() time.Time { return f.wall }, func() time.Duration { return f.elapsed }, highest, accept)
}

func TestTheClockNeverGoesBack(t *testing.T) {
	t.Parallel()
	f := &fakeTime{wall: noon}
	c := f.clock(noon.Add(time.Minute), false)
	if got := c.Now(); !got.Equal(noon.Add(time.Minute)) {
		t.Errorf("now = %v, want the highest time of the store", got)
	}
	f.pass(2 * time.Minute)
	before := c.Now()
	f.wall = f.wall.Add(-5 * time.Minute)
	if got := c.Now(); got.Before(before) || c.Trust() != nil {
		t.Errorf("now = %v after %v, trust = %v; a small step back must neither show nor alarm", got, before, c.Trust())
	}
}

// Nothing lives on because the wall is behind: time passes for it, if slower.
func TestTheClockNeverStandsStill(t *testing.T) {
	t.Parallel()
	f := &fakeTime{wall: noon}
	ahead := noon.Add(30 * time.Hour)
	c := f.clock(ahead, true)
	if got := c.Now(); !got.Equal(ahead) {
		t.Errorf("now = %v, want the highest time of the store", got)
	}
	for range 60 {
		f.pass(10 * time.Minute)
		c.Now()
	}
	if got, want := c.Now(), ahead.Add(5*time.Hour); !got.Equal(want) || c.Trust() != nil {
		t.Errorf("ten hours later now = %v, want %v; trust = %v", got, want, c.Trust())
	}
	f.pass(60 * time.Hour)
	if got := c.Now(); !got.Equal(f.wall) {
		t.Errorf("now = %v, want %v: the wall has caught up", got, f.wall)
	}
}

func TestAJumpEndsTheTrustUntilSomebodyLooked(t *testing.T) {
	t.Parallel()
	for name, jump := range map[string]time.Duration{"ahead": time.Hour, "back": -time.Hour} {
		f := &fakeTime{wall: noon}
		c := f.clock(time.Time{}, false)
		f.wall = f.wall.Add(jump)
		f.pass(time.Second)
		if got := c.Now(); got.After(noon.Add(time.Minute)) || !errors.Is(c.Trust(), ErrClock) {
			t.Errorf("%s: now = %v, trust = %v", name, got, c.Trust())
		}
		f.pass(time.Minute)
		if got, want := c.Now(), noon.Add(61*time.Second); got.After(want) {
			t.Errorf("%s: now = %v, after %v have passed", name, got, 61*time.Second)
		}
	}
}

func TestALongQuietTimeIsNoJump(t *testing.T) {
	t.Parallel()
	f := &fakeTime{wall: noon}
	c := f.clock(noon, false)
	f.pass(48 * time.Hour)
	if got := c.Now(); !got.Equal(noon.Add(48*time.Hour)) || c.Trust() != nil {
		t.Errorf("now = %v, trust = %v", got, c.Trust())
	}
}

func TestAStartBeforeTheStoresTimeNeedsAnAdministrator(t *testing.T) {
	t.Parallel()
	f := &fakeTime{wall: noon}
	c := f.clock(noon.Add(MaxJump+time.Second), false)
	if _, accepted := c.Accepted(); c.Trust() == nil || accepted {
		t.Error("trusted a wall that is more than ten minutes behind the record")
	}
	c = f.clock(noon.Add(time.Hour), true)
	if wall, accepted := c.Accepted(); c.Trust() != nil || !accepted || !wall.Equal(noon) {
		t.Errorf("accepted: %v, at %v; trust = %v", accepted, wall, c.Trust())
	}
	c = f.clock(noon.Add(MaxJump), true)
	if _, accepted := c.Accepted(); accepted {
		t.Error("nothing was to be accepted")
	}
}
