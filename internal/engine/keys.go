package engine

import (
	"context"
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
	return e.addKey(ctx, caller, e.Clock.Now().Add(KeyOverlap), "")
}

// replaceKey revokes a signing key of ours, if that is what the selector names. If no other key can
// sign, one takes over at once: publishing it first would mean not signing at all.
func (e *Engine) replaceKey(ctx context.Context, caller clientauth.Caller, kid string) error {
	keys := e.Image.View().Keys
	if !keys.Has(kid) {
		return nil
	}
	return e.addKey(ctx, caller, e.Clock.Now(), kid)
}

// addKey makes a key that signs from active on, retires the ones before it then, and revokes one.
func (e *Engine) addKey(ctx context.Context, caller clientauth.Caller, active time.Time, revoked string) error {
	key, err := token.GenerateSigningKey(e.Alg, e.Random)
	if err != nil {
		return err
	}
	next := store.Key(key.Record())
	next.Created, next.Active = e.Clock.Now(), active
	err = e.commit(ctx, func(tx store.Tx) (audit.Entry, error) {
		keys, err := tx.Keys()
		if err != nil {
			return audit.Entry{}, err
		}
		entry, err := e.changed(caller, audit.KindKey, keyChange(next, revoked))
		if err != nil {
			return audit.Entry{}, err
		}
		for _, k := range keys {
			if retire(&k, active, revoked) {
				if err := tx.PutKey(k); err != nil {
					return audit.Entry{}, err
				}
			}
		}
		return entry, tx.PutKey(next)
	})
	if err != nil {
		return err
	}
	return e.Image.Reload(ctx, e.Store)
}

// retire says what becomes of a key when another takes over, and whether that changes it.
func retire(k *store.Key, active time.Time, revoked string) bool {
	changed := false
	if k.Retired.IsZero() || k.Retired.After(active) {
		k.Retired, k.Expires, changed = active, active.Add(narrow.MaxLifetime), true
	}
	if k.ID == revoked && !k.Revoked {
		k.Revoked, changed = true, true
	}
	return changed
}
