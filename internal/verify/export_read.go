package verify

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/go-json-experiment/json"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/internal/tree"
)

// ReadExport checks an export: its checkpoints are signed, they cover each entry at its place, and all of them are
// there from the first line's on. It needs Trust. What was seen is compared if the export begins with the log.
func ReadExport(ctx context.Context, in io.Reader, a Against) (Report, error) {
	if a.Trust == nil {
		return Report{}, errors.New("an export is verified with the key of the log that signed it")
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	var first head
	if err := read(lines, &first); err != nil || first.Format != exportFormat {
		return Report{}, fmt.Errorf("%w: its first line: %w", ErrExport, errors.Join(err, fmt.Errorf("format %d", first.Format)))
	}
	e := export{against: a, next: first.From}
	if err := e.begin(first); err != nil {
		return Report{}, err
	}
	for {
		var l struct {
			head
			line
		}
		err := read(lines, &l)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && l.Format != 0 {
			if err := e.goOn(l.head); err != nil {
				return Report{}, err
			}
			continue
		}
		if err != nil {
			return Report{}, at(e.next, ErrChanged, err)
		}
		if err := errors.Join(ctx.Err(), e.entry(l.line)); err != nil {
			return Report{}, err
		}
		if err := a.each(l.Index, []byte(l.Entry)); err != nil {
			return Report{}, err
		}
	}
	if err := e.end(); err != nil {
		return Report{}, err
	}
	report := a.report(e.signed, e.signed.Size)
	report.From = first.From
	return report, nil
}

func read(lines *bufio.Scanner, v any) error {
	if !lines.Scan() {
		if err := lines.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	return json.Unmarshal(lines.Bytes(), v, json.RejectUnknownMembers(true))
}

// export is how far an export has been read.
type export struct {
	against Against
	signed  checkpoint.Signed
	next    uint64
	walk    *walk // nil: it doesn't begin with the log
	absent  audit.Absences
}

// begin takes the first line.
func (e *export) begin(h head) error {
	a, led, err := e.open(h)
	if err != nil {
		return err
	}
	marks, _, err := a.marks()
	if err != nil {
		return err
	}
	if h.From == 0 {
		e.walk = newWalk(append(marks, led...)...)
	} else if len(marks) > 0 {
		return errors.New("an export that begins in the middle can't be compared with what was seen")
	}
	return nil
}

// goOn takes the line after the last entry that the checkpoint covers, with a newer one: the entries say what was dropped
// while those before were exported.
func (e *export) goOn(h head) error {
	older := e.signed
	if h.Format != exportFormat || h.From != e.next || e.next != older.Size {
		return at(e.next, ErrChanged, "a checkpoint comes in the middle of what another one covers")
	}
	_, led, err := e.open(h)
	if err != nil {
		return err
	}
	if e.signed.Size <= older.Size {
		return at(e.next, ErrChanged, "the checkpoint that comes isn't newer")
	}
	proof, err := Hashes(h.Proof)
	if err == nil {
		err = Begins(e.signed, older.Checkpoint, proof)
	}
	if e.walk != nil {
		e.walk.expect(led...)
	}
	return err
}

// open takes up a checkpoint, and says what the log must agree with up to it.
func (e *export) open(h head) (Against, []mark, error) {
	handovers := make([][]byte, len(h.Handovers))
	for i, note := range h.Handovers {
		handovers[i] = []byte(note)
	}
	a, led, err := e.against.follow(handovers)
	if err != nil {
		return a, nil, err
	}
	if e.signed, err = a.Trust.Open([]byte(h.Checkpoint)); err != nil {
		return a, nil, fmt.Errorf("%w: %w", ErrUnsigned, err)
	}
	led = slices.DeleteFunc(led, func(m mark) bool { return m.size < h.From || m.size > e.signed.Size })
	return a, append(led, mark{size: e.signed.Size, root: e.signed.Root, err: ErrChanged}), nil
}

func (e *export) entry(l line) error {
	entry := []byte(l.Entry)
	switch {
	case l.Index != e.next && l.Index > e.next:
		return at(e.next, ErrMissing, fmt.Sprintf("entry %d comes next", l.Index))
	case l.Index != e.next:
		return at(e.next, ErrChanged, fmt.Sprintf("entry %d comes again", l.Index))
	}
	proof := checkpoint.Proof{Index: l.Index}
	for _, h := range l.Proof {
		if len(h) != len(tree.Hash{}) {
			return at(l.Index, ErrChanged, "its proof is malformed")
		}
		proof.Hashes = append(proof.Hashes, tree.Hash(h))
	}
	if l.Index >= e.signed.Size {
		return at(l.Index, ErrUnsigned, fmt.Sprintf("the checkpoint covers %d", e.signed.Size))
	}
	leaf, err := l.hash()
	if err != nil {
		return err
	}
	if err := tlog.CheckRecord(proof.Hashes, int64(e.signed.Size), e.signed.Root, int64(l.Index), leaf); err != nil {
		return at(l.Index, ErrChanged, err)
	}
	e.next++
	if e.walk == nil {
		return look(&e.absent, l.Index, entry)
	}
	return e.walk.next(l.Index, entry, leaf)
}

// hash is the entry's, or what the line says that it was.
func (l line) hash() (tree.Hash, error) {
	switch {
	case l.Entry != "" && l.Leaf == nil:
		return tree.LeafHash([]byte(l.Entry)), nil
	case l.Entry == "" && len(l.Leaf) == len(tree.Hash{}):
		return tree.Hash(l.Leaf), nil
	}
	return tree.Hash{}, at(l.Index, ErrChanged, "it has neither an entry nor the hash of one, or both")
}

func (e *export) end() error {
	if e.next < e.signed.Size {
		return at(e.next, ErrTruncated, fmt.Sprintf("the checkpoint covers %d", e.signed.Size))
	}
	if e.walk == nil {
		return explained(&e.absent)
	}
	return e.walk.end()
}
