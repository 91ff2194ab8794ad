package guard

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A deadline is held to the context of the standard library that it stands in for, whether it is asked before or after.
func TestDeadlineIsAsTheStandardOne(t *testing.T) {
	type key struct{}
	cases := map[string]struct {
		within time.Duration
		parent time.Duration // 0: none
		cancel bool          // the parent, at once
	}{
		"its own":               {within: time.Second},
		"the parent's":          {within: time.Second, parent: time.Millisecond},
		"a later parent's":      {within: time.Second, parent: time.Minute},
		"one that is past":      {within: -time.Second},
		"a caller that is gone": {within: time.Second, cancel: true},
	}
	for name, c := range cases {
		for _, waited := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					parent, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "kept"))
					defer cancel()
					if c.parent > 0 {
						parent, cancel = context.WithTimeout(parent, c.parent)
						defer cancel()
					}
					standard, end := context.WithTimeout(parent, c.within)
					defer end()
					ours := &deadline{Context: parent, at: time.Now().Add(c.within)}
					defer ours.end()
					if c.cancel {
						cancel()
					}
					if waited {
						ours.Done()
					}
					same(t, ours, standard)
					if ours.Value(key{}) != "kept" {
						t.Error("a value of the parent is lost")
					}
					time.Sleep(2 * time.Second)
					same(t, ours, standard)
					select {
					case <-ours.Done():
					default:
						t.Error("whoever waits now waits for ever")
					}
				})
			})
		}
	}
}

func same(t *testing.T, ours, standard context.Context) {
	t.Helper()
	if !errors.Is(ours.Err(), standard.Err()) {
		t.Errorf("says %v where the standard one says %v", ours.Err(), standard.Err())
	}
	at, _ := ours.Deadline()
	if want, _ := standard.Deadline(); !at.Equal(want) {
		t.Errorf("ends at %v and not at %v", at, want)
	}
}

func TestDeadlineWakesWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours := &deadline{Context: t.Context(), at: time.Now().Add(time.Second)}
		began := time.Now()
		<-ours.Done()
		if took := time.Since(began); took != time.Second {
			t.Errorf("woke after %v", took)
		}
		if !errors.Is(ours.Err(), context.DeadlineExceeded) {
			t.Errorf("says %v", ours.Err())
		}
	})
}

func TestDeadlineEndsWithTheRequest(t *testing.T) {
	for _, waited := range []bool{false, true} {
		ours := &deadline{Context: t.Context(), at: time.Now().Add(time.Hour)}
		if waited {
			ours.Done()
		}
		ours.end()
		if !errors.Is(ours.Err(), context.Canceled) {
			t.Errorf("waited %v: says %v", waited, ours.Err())
		}
		<-ours.Done()
		if !errors.Is(ours.Err(), context.Canceled) {
			t.Errorf("waited %v: says %v once it is waited for", waited, ours.Err())
		}
	}
}

func TestDeadlineIsLinkedToItsChildren(t *testing.T) {
	ours := &deadline{Context: t.Context(), at: time.Now().Add(time.Hour)}
	child, cancel := context.WithCancel(ours)
	defer cancel()
	ours.end()
	<-child.Done()
}
