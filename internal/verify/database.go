package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
)

// Against is what a log is held to. The more of it comes from elsewhere than the log, the more is shown.
type Against struct {
	// Trust verifies signatures. Nil: the log is only held to itself, which whoever can write it can arrange.
	Trust *checkpoint.Trust
	// Seen is checkpoints that somebody remembers, as signed notes. They need Trust.
	Seen [][]byte
	// Each is called with each entry that is good so far and has a body, of a database or an export; nil: with none. What
	// was dropped, an entry that comes later says.
	Each func(index uint64, entry []byte) error
}

func (a Against) each(index uint64, entry []byte) error {
	if a.Each == nil || audit.Gone(entry) {
		return nil
	}
	return a.Each(index, entry)
}

// marks opens what was seen.
func (a Against) marks() (marks []mark, newest checkpoint.Signed, err error) {
	for _, note := range a.Seen {
		if a.Trust == nil {
			return nil, newest, errors.New("a checkpoint that was seen needs the key of the log that signed it")
		}
		s, err := a.Trust.Open(note)
		if err != nil {
			return nil, newest, fmt.Errorf("what was seen: %w: %w", ErrUnsigned, err)
		}
		if s.Size >= newest.Size {
			newest = s
		}
		marks = append(marks, mark{size: s.Size, root: s.Root, err: ErrForked})
	}
	return marks, newest, nil
}

// report is what was verified once the log has gone through.
func (a Against) report(newest checkpoint.Signed, size uint64) Report {
	return Report{Origin: newest.Origin, Size: size, Signed: newest.Size, Witnesses: newest.Witnesses, Witnessed: newest.Witnessed}
}

// Database checks the log in a store, entry by entry: each is in its one form and in the tree at its place, the tiles are
// those of the entries, and the roots that the store, its newest checkpoints and those that were seen name are
// the log's. What is sealed for people need not be opened. The first thing that is wrong is a [Finding].
func Database(ctx context.Context, s store.Store, a Against) (Report, error) {
	var report Report
	err := s.View(ctx, func(r store.Reader) (err error) {
		report, err = database(ctx, r, a)
		if err != nil && a.Trust != nil {
			err = named(ctx, r, err)
		}
		return err
	})
	return report, err
}

// named is what is wrong, with the entry where a signature can't be verified because of one: which keys the log has had its
// entries say, and one that was changed may say so no more. Then the log itself, its tiles and its root, tells which.
func named(ctx context.Context, r store.Reader, unverified error) error {
	if errors.As(unverified, new(*Finding)) {
		return unverified
	}
	_, err := database(ctx, r, Against{})
	if changed, ok := errors.AsType[*Finding](err); ok {
		return &Finding{Index: changed.Index, Last: changed.Last, Err: fmt.Errorf("%w; %w", changed.Err, unverified)}
	}
	return unverified
}

func database(ctx context.Context, r store.Reader, a Against) (Report, error) {
	meta, err := r.Meta()
	if err != nil {
		return Report{}, err
	}
	a, led, err := a.followIn(ctx, r)
	if err != nil {
		return Report{}, err
	}
	marks, newest, err := a.expected(r, meta, led)
	if err != nil {
		return Report{}, err
	}
	w := newWalk(marks...)
	w.kept = r.Tile
	var bad error
	hashes := tree.NewReader(r, meta.Treed)
	err = r.Entries(0, func(index uint64, entry []byte) bool {
		if bad = ctx.Err(); bad != nil {
			return false
		}
		leaf, err := audit.Leaf(hashes, index, entry)
		if err != nil {
			bad = at(index, ErrMissing, err)
		} else {
			bad = w.next(index, entry, leaf)
		}
		if bad == nil {
			bad = a.each(index, entry)
		}
		return bad == nil
	})
	switch {
	case bad != nil:
		return Report{}, bad
	case err != nil:
		return Report{}, at(w.tree.Size(), ErrChanged, err)
	}
	if err := w.end(); err != nil {
		return Report{}, err
	}
	if a.Trust != nil && meta.Size > 0 && newest.Size == 0 {
		return Report{}, at(0, ErrUnsigned, "there is no checkpoint")
	}
	return a.report(newest, w.tree.Size()), nil
}

// expected is which roots the log had at which sizes, by what was seen, its handovers, its checkpoints and its own count.
func (a Against) expected(r store.Reader, meta store.Meta, led []mark) (marks []mark, newest checkpoint.Signed, err error) {
	if marks, newest, err = a.marks(); err != nil {
		return nil, newest, err
	}
	marks = append(marks, led...)
	own, err := ownCheckpoints(r, a.Trust)
	if err != nil {
		return nil, newest, err
	}
	for _, s := range own {
		marks = append(marks, mark{s.Size, s.Root, ErrChanged, s.edge})
		if s.Size >= newest.Size && a.Trust != nil {
			newest = s.Signed
		}
	}
	longer := func(m mark) bool { return m.size > meta.Size } // then it was cut off, whatever its root
	if meta.Size > 0 && !slices.ContainsFunc(marks, longer) {
		marks = append(marks, mark{size: meta.Size, root: meta.Root, err: ErrChanged})
	}
	return marks, newest, nil
}

// kept is a checkpoint that the store has, with what it says of the leaves after the last full tile.
type kept struct {
	checkpoint.Signed

	edge []tree.Hash
}

// ownCheckpoints is the newest that the store has. Without trust nothing is known of their signatures.
func ownCheckpoints(r store.Reader, trust *checkpoint.Trust) (out []kept, err error) {
	for _, witnessed := range []bool{false, true} {
		c, err := r.Checkpoint(witnessed)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		s := checkpoint.Signed{Checkpoint: checkpoint.Checkpoint{Size: c.Size, Root: c.Root}}
		if trust != nil {
			if s, err = trust.Open(c.Note); err != nil {
				return nil, fmt.Errorf("the newest checkpoint: %w: %w", ErrUnsigned, err)
			}
			if s.Size != c.Size || s.Root != c.Root {
				return nil, fmt.Errorf("the newest checkpoint: %w: it says something else than the record that keeps it", ErrUnsigned)
			}
		}
		out = append(out, kept{s, tree.Split(c.Edge)})
	}
	return out, nil
}
