package token

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
)

// Keyring is all signing keys of this server at one moment. It never changes.
type Keyring struct {
	keys []*SigningKey // newest first
	byID map[string]*SigningKey
	jwks []byte
}

// NewKeyring makes the ring of the given keys. The same key twice is an error: only one of its records
// could count, and it might be the one that isn't revoked.
func NewKeyring(keys ...*SigningKey) (*Keyring, error) {
	r := &Keyring{keys: slices.Clone(keys), byID: make(map[string]*SigningKey, len(keys))}
	slices.SortFunc(r.keys, func(a, b *SigningKey) int {
		if c := b.record.Active.Compare(a.record.Active); c != 0 {
			return c
		}
		return strings.Compare(a.ID(), b.ID())
	})
	set := struct {
		Keys []jose.JSONWebKey `json:"keys"`
	}{Keys: []jose.JSONWebKey{}}
	for _, k := range r.keys {
		if r.Has(k.ID()) {
			return nil, fmt.Errorf("signing key %s is there twice", k.ID())
		}
		r.byID[k.ID()] = k
		if !k.record.Revoked {
			set.Keys = append(set.Keys, jose.JSONWebKey{
				Key: k.signer.Public(), KeyID: k.ID(), Algorithm: k.record.Alg, Use: "sig",
			})
		}
	}
	var err error
	if r.jwks, err = json.Marshal(set); err != nil {
		return nil, fmt.Errorf("writing the key set: %w", err)
	}
	return r, nil
}

// Holds says whether the ring is of exactly these keys as the records describe them, so that it need
// not be made anew: what was verified under it stays verified.
func (r *Keyring) Holds(records []KeyRecord) bool {
	if len(records) != len(r.keys) {
		return false
	}
	return !slices.ContainsFunc(records, func(record KeyRecord) bool {
		k, ok := r.byID[record.ID]
		return !ok || !reflect.DeepEqual(k.record, record)
	})
}

// Len is the number of keys.
func (r *Keyring) Len() int { return len(r.keys) }

// Has says whether the key is one of ours, good or not.
func (r *Keyring) Has(kid string) bool { return r.byID[kid] != nil }

// JWKS is the document of `jwks_uri` (RFC 7517 section 5): all keys but the revoked ones, so that
// those that will sign and those whose tokens may still be live are there. The caller must not
// change it.
func (r *Keyring) JWKS() []byte { return r.jwks }

// NewestActive is when the newest key begins to sign that isn't revoked, nor retired before it could; zero
// if there is none.
func (r *Keyring) NewestActive() time.Time {
	for _, k := range r.keys {
		never := !k.record.Retired.IsZero() && !k.record.Retired.After(k.record.Active)
		if !k.record.Revoked && !never {
			return k.record.Active
		}
	}
	return time.Time{}
}

// SigningSince is when the key that signs now began to, or should have; zero if none does.
func (r *Keyring) SigningSince(now time.Time) time.Time {
	k, err := r.signer(now)
	if err != nil {
		return time.Time{}
	}
	return k.record.Active
}

// signer is the key that signs now: the newest that is active and neither retired nor revoked.
func (r *Keyring) signer(now time.Time) (*SigningKey, error) {
	for _, k := range r.keys {
		retired := !k.record.Retired.IsZero() && !now.Before(k.record.Retired)
		if !k.record.Revoked && !retired && !now.Before(k.record.Active) {
			return k, nil
		}
	}
	return nil, fmt.Errorf("%w: none is active", ErrKey)
}

// verifier is the key with which a token of ours is verified.
func (r *Keyring) verifier(kid string) (*SigningKey, error) {
	k, ok := r.byID[kid]
	if !ok || k.record.Revoked {
		return nil, ErrKey
	}
	return k, nil
}
