package verify

import (
	"bytes"
	"context"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/store"
)

// handoversIn is the handovers that a log's entries hold. They speak for themselves, so nothing is asked of the entries
// but that they can be read.
func handoversIn(ctx context.Context, r store.Reader) (found [][]byte, err error) {
	mark := []byte(`"action":"` + audit.ActionTookOver + `"`)
	next := uint64(0)
	err = r.Entries(0, func(index uint64, entry []byte) bool {
		next = index + 1
		if bytes.Contains(entry, mark) {
			if e, err := audit.Decode(entry); err == nil && e.Change != nil {
				found = append(found, []byte(e.Change.Note))
			}
		}
		return ctx.Err() == nil
	})
	if err != nil {
		err = at(next, ErrChanged, err)
	}
	return found, err
}

// follow trusts also the keys that the handovers lead to, and holds the log to those.
func (a Against) follow(handovers [][]byte) (Against, []mark, error) {
	if a.Trust == nil {
		return a, nil, nil
	}
	trust, followed, err := a.Trust.Follow(handovers)
	if err != nil {
		return a, nil, err
	}
	a.Trust = trust
	return a, marksOf(followed), nil
}

// followIn is follow for the handovers that a store has.
func (a Against) followIn(ctx context.Context, r store.Reader) (Against, []mark, error) {
	if a.Trust == nil {
		return a, nil, nil
	}
	handovers, err := handoversIn(ctx, r)
	if err != nil {
		return a, nil, err
	}
	return a.follow(handovers)
}

func marksOf(followed []checkpoint.Checkpoint) (marks []mark) {
	for _, c := range followed {
		marks = append(marks, mark{size: c.Size, root: c.Root, err: ErrForked})
	}
	return marks
}
