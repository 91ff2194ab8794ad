//go:build linux && !race

package fault

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/whittle-sts/whittle/internal/folder"
)

var every = flag.Int("every", 37, "try one in so many of the disks that a crash may leave; 1: all")

// scratch is a folder in memory where there is one, since thousands of files are made and synced.
func scratch(t *testing.T) string {
	t.Helper()
	shared, err := os.MkdirTemp("/dev/shm", "whittle-fault")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(shared) })
	return shared
}

const stepCount = 40

// recorded is a run of all steps with what was asked of the disk.
type recorded struct {
	start    map[string]image
	ops      []op
	pictures []string // after so many steps
	answered []int    // how many ops there were when each step was answered
}

func record(t *testing.T) *recorded {
	t.Helper()
	root := scratch(t)
	p := place(t, root)
	d := &disk{t: t, path: p.Database()}
	s, err := open(p, d.openAnchor)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorded{start: map[string]image{database: read(t, p.Database()), anchor: read(t, p.Anchor)}}
	d.ops = nil
	d.watch(s.db)
	for i := range stepCount {
		picture, err := s.picture()
		if err != nil {
			t.Fatal(err)
		}
		r.pictures = append(r.pictures, picture)
		if err := s.step(i); err != nil {
			t.Fatal(i, err)
		}
		r.answered = append(r.answered, len(d.ops))
	}
	last, err := s.picture()
	if err != nil {
		t.Fatal(err)
	}
	r.pictures = append(r.pictures, last)
	r.ops = slices.Clone(d.ops)
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	return r
}

func read(t *testing.T, path string) image {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The machine stops between any two writes. Whatever reached the disk of what wasn't synced, what was answered is
// there, the step under way is there as a whole or not at all, and the whole log verifies.
func TestACrashLosesNothingThatWasAnswered(t *testing.T) {
	r := record(t)
	root := scratch(t)
	points, tried := 0, 0
	for count := range len(r.ops) + 1 {
		databases, anchors := r.disks(database, count), r.disks(anchor, count)
		for _, db := range databases {
			for _, an := range anchors {
				if points++; points%*every != 0 {
					continue
				}
				tried++
				r.try(t, filepath.Join(root, "state"), count, db(), an())
				if t.Failed() {
					t.Fatalf("after %d of %d ops, disk %d", count, len(r.ops), points)
				}
			}
		}
	}
	t.Logf("%d ops of %d steps, %d disks after a crash, %d tried", len(r.ops), stepCount, points, tried)
	if tried < 100 {
		t.Error("that tried too little")
	}
}

func (r *recorded) disks(file string, count int) []func() image {
	sure, maybe := after(r.start[file], r.ops, file, count)
	return outcomes(sure, maybe)
}

// try starts on one such disk.
func (r *recorded) try(t *testing.T, root string, count int, db, an image) {
	t.Helper()
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	p := place(t, root)
	for path, text := range map[string]image{p.Database(): db, p.Anchor: an} {
		written := bytes.TrimRight(text, "\x00") // most of a database's file is a hole
		if err := errors.Join(os.WriteFile(path, written, 0o600), os.Truncate(path, int64(len(text)))); err != nil {
			t.Fatal(err)
		}
	}
	s, err := open(p, nil)
	if err != nil {
		t.Error("it doesn't start:", err)
		return
	}
	picture, err := s.picture()
	if err != nil {
		t.Error(err)
	}
	done := 0 // steps that were answered
	for done < len(r.answered) && r.answered[done] <= count {
		done++
	}
	if picture != r.pictures[done] && (done == stepCount || picture != r.pictures[done+1]) {
		t.Errorf("%d steps were answered, and it holds\n%s\nnot\n%s", done, picture, r.pictures[done])
	}
	verify(t, p, s)
}

// verify goes on, closes, and holds all of it against itself.
func verify(t *testing.T, p folder.Place, s *state) {
	t.Helper()
	if err := s.log.Check(context.Background()); err != nil {
		t.Error("the log:", err)
	}
	for i := range 3 { // of which each kind mends something
		if err := s.step(8*100 + i); err != nil {
			t.Error("the next change:", err)
		}
	}
	if err := s.step(8*100 + 3); err != nil {
		t.Error("the next revocation:", err)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	_, findings, err := folder.Check(context.Background(), p)
	if err != nil || len(findings) > 0 {
		t.Error(err, findings)
	}
}
