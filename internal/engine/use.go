package engine

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/hush"
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
func (l *look) use(ctx context.Context, t *told, c *token.Claims, what Use, useID string) (*Introspection, error) {
	if err := l.engine.room(); err != nil {
		return nil, err // what can't be counted can't be used
	}
	event, err := l.used(c, l.purpose(t, what), useID)
	if err != nil {
		return nil, err
	}
	u := use{token: c}
	if useID != "" {
		u.remembered = l.caller.ID + "\x00" + keptUseID(useID) // two resource servers may choose the same one
	}
	log := l.engine.log // and not the look, which would have to outlive this
	err = l.engine.commit(ctx, func(tx store.Tx) (audit.Entry, error) {
		if err := u.read(tx); err != nil {
			return audit.Entry{}, err
		}
		event.Used.Left = u.left
		entry, err := log.Prepare(event)
		if err != nil {
			return audit.Entry{}, unavailable("record", err)
		}
		return entry, u.write(tx)
	})
	switch {
	case errors.Is(err, errCounted):
		uses, err := l.engine.usesLeft(ctx, c)
		if err != nil {
			return nil, err
		}
		u.left = uint32(uses)
	case errors.Is(err, errUsedUp):
		return inactive(), nil
	case err != nil:
		return nil, err
	}
	return t.answer.withUses(u.left), nil
}

// keptUseID is a use id as the store remembers it: as it is, or its digest if it looks like a token or a secret.
func keptUseID(id string) string {
	if !hush.Found(id) {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// use is one use of a token: one from every counter that it hangs on.
type use struct {
	token      *token.Claims
	remembered string       // under which it is counted only once; empty: each time
	counters   []store.Uses // as they will stand
	left       uint32
}

func (u *use) read(tx store.Tx) error {
	if u.remembered != "" {
		if seen, err := tx.UseSeen(u.token.ID, u.remembered); err != nil || seen {
			return cmp.Or(err, errCounted)
		}
	}
	var err error
	if u.counters, err = countersOf(tx, u.token.Evidence.Limited); err != nil {
		return err
	}
	u.left = math.MaxUint32
	for i := range u.counters {
		u.counters[i].Left--
		u.left = min(u.left, u.counters[i].Left)
	}
	return nil
}

func (u *use) write(tx store.Tx) error {
	for _, counter := range u.counters {
		if err := tx.PutUses(counter); err != nil {
			return err
		}
	}
	if u.remembered == "" {
		return nil
	}
	return tx.PutUseSeen(u.token.ID, u.remembered, u.token.Expires)
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
