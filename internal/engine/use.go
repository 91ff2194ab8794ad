package engine

import (
	"cmp"
	"context"
	"errors"
	"math"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/token"
	"github.com/whittle-sts/whittle/store"
)

const maxUseID = 128 // bytes

// errUsedUp says that a counter stood at none. It leaves no trace but the inactive answer.
var errUsedUp = errors.New("no uses left")

// errCounted says that the use id was counted before.
var errCounted = errors.New("this use was counted before")

// use counts one use of a use-limited token: one from its own counter and one from each limited
// ancestor's, in one durable step before the answer. The same use id again is free, so that a
// resource server may retry. Counters are only touched in the log's one writer, so two
// callers never get the same last use.
func (l look) use(ctx context.Context, in Introspection, c *token.Claims, useID string) (Introspection, error) {
	if len(useID) > maxUseID {
		return Introspection{}, Refuse(InvalidRequest, "shape", "use_id is too long")
	}
	event, err := l.used(c, useID)
	if err != nil {
		return Introspection{}, err
	}
	entry, err := l.engine.Log.Prepare(event)
	if err != nil {
		return Introspection{}, unavailable("record", err)
	}
	var left uint32
	err = l.engine.commit(ctx, func(tx store.Tx) (_ audit.Entry, err error) {
		left, err = takeUse(tx, c, l.caller.ID, useID)
		return entry, err
	})
	switch {
	case errors.Is(err, errCounted):
		uses, err := l.engine.usesLeft(ctx, c)
		left = uint32(uses)
		in.UsesLeft = &left
		return in, err
	case errors.Is(err, errUsedUp):
		return Introspection{}, nil
	case err != nil:
		return Introspection{}, err
	}
	in.UsesLeft = &left
	return in, nil
}

// takeUse takes one from every counter that the token hangs on, and says how many uses are left.
func takeUse(tx store.Tx, c *token.Claims, caller, useID string) (uint32, error) {
	// Two resource servers may choose the same use id; each has its own.
	remembered := caller + "\x00" + useID
	if useID != "" {
		if seen, err := tx.UseSeen(c.ID, remembered); err != nil || seen {
			return 0, cmp.Or(err, errCounted)
		}
	}
	counters, err := countersOf(tx, c.Evidence.Limited)
	if err != nil {
		return 0, err
	}
	left := uint32(math.MaxUint32)
	for _, counter := range counters {
		counter.Left--
		left = min(left, counter.Left)
		if err := tx.PutUses(counter); err != nil {
			return 0, err
		}
	}
	if useID != "" {
		return left, tx.PutUseSeen(c.ID, remembered, c.Expires)
	}
	return left, nil
}

// countersOf reads the counters, all of which must have a use left.
func countersOf(tx store.Tx, limited []token.ID) ([]store.Uses, error) {
	counters := make([]store.Uses, 0, len(limited))
	for _, id := range limited {
		uses, err := tx.Uses(id)
		if errors.Is(err, store.ErrNotFound) || err == nil && uses.Left == 0 {
			return nil, errUsedUp
		}
		if err != nil {
			return nil, err
		}
		counters = append(counters, uses)
	}
	return counters, nil
}
