package verify

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
)

// head is the first line of an export: the checkpoint that its entries are proved to be under. It may come again with a
// newer one, when all are there that the one before covers, and entries follow that say which bodies were dropped meanwhile.
type head struct {
	Format     int    `json:"format"`
	Checkpoint string `json:"checkpoint"` // signed note
	From       uint64 `json:"from"`       // the first entry; the last is the checkpoint's
	// Handovers is with which checkpoints the log's keys followed each other, for who knows an earlier one.
	Handovers []string `json:"handovers,omitempty"`
	// Proof is that the log begins with what the checkpoint before covers (RFC 6962 section 2.1.2).
	Proof [][]byte `json:"consistency,omitempty"`
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
		if err := out.Begin(string(c.Note), from, handovers, nil); err != nil {
			return err
		}
		return out.entries(ctx, r, from, c.Size)
	})
	return errors.Join(err, out.Flush())
}

// entries writes those that a checkpoint of that size covers.
func (w *Writer) entries(ctx context.Context, r store.Reader, from, size uint64) error {
	proofs := tree.NewReader(r, size)
	var absent audit.Absences
	var bad error
	err := r.Entries(from, func(index uint64, entry []byte) bool {
		if bad = ctx.Err(); bad != nil || index == size {
			return false
		}
		var hashes []tree.Hash
		if hashes, bad = proofs.Inclusion(size, index); bad != nil {
			return false
		}
		proof := make([][]byte, len(hashes))
		for i := range hashes {
			proof[i] = hashes[i][:]
		}
		var leaf tree.Hash
		if leaf, bad = audit.Leaf(proofs, index, entry); bad == nil {
			bad = w.Entry(index, entry, leaf[:], proof)
		}
		_ = absent.Glance(index, entry) // what is damaged is for whoever verifies to find
		return bad == nil
	})
	if err := errors.Join(bad, err); err != nil {
		return err
	}
	return toldLater(r, size, &absent)
}

// toldLater fails if only entries that no checkpoint covers yet say that bodies were dropped: such an export would look as if
// they had been removed.
func toldLater(r store.Reader, size uint64, absent *audit.Absences) error {
	first, left := absent.Left()
	if !left {
		return nil
	}
	err := r.Entries(size, func(index uint64, entry []byte) bool {
		_ = absent.Glance(index, entry)
		return true
	})
	if _, left = absent.Left(); left || err != nil {
		return err // it was removed, which whoever verifies finds
	}
	return fmt.Errorf("entry %d: its body was dropped just before this copy was made, and no checkpoint in it covers the entry that says so: export a later copy, or from the server", first)
}

// Writer writes an export, for who has the entries from elsewhere than a database: Begin, an Entry for each, Flush.
type Writer struct{ out *bufio.Writer }

// NewExport writes an export to w.
func NewExport(w io.Writer) *Writer { return &Writer{bufio.NewWriter(w)} }

// Begin writes a checkpoint, a signed note, which entry is the first after it, and how the log's keys followed each
// other; of one that isn't the first, the proof that the log begins with the one before.
func (w *Writer) Begin(checkpoint string, from uint64, handovers, proof [][]byte) error {
	h := head{Format: exportFormat, Checkpoint: checkpoint, From: from, Proof: proof}
	for _, note := range handovers {
		h.Handovers = append(h.Handovers, string(note))
	}
	return w.put(h)
}

// Entry writes the next entry, of whose hash only one needs to be told whose body was dropped.
func (w *Writer) Entry(index uint64, entry, leaf []byte, proof [][]byte) error {
	if audit.Gone(entry) {
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
