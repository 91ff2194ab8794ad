package verify

import (
	"bytes"
	"context"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/store"
)

// handoversIn is the handovers that a log's entries hold. They speak for themselves, so nothing is asked of the entries.
func handoversIn(ctx context.Context, r store.Reader) (found [][]byte, err error) {
	mark := []byte(`"action":"` + audit.ActionTookOver + `"`)
	err = r.Entries(0, func(_ uint64, entry []byte) bool {
		if bytes.Contains(entry, mark) {
			if e, err := audit.Decode(entry); err == nil && e.Change != nil {
				found = append(found, []byte(e.Change.Note))
			}
		}
		return ctx.Err() == nil
	})
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
		return a, nil, at(0, ErrChanged, err)
	}
	return a.follow(handovers)
}

func marksOf(followed []checkpoint.Checkpoint) (marks []mark) {
	for _, c := range followed {
		marks = append(marks, mark{c.Size, c.Root, ErrForked})
	}
	return marks
}
