//go:build linux && !race

package fault

import (
	"errors"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/folder"
)

// Each write and each sync of a change fails, in truth or only by its answer. The caller is told; what the state
// says then is one of the two truths, and stays so; the next change goes well.
func TestEachWriteAndSyncMayFail(t *testing.T) {
	points := 0
	for step := range kinds {
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

// A commit that needs a longer file doesn't get it: it isn't lengthened, or it is and the answer says no.
func TestTheFileMayNotGrow(t *testing.T) {
	points := 0
	for step := range kinds + 4 {
		for _, kind := range []string{"failed", "failed though persisted"} {
			c := begin(t, place(t, scratch(t)), step) // the base has free pages
			c.disk.stunt(kind == "failed though persisted")
			err := c.step(step)
			c.judge(t, step, err != nil, err)
			if t.Failed() {
				t.Fatalf("step %d, %s", step, kind)
			}
			if err == nil {
				continue // it found room among the pages that there are
			}
			points++
			if !strings.Contains(err.Error(), "file resize error") {
				t.Errorf("something else failed: %v", err)
			}
		}
	}
	t.Logf("%d faults", points)
	if points < 12 {
		t.Error("that tried too little")
	}
}

// trial is a state after some steps, on a disk of which the next one meets a fault.
type trial struct {
	*state

	place    folder.Place
	disk     *disk
	verifier string          // of the log's first key
	before   string          // its picture
	texts    map[string]bool // what it may delete
}

func begin(t *testing.T, p folder.Place, step int) *trial {
	t.Helper()
	d := &disk{t: t, path: p.Database()}
	s, err := open(p, d.openAnchor)
	if err != nil {
		t.Fatal(err)
	}
	verifier := s.log.Verifier()
	for i := range step {
		if err := s.step(i); err != nil {
			t.Fatal(err)
		}
	}
	c := &trial{state: s, place: p, disk: d, verifier: verifier, before: must(s.picture())(t), texts: must(s.texts())(t)}
	d.watch(s.db)
	return c
}

// judge says whether what became of the step is what may: failed is whether it met a fault.
func (c *trial) judge(t *testing.T, step int, failed bool, err error) {
	t.Helper()
	if failed != (err != nil) {
		t.Errorf("a fault: %v, and the caller is told: %v", failed, err)
	}
	after, viewed := c.picture()
	if viewed != nil {
		t.Error("it can't be read:", viewed)
	}
	if failed && after != c.before && !errors.Is(err, audit.ErrUncertain) && alone(step) {
		t.Errorf("it is done, and the caller isn't told that it may be: %v", err)
	}
	verify(t, c.place, c.state, c.verifier, c.texts)
}

// once makes the nth op of a step fail. It says whether there was one.
func once(t *testing.T, step, nth int, persisted bool) (hit bool) {
	t.Helper()
	c := begin(t, based(t, scratch(t)), step)
	seen, clears := 0, 0
	c.disk.fail = func(o op) (fails, done bool) {
		if o.clears {
			if clears++; clears%16 != 1 {
				return false, true // one free page is like another
			}
		}
		if persisted && (o.kind == syncOfPages || o.kind == syncOfMeta) {
			return false, true // a sync that is done and says that it failed is the same to bbolt
		}
		if hit || seen != nth {
			seen++
			return false, true
		}
		hit = true
		return true, persisted
	}
	err := c.step(step)
	c.disk.fail = nil
	c.judge(t, step, hit, err)
	return hit
}
