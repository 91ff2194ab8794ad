package engine

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/policy"
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

// JWKS is the document of `jwks_uri` (RFC 7517 section 5): all keys but the revoked ones. The caller must not change it.
func (e *Engine) JWKS() []byte { return e.image.View().Keys.JWKS() }

// Keys lists the signing keys that weren't dropped yet, the newest first. The caller must hold key.manage.
func (e *Engine) Keys(ctx context.Context, caller clientauth.Caller) ([]SigningKey, error) {
	if err := e.require(caller, policy.KeyManage); err != nil {
		return nil, err
	}
	return e.keysNow(ctx)
}

// RotateKey publishes a new signing key, which takes over after the overlap; nil: [KeyOverlap]. The old one
// stays published until the last token that it signed has ended. The caller must hold key.manage.
func (e *Engine) RotateKey(ctx context.Context, caller clientauth.Caller, overlap *time.Duration) (SigningKey, error) {
	if err := e.require(caller, policy.KeyManage); err != nil {
		return SigningKey{}, err
	}
	wait := KeyOverlap
	if overlap != nil {
		wait = *overlap
	}
	if wait < 0 || wait > KeyLife {
		return SigningKey{}, Refuse(InvalidRequest, "shape", "a key is published for at most thirty days before it signs")
	}
	now := e.clock.Now()
	next, err := e.addKey(ctx, caller, now.Add(wait))
	return signingKey(next, now), err
}

// RetireKey ends a key's signing: the key that follows takes over, if need be sooner than planned, or a new
// one if there is none. A key that doesn't sign yet never will, and the one before it goes on. What was
// signed stays good. The caller must hold key.manage.
func (e *Engine) RetireKey(ctx context.Context, caller clientauth.Caller, kid string) ([]SigningKey, error) {
	if err := e.require(caller, policy.KeyManage); err != nil {
		return nil, err
	}
	if !e.image.View().Keys.Has(kid) {
		return nil, errNoKey()
	}
	err := e.endKey(ctx, caller, kid, func(k *store.Key, now time.Time) *audit.Change {
		if k.Revoked || !k.Retired.IsZero() && !k.Retired.After(now) {
			return nil
		}
		return &audit.Change{Action: audit.ActionRetired, ID: k.ID, Alg: k.Alg}
	})
	if err != nil {
		return nil, err
	}
	return e.keysNow(ctx)
}

// RevokeKey kills at once whatever the key signed, for good. If no other can sign, a new one takes over. It
// is a revocation by key, which whoever holds key.manage may make of the server's own.
func (e *Engine) RevokeKey(ctx context.Context, caller clientauth.Caller, kid, reason string) ([]SigningKey, error) {
	if err := e.require(caller, policy.KeyManage); err != nil {
		return nil, err
	}
	if !e.image.View().Keys.Has(kid) {
		return nil, errNoKey()
	}
	if _, err := e.revokeBySelector(ctx, caller, RevokeRequest{Selector: live.OfKey(kid), Reason: reason}); err != nil {
		return nil, err
	}
	return e.keysNow(ctx)
}

func errNoKey() error { return Refuse(NotFound, "no_key", "this server has no such key") }

func (e *Engine) keysNow(ctx context.Context) ([]SigningKey, error) {
	keys, err := e.storedKeys(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(keys, func(a, b store.Key) int {
		return cmp.Or(b.Created.Compare(a.Created), strings.Compare(a.ID, b.ID))
	})
	out, now := make([]SigningKey, len(keys)), e.clock.Now()
	for i, k := range keys {
		out[i] = signingKey(k, now)
	}
	return out, nil
}

func signingKey(k store.Key, now time.Time) SigningKey {
	out := SigningKey{
		ID: k.ID, Alg: k.Alg, Created: k.Created, Active: k.Active, Retired: k.Retired, Expires: k.Expires,
	}
	switch {
	case k.Revoked:
		out.State = KeyRevoked
	case !k.Retired.IsZero() && !k.Retired.After(now):
		out.State = KeyRetired
	case k.Active.After(now):
		out.State = KeyPublished
	default:
		out.State = KeySigning
	}
	return out
}
