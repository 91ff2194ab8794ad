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

const (
	// JWKSMaxAge is how long others may keep our key set (its Cache-Control max-age).
	JWKSMaxAge = 5 * time.Minute
	// KeyOverlap is how long a new key is published before it signs: long enough that whoever keeps
	// the key set as long as allowed has it by then.
	KeyOverlap = 2 * JWKSMaxAge
	// KeyLife is how long a key signs before housekeeping rotates it.
	KeyLife = 30 * 24 * time.Hour
)

// RotateKey publishes a new signing key, which takes over after [KeyOverlap]. The old one stays
// published until the last token that it signed has ended.
func (e *Engine) RotateKey(ctx context.Context, caller clientauth.Caller) error {
	return e.addKey(ctx, caller, e.Clock.Now().Add(KeyOverlap))
}

// addKey makes a key that signs from active on, and retires the ones before it then.
func (e *Engine) addKey(ctx context.Context, caller clientauth.Caller, active time.Time) error {
	next, err := e.newKey(active)
	if err != nil {
		return err
	}
	return e.changeKeys(ctx, caller, func(keys []store.Key) ([]store.Key, *audit.Change) {
		return append(retired(keys, active), next), added(next)
	})
}

// revokeKey revokes a signing key of ours, if that is what the selector names. If no other key can
// sign, one takes over at once: publishing it first would mean not signing at all.
func (e *Engine) revokeKey(ctx context.Context, caller clientauth.Caller, kid string) error {
	if !e.Image.View().Keys.Has(kid) {
		return nil
	}
	now := e.Clock.Now()
	next, err := e.newKey(now)
	if err != nil {
		return err
	}
	return e.changeKeys(ctx, caller, func(keys []store.Key) ([]store.Key, *audit.Change) {
		i := slices.IndexFunc(keys, func(k store.Key) bool { return k.ID == kid })
		if i < 0 || keys[i].Revoked {
			return nil, nil
		}
		keys[i].Revoked = true
		if sign(keys, now) {
			return keys[i : i+1], &audit.Change{Action: "revoked", ID: kid, Alg: keys[i].Alg}
		}
		change := added(next)
		change.Note = "in place of the revoked key " + kid
		return append(retired(keys, now), next), change
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
			entry, err := e.changed(clientauth.Caller{}, audit.KindKey, &audit.Change{Action: "deleted", ID: k.ID, Alg: k.Alg})
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
	key, err := token.GenerateSigningKey(e.Alg, e.Random)
	if err != nil {
		return store.Key{}, err
	}
	next := store.Key(key.Record())
	next.Created, next.Active = e.Clock.Now(), active
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
	err = e.Store.View(ctx, func(r store.Reader) error {
		keys, err = r.Keys()
		return err
	})
	if err != nil {
		return nil, unavailable("store", err)
	}
	return keys, nil
}

// sign says whether one of the keys signs now, and one will go on.
func sign(keys []store.Key, now time.Time) bool {
	return slices.ContainsFunc(keys, func(k store.Key) bool {
		return !k.Revoked && !now.Before(k.Active) && (k.Retired.IsZero() || now.Before(k.Retired))
	}) && slices.ContainsFunc(keys, func(k store.Key) bool { return !k.Revoked && k.Retired.IsZero() })
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
	return &audit.Change{Action: "added", ID: k.ID, Alg: k.Alg, Active: k.Active}
}
