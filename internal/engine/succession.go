package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/narrow"
	"github.com/whittle-sts/whittle/internal/token"
	"github.com/whittle-sts/whittle/store"
)

// addKey makes a key that signs from active on, and retires the ones before it then.
func (e *Engine) addKey(ctx context.Context, caller clientauth.Caller, active time.Time) (store.Key, error) {
	next, err := e.newKey(active)
	if err != nil {
		return store.Key{}, err
	}
	return next, e.changeKeys(ctx, caller, func(keys []store.Key) ([]store.Key, *audit.Change) {
		return append(retired(keys, active), next), added(next)
	})
}

// revokeKey revokes a signing key of ours, if that is what the selector names.
func (e *Engine) revokeKey(ctx context.Context, caller clientauth.Caller, kid string) error {
	if !e.image.View().Keys.Has(kid) {
		return nil
	}
	return e.endKey(ctx, caller, kid, func(k *store.Key, _ time.Time) *audit.Change {
		if k.Revoked {
			return nil
		}
		k.Revoked = true
		return &audit.Change{Action: audit.ActionRevoked, ID: k.ID, Alg: k.Alg}
	})
}

// endKey ends a key's signing now, as end says, which changes nothing where it gives no entry. If no other
// key can sign, one takes over at once: publishing it first would mean not signing at all.
func (e *Engine) endKey(ctx context.Context, caller clientauth.Caller, kid string, end func(*store.Key, time.Time) *audit.Change) error {
	now := e.clock.Now()
	next, err := e.newKey(now)
	if err != nil {
		return err
	}
	return e.changeKeys(ctx, caller, func(keys []store.Key) ([]store.Key, *audit.Change) {
		i := slices.IndexFunc(keys, func(k store.Key) bool { return k.ID == kid })
		if i < 0 {
			return nil, nil
		}
		change := end(&keys[i], now)
		if change == nil {
			return nil, nil
		}
		retired(keys[i:i+1], now)
		if succession(keys, now) {
			return keys, change
		}
		change.Note = "the new key " + next.ID + " takes over"
		return append(keys, next), change
	})
}

// dropKeys deletes the keys whose last tokens have ended, one in each commit.
func (e *Engine) dropKeys(ctx context.Context, now time.Time) error {
	keys, err := e.storedKeys(ctx)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.Expires.IsZero() || now.Before(k.Expires) {
			continue
		}
		err := e.commit(ctx, func(tx store.Tx) (audit.Entry, error) {
			entry, err := e.changed(clientauth.Caller{}, audit.KindKey, &audit.Change{Action: audit.ActionDeleted, ID: k.ID, Alg: k.Alg})
			if err != nil {
				return audit.Entry{}, err
			}
			return entry, tx.DeleteKey(k.ID)
		})
		if err = errors.Join(err, e.reload(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// newKey makes a key that signs from active on.
func (e *Engine) newKey(active time.Time) (store.Key, error) {
	key, err := token.GenerateSigningKey(e.alg, e.random)
	if err != nil {
		return store.Key{}, err
	}
	next := store.Key(key.Record())
	next.Created, next.Active = e.clock.Now(), active
	return next, nil
}

// errUnchanged ends a commit that has nothing to write.
var errUnchanged = errors.New("nothing to change")

// changeKeys writes the keys that plan makes of those in the store, with its entry, and shows them. A
// plan without an entry changes nothing.
func (e *Engine) changeKeys(ctx context.Context, caller clientauth.Caller, plan func([]store.Key) ([]store.Key, *audit.Change)) error {
	err := e.commit(ctx, func(tx store.Tx) (audit.Entry, error) {
		keys, err := tx.Keys()
		if err != nil {
			return audit.Entry{}, err
		}
		write, change := plan(keys)
		if change == nil {
			return audit.Entry{}, errUnchanged
		}
		entry, err := e.changed(caller, audit.KindKey, change)
		if err != nil {
			return audit.Entry{}, err
		}
		for _, k := range write {
			if err := tx.PutKey(k); err != nil {
				return audit.Entry{}, err
			}
		}
		return entry, nil
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	if err != nil {
		return err
	}
	return e.reload(ctx)
}

func (e *Engine) storedKeys(ctx context.Context) (keys []store.Key, err error) {
	err = e.store.View(ctx, func(r store.Reader) error {
		keys, err = r.Keys()
		return err
	})
	if err != nil {
		return nil, unavailable("store", err)
	}
	return keys, nil
}

// succession lets the keys that may still sign do so one after the other: each until the next begins, the
// first from now on if none does, the last for as long as it isn't told otherwise. Without any it says so.
func succession(keys []store.Key, now time.Time) bool {
	var line []*store.Key
	for i := range keys {
		if k := &keys[i]; !k.Revoked && (k.Retired.IsZero() || k.Retired.After(now)) {
			line = append(line, k)
		}
	}
	if len(line) == 0 {
		return false
	}
	slices.SortFunc(line, func(a, b *store.Key) int { return a.Active.Compare(b.Active) })
	if line[0].Active.After(now) {
		line[0].Active = now
	}
	for i, k := range line {
		k.Retired, k.Expires = time.Time{}, time.Time{}
		if i+1 < len(line) {
			k.Retired, k.Expires = line[i+1].Active, line[i+1].Active.Add(narrow.MaxLifetime)
		}
	}
	return true
}

// retired is the keys as they are when another takes over.
func retired(keys []store.Key, active time.Time) []store.Key {
	for i := range keys {
		if k := &keys[i]; k.Retired.IsZero() || k.Retired.After(active) {
			k.Retired, k.Expires = active, active.Add(narrow.MaxLifetime)
		}
	}
	return keys
}

func added(k store.Key) *audit.Change {
	return &audit.Change{Action: audit.ActionAdded, ID: k.ID, Alg: k.Alg, Active: k.Active}
}
