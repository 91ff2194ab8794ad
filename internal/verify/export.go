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
	"github.com/whittle-sts/whittle/store"
)

// head is the first line of an export: the checkpoint that all its entries are proved to be under.
type head struct {
	Format     int    `json:"format"`
	Checkpoint string `json:"checkpoint"` // signed note
	From       uint64 `json:"from"`       // the first entry; the last is the checkpoint's
	// Handovers is with which checkpoints the log's keys followed each other, for who knows an earlier one.
	Handovers []string `json:"handovers,omitempty"`
}

// line is one entry of an export, byte for byte as it is hashed, with the proof that the checkpoint covers it.
type line struct {
	Index uint64   `json:"index"`
	Entry string   `json:"entry"`          // empty: its body was dropped
	Leaf  []byte   `json:"leaf,omitempty"` // its hash then
	Proof [][]byte `json:"proof"`          // RFC 6962 section 2.1.1
}

const (
	exportFormat = 1
	maxLine      = 1 << 20 // bytes: an entry, all of it escaped, with its proof
)

// ErrExport says that a file isn't an export.
var ErrExport = errors.New("not an export of an audit log")

// Export writes the entries from there on up to the newest checkpoint, each with its proof, as lines of JSON.
func Export(ctx context.Context, s store.Store, from uint64, w io.Writer) error {
	out := NewExport(w)
	err := s.View(ctx, func(r store.Reader) error {
		c, err := r.Checkpoint(false)
		if err != nil {
			return fmt.Errorf("the newest checkpoint: %w", err)
		}
		handovers, err := handoversIn(ctx, r)
		if err != nil {
			return err
		}
		if err := out.Begin(string(c.Note), from, handovers); err != nil {
			return err
		}
		proofs := tree.NewReader(r, c.Size)
		var bad error
		err = r.Entries(from, func(index uint64, entry []byte) bool {
			if bad = ctx.Err(); bad != nil || index == c.Size {
				return false
			}
			var hashes []tree.Hash
			if hashes, bad = proofs.Inclusion(c.Size, index); bad != nil {
				return false
			}
			proof := make([][]byte, len(hashes))
			for i := range hashes {
				proof[i] = hashes[i][:]
			}
			var leaf tree.Hash
			if leaf, bad = audit.Leaf(proofs, index, entry); bad == nil {
				bad = out.Entry(index, entry, leaf[:], proof)
			}
			return bad == nil
		})
		return errors.Join(bad, err)
	})
	return errors.Join(err, out.Flush())
}

// Writer writes an export, for who has the entries from elsewhere than a database: Begin, an Entry for each, Flush.
type Writer struct{ out *bufio.Writer }

// NewExport writes an export to w.
func NewExport(w io.Writer) *Writer { return &Writer{bufio.NewWriter(w)} }

// Begin writes the checkpoint, a signed note, which entry is the first, and how the log's keys followed each other.
func (w *Writer) Begin(checkpoint string, from uint64, handovers [][]byte) error {
	h := head{Format: exportFormat, Checkpoint: checkpoint, From: from}
	for _, note := range handovers {
		h.Handovers = append(h.Handovers, string(note))
	}
	return w.put(h)
}

// Entry writes the next entry, of whose hash only one needs to be told whose body was dropped.
func (w *Writer) Entry(index uint64, entry, leaf []byte, proof [][]byte) error {
	if gone(entry) {
		return w.put(line{Index: index, Leaf: leaf, Proof: proof})
	}
	return w.put(line{Index: index, Entry: string(entry), Proof: proof})
}

// Flush writes what is still held.
func (w *Writer) Flush() error { return w.out.Flush() }

func (w *Writer) put(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.out.Write(append(text, '\n'))
	return err
}

// ReadExport checks an export: the checkpoint is signed, and it covers each entry at its place, and all of them
// are there from the first line's on. It needs Trust. What was seen is compared if the export begins with the log.
func ReadExport(ctx context.Context, in io.Reader, a Against) (Report, error) {
	if a.Trust == nil {
		return Report{}, errors.New("an export is verified with the key of the log that signed it")
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	var h head
	if err := read(lines, &h); err != nil || h.Format != exportFormat {
		return Report{}, fmt.Errorf("%w: its first line: %w", ErrExport, errors.Join(err, fmt.Errorf("format %d", h.Format)))
	}
	handovers := make([][]byte, len(h.Handovers))
	for i, note := range h.Handovers {
		handovers[i] = []byte(note)
	}
	a, led, err := a.follow(handovers)
	if err != nil {
		return Report{}, err
	}
	marks, _, err := a.marks()
	if err != nil {
		return Report{}, err
	}
	s, err := a.Trust.Open([]byte(h.Checkpoint))
	if err != nil {
		return Report{}, fmt.Errorf("%w: %w", ErrUnsigned, err)
	}
	e := export{signed: s, next: h.From}
	if h.From == 0 {
		marks = append(marks, slices.DeleteFunc(led, func(m mark) bool { return m.size > s.Size })...)
		e.walk = newWalk(append(marks, mark{s.Size, s.Root, ErrChanged})...)
	} else if len(marks) > 0 {
		return Report{}, errors.New("an export that begins in the middle can't be compared with what was seen")
	}
	for {
		var l line
		err := read(lines, &l)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Report{}, at(e.next, ErrChanged, err)
		}
		if err := errors.Join(ctx.Err(), e.entry(l)); err != nil {
			return Report{}, err
		}
		if err := a.each(l.Index, []byte(l.Entry)); err != nil {
			return Report{}, err
		}
	}
	if err := e.end(); err != nil {
		return Report{}, err
	}
	report := a.report(s, s.Size)
	report.From = h.From
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
	signed checkpoint.Signed
	next   uint64
	walk   *walk // nil: it doesn't begin with the log
	absent audit.Absences
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
	return e.walk.next(l.Index, entry, leaf, nil)
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
