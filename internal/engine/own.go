package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/whittle-sts/whittle/internal/lately"
	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/narrow"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/internal/token"
	"github.com/whittle-sts/whittle/store"
)

// errUnknownToken is an opaque token that isn't in the store: never issued, or ended and dropped.
var errUnknownToken = errors.New("no such opaque token")

// verifyOwn verifies a token of ours, JWT or opaque. It says nothing of whether the token is still good:
// see alive.
func (e *Engine) verifyOwn(ctx context.Context, view *live.View, text token.Secret) (*verified, error) {
	digest := lately.DigestOf(text.Reveal())
	if v, ok := e.memo.get(digest, view.Ring); ok {
		return v, nil
	}
	before, ours := e.familiar.presented(digest)
	v, size := &verified{ring: view.Ring}, len(text.Reveal())
	var claims *token.Claims
	var err error
	switch {
	case token.IsOpaque(text.Reveal()):
		claims, size, err = e.openOpaque(ctx, text)
	case ours:
		claims, v.key, err = e.verifier.ReadJWT(view.Keys, text.Reveal())
	default:
		claims, v.key, err = e.verifier.VerifyJWT(view.Keys, text.Reveal())
	}
	if err != nil {
		return nil, err
	}
	v.of(claims, size)
	if before {
		e.memo.put(digest, v)
	} else {
		e.familiar.present(digest)
	}
	return v, nil
}

// openOpaque reads what is kept of an opaque token, and says how much that is. An [Error] is a fault of ours, any other error
// the token's.
func (e *Engine) openOpaque(ctx context.Context, text token.Secret) (*token.Claims, int, error) {
	ref, err := token.ParseOpaque(text.Reveal())
	if err != nil {
		return nil, 0, err
	}
	var sealed []byte
	err = e.store.View(ctx, func(r store.Reader) error {
		row, err := r.Opaque(ref.Hash())
		sealed = bytes.Clone(row.Claims)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, 0, errUnknownToken
	}
	if err != nil {
		return nil, 0, unavailable("store", err)
	}
	claims, err := ref.Open(e.issuer, sealed)
	return claims, len(sealed), err
}

// ownFailed is the caller's answer to verifyOwn's error.
func ownFailed(which string, err error) error {
	if errors.As(err, new(*Error)) {
		return err // a fault of ours, not of the token
	}
	return notAcceptable(which, "not_verified", err)
}

// alive says why a verified token of ours is no longer good by itself: nil, or it ended, or it or
// anything that it descends from was revoked. It is asked anew each time, never remembered.
func (e *Engine) alive(v *verified, now time.Time) error {
	if !now.Before(v.ends) {
		return fmt.Errorf("ended at %s", v.ends.Format(time.RFC3339))
	}
	if s, dead := e.image.Revocations.Killed(v.trace); dead {
		return errors.New(byWhat(s))
	}
	return nil
}

// byWhat says what a token was revoked by, without whom: the words are sealed for the entry's first person, and would
// outlive the erasure of another whom the revocation names. Its own entry has that.
func byWhat(s live.Selector) string { return "revoked by " + string(s.Kind) }

// usesLeft is how often a token may still be used: the least of its own and its limited ancestors'
// counters.
func (e *Engine) usesLeft(ctx context.Context, claims *token.Claims) (narrow.Uses, error) {
	left := narrow.Unlimited
	if len(claims.Evidence.Limited) == 0 {
		return left, nil
	}
	err := e.store.View(ctx, func(r store.Reader) error {
		for _, id := range claims.Evidence.Limited {
			uses, err := r.Uses(id)
			if errors.Is(err, store.ErrNotFound) {
				left = 0 // the counter ended with its token
				return nil
			}
			if err != nil {
				return err
			}
			left = min(left, narrow.Uses(uses.Left))
		}
		return nil
	})
	if err != nil {
		return 0, unavailable("store", err)
	}
	return left, nil
}

// standing is what the policy is asked about when a token is looked at anew.
func standing(c *token.Claims) policy.Standing {
	s := policy.Standing{Principal: c.Evidence.Root, Bindings: c.Evidence.Bindings}
	for _, hop := range c.Evidence.Hops {
		s.Hops = append(s.Hops, policy.Hop{Client: hop.Client, Rule: hop.Rule, Audience: hop.Audience})
	}
	return s
}

// reachUnder is what of a token's reach the policy still gives, and until when.
func reachUnder(p *policy.Policy, c *token.Claims, now time.Time) (narrow.Pairs, time.Time) {
	s := standing(c)
	pairs := make([]narrow.Pair, 0, len(c.Evidence.Reach))
	for _, e := range c.Evidence.Reach {
		scopes, _ := p.Catalogue().Of(e.Scopes...) // a scope that is gone gives nothing
		pairs = append(pairs, narrow.Pair{Resource: e.Resource, Scopes: scopes})
	}
	s.Reach = narrow.PairsOf(pairs...)
	return p.Again(now, s)
}
