//go:build linux && !race

package fault

import (
	"encoding/binary"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var every = flag.Int("every", 401, "try one in so many of the disks that a crash may leave; 1: all")

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

// stepCount is each kind of step four times.
const stepCount = 4 * kinds

// recorded is a run of all steps with what was asked of the disk.
type recorded struct {
	start    map[string]image
	verifier string // of the log's first key
	ops      []op
	pictures []string // after each commit
	answered []answer // to each step
	traces   []trace
}

// answer is how many ops and pictures there were when a step was answered.
type answer struct{ ops, pictures int }

// trace is what was deleted by a step that leaves no trace of it, once it was answered after so many ops.
type trace struct {
	text string
	from int
}

func record(t *testing.T) *recorded {
	t.Helper()
	p := based(t, scratch(t))
	d := &disk{t: t, path: p.Database()}
	s, err := open(p, d.openAnchor)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorded{verifier: s.log.Verifier(), start: map[string]image{database: read(t, p.Database()), anchor: read(t, p.Anchor)}}
	d.ops = nil
	d.watch(s.db)
	s.after = func() { r.pictures = append(r.pictures, must(s.picture())(t)) }
	s.after()
	for i := range stepCount {
		before, file := must(s.texts())(t), read(t, p.Database())
		if err := s.step(i); err != nil {
			t.Fatal(i, err)
		}
		r.answered = append(r.answered, answer{len(d.ops), len(r.pictures)})
		for text := range without(before, must(s.texts())(t)) {
			if !file.holds(text) {
				t.Fatal("what was deleted never stood in the file as it is looked for")
			}
			r.traces = append(r.traces, trace{text, len(d.ops)})
		}
	}
	if len(r.traces) < 12 {
		t.Fatalf("only %d texts were deleted", len(r.traces))
	}
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
// there, each commit of the step under way is there as a whole or not at all, what was erased left no trace, and the
// whole log and its keys verify.
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

// While free pages are cleared, the state that the older meta page leads to stays whole: it counts if the newer one
// can't be read.
func TestClearingFreePagesSparesTheOlderMetaPage(t *testing.T) {
	r := record(t)
	root := scratch(t)
	tried := 0
	for count := 1; count < len(r.ops); count++ {
		last := r.ops[count-1]
		if !last.clears || r.ops[count].clears && count%16 != 0 {
			continue
		}
		tried++
		sure, maybe := after(r.start[database], r.ops, database, count)
		db := sure()
		for _, w := range maybe {
			db = db.apply(w, len(w.data))
		}
		newer, size := 0, os.Getpagesize()
		if txOf(db, size) > txOf(db, 0) {
			newer = size
		}
		clear(db[newer : newer+size])
		an, _ := after(r.start[anchor], r.ops, anchor, count)
		r.try(t, filepath.Join(root, "state"), count, db, an())
		if t.Failed() {
			t.Fatalf("after %d of %d ops", count, len(r.ops))
		}
	}
	t.Logf("%d disks without the newer meta page", tried)
	if tried < 8 {
		t.Error("that tried too little")
	}
}

// txOf is the number of the commit that wrote a meta page.
func txOf(m image, page int) uint64 { return binary.LittleEndian.Uint64(m[page+64:]) }

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
	texts := make(map[string]bool)
	for _, gone := range r.traces {
		texts[gone.text] = true
		if gone.from <= count && db.holds(gone.text) {
			t.Error("what was erased is on the disk")
		}
	}
	p := place(t, root)
	put(t, p, db, an)
	s, err := open(p, nil)
	if err != nil {
		t.Error("it doesn't start:", err)
		return
	}
	from, to := 0, len(r.pictures) // of the pictures that it may show
	for _, a := range r.answered {
		if a.ops > count {
			to = a.pictures
			break
		}
		from = a.pictures - 1
	}
	if picture := must(s.picture())(t); !slices.Contains(r.pictures[from:to], picture) {
		t.Errorf("it holds\n%s\nnot\n%s", picture, strings.Join(r.pictures[from:to], "\nor\n"))
	}
	verify(t, p, s, r.verifier, texts)
}
