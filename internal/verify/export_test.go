package verify

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
)

func bytesOf(hashes []tree.Hash) (out [][]byte) {
	for _, h := range hashes {
		out = append(out, h[:])
	}
	return out
}

// begin writes a checkpoint, and the entries from there on that it covers, as a server does.
func (w *aged) begin(t *testing.T, out *Writer, c store.Checkpoint, from uint64, consistency [][]byte) {
	t.Helper()
	if err := out.Begin(string(c.Note), from, w.log.Handovers(), consistency); err != nil {
		t.Fatal(err)
	}
	for _, p := range must(w.log.Prove(t.Context(), c.Size, from, int(c.Size))) {
		if err := out.Entry(p.Index, p.Bytes, p.Leaf[:], bytesOf(p.Proof)); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
}

// Bodies that are dropped while an export is made aren't taken for removed: it goes on to a checkpoint that covers the
// entries that say so. In between the log's key is replaced, too.
func TestBodiesThatAreDroppedDuringAnExport(t *testing.T) {
	w := newAged(t)
	older, _ := w.log.Signed()
	if w.drop(t, audit.ClassIssued, w.time()) == 0 {
		t.Fatal("nothing was dropped")
	}
	if err := Export(t.Context(), w.store, 0, new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), "entry 0: its body was dropped just before") {
		t.Errorf("a copy of that moment: %v", err)
	}
	if _, _, err := w.log.RotateKey(t.Context(), audit.Event{Client: "ops"}); err != nil {
		t.Fatal(err)
	}
	w.sign(t)
	newer, _ := w.log.Signed()
	consistency := bytesOf(must(w.log.Consistency(t.Context(), older.Size, newer.Size)))
	for _, from := range []uint64{0, 100} {
		var first, rest, unproved bytes.Buffer
		w.begin(t, NewExport(&first), older, from, nil)
		w.begin(t, NewExport(&rest), newer, older.Size, consistency)
		w.begin(t, NewExport(&unproved), newer, older.Size, nil)
		verified := func(parts ...[]byte) (Report, error) {
			return ReadExport(t.Context(), bytes.NewReader(bytes.Join(parts, nil)), Against{Trust: w.trust})
		}
		if report, err := verified(first.Bytes(), rest.Bytes()); err != nil || report.Size != newer.Size || report.Signed != newer.Size || report.From != from {
			t.Errorf("from %d: %+v, %v", from, report, err)
		}
		if _, err := verified(first.Bytes()); !errors.Is(err, ErrMissing) {
			t.Errorf("from %d, without what says so: %v", from, err)
		}
		if _, err := verified(first.Bytes(), unproved.Bytes()); !errors.Is(err, ErrForked) {
			t.Errorf("from %d, of a log that needn't be the same: %v", from, err)
		}
		if _, err := verified(first.Bytes(), first.Bytes()); !errors.Is(err, ErrChanged) {
			t.Errorf("from %d, twice: %v", from, err)
		}
		lines := bytes.SplitAfter(first.Bytes(), []byte("\n"))
		short := bytes.Join(lines[:len(lines)-2], nil) // the last one is empty
		if _, err := verified(short, rest.Bytes()); !errors.Is(err, ErrChanged) {
			t.Errorf("from %d, before the first checkpoint's last entry: %v", from, err)
		}
		lines = bytes.SplitAfter(rest.Bytes(), []byte("\n"))
		if _, err := verified(first.Bytes(), bytes.Join(lines[:len(lines)-2], nil)); !errors.Is(err, ErrTruncated) {
			t.Errorf("from %d, cut off: %v", from, err)
		}
	}
}
