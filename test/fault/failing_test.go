//go:build linux && !race

package fault

import (
	"errors"
	"testing"

	"github.com/whittle-sts/whittle/internal/audit"
)

// Each write and each sync of a change fails, in truth or only by its answer. The caller is told; what the state
// says then is one of the two truths, and stays so; the next change goes well.
func TestEachWriteAndSyncMayFail(t *testing.T) {
	points := 0
	for step := range 16 {
		for _, kind := range []string{"failed", "failed though persisted"} {
			for nth := 0; ; nth++ {
				hit := once(t, step, nth, kind == "failed though persisted")
				if t.Failed() {
					t.Fatalf("step %d, op %d, %s", step, nth, kind)
				}
				if !hit {
					break
				}
				points++
			}
		}
	}
	t.Logf("%d faults", points)
	if points < 200 {
		t.Error("that tried too little")
	}
}

// once makes the nth op of a step fail. It says whether there was one.
func once(t *testing.T, step, nth int, persisted bool) (hit bool) {
	t.Helper()
	p := place(t, scratch(t))
	d := &disk{t: t, path: p.Database()}
	s, err := open(p, d.openAnchor)
	if err != nil {
		t.Fatal(err)
	}
	for i := range step {
		if err := s.step(i); err != nil {
			t.Fatal(err)
		}
	}
	before, _ := s.picture()
	d.watch(s.db)
	seen := 0
	d.fail = func(o op) (fails, done bool) {
		if o.kind == "sync of pages" || o.kind == "sync of meta" {
			if persisted {
				return false, true // a sync that is done and says that it failed is the same to bbolt
			}
		}
		if hit || seen != nth {
			seen++
			return false, true
		}
		hit = true
		return true, persisted
	}
	err = s.step(step)
	d.fail = nil
	if !hit {
		if err != nil {
			t.Error("nothing failed, and still:", err)
		}
		verify(t, p, s)
		return false
	}
	after, viewed := s.picture()
	if viewed != nil {
		t.Error("it can't be read:", viewed)
	}
	if err == nil {
		t.Error("the failure is told to nobody")
	}
	if after != before && !errors.Is(err, audit.ErrUncertain) && step%8 != 7 {
		t.Errorf("it is done, and the caller isn't told that it may be: %v", err)
	}
	verify(t, p, s)
	return true
}
