package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/hush"
	"github.com/whittle-sts/whittle/internal/issuer"
	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/narrow"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/token"
	"github.com/whittle-sts/whittle/store"
)

const maxReason = 512 // bytes; also of a selector, which names an issuer and a subject or group

// writable says whether a text can stand in a record.
func writable(text string) bool { return len(text) <= maxReason && utf8.ValidString(text) }

// RevokeToken kills a token and all its descendants (RFC 7009). The caller must be the client of
// one of the token's hops, so that an agent may revoke what it handed down, or hold revoke.any. A
// token that is unknown, ended or no token at all is already as dead as can be: no error.
// A nil error means that the revocation is durable and recorded.
func (e *Engine) RevokeToken(ctx context.Context, caller clientauth.Caller, text token.Secret) error {
	if text.Reveal() == "" {
		return Refuse(InvalidRequest, "shape", "token is missing")
	}
	v, err := e.verifyOwn(ctx, e.image.View(), text)
	if fault, ok := errors.AsType[*Error](err); ok {
		return fault
	}
	if err != nil {
		return e.revokeOutside(ctx, caller, text)
	}
	if !mayRevoke(caller, v.Claims) {
		return e.notOwner(caller)
	}
	if !v.LiveAt(e.clock.Now()) {
		return nil
	}
	return e.revokeOnce(ctx, caller, v.ID, v.Expires, v.Expires)
}

// revokeOnce revokes a token, until the last of what that kills has ended, unless it is done already until the token
// itself ends, so that asking again costs no space.
func (e *Engine) revokeOnce(ctx context.Context, caller clientauth.Caller, id token.ID, ends, last time.Time) error {
	s := live.OfToken(id)
	if e.image.Revocations.Durable(s, ends.Add(live.Skew)) {
		return nil
	}
	if err := e.withinShare(caller, s); err != nil {
		return err
	}
	_, err := e.revoke(ctx, caller, RevokeRequest{Selector: s}, last)
	return err
}

// withinShare holds a client that revokes its own tokens to its share of the memory: each revocation
// lives until its token ends. Whoever may revoke anything is never held up.
func (e *Engine) withinShare(caller clientauth.Caller, s live.Selector) error {
	if e.share == 0 || caller.Can(policy.RevokeAny) {
		return nil
	}
	now := e.clock.Now()
	then, ok := e.image.Revocations.AnnounceOwn(s, caller.ID, e.share, now)
	if ok {
		return nil
	}
	full := Refuse(SlowDown, "revocation_share", "this client has too many live revocations; wait until tokens end, or ask an administrator")
	full.RetryAfter = min(max(then.Sub(now), time.Minute), time.Hour)
	return e.refuse(caller, audit.KindRevocation, full)
}

// revokeOutside revokes another issuer's token, with all that was traded for it. Only whoever may
// revoke anything may do that: an outside token has no client of ours. Others are told so, lest they
// take it for dead.
func (e *Engine) revokeOutside(ctx context.Context, caller clientauth.Caller, text token.Secret) error {
	out, err := e.outside.Identify(ctx, text.Reveal())
	if errors.Is(err, issuer.ErrUnavailable) {
		return unavailable("issuer_down", err)
	}
	if err != nil {
		return nil
	}
	if !caller.Can(policy.RevokeAny) {
		return e.notOwner(caller)
	}
	// An issuer may give two tokens one id: what this kills of the other must not come back when this one would have ended.
	last := e.clock.Latest().Add(narrow.MaxLifetime)
	if out.Expires.After(last) {
		last = out.Expires
	}
	return e.revokeOnce(ctx, caller, out.ID, out.Expires, last)
}

// notOwner is the one answer to whoever revokes a token that isn't theirs, whatever its state.
func (e *Engine) notOwner(caller clientauth.Caller) error {
	return e.refuse(caller, audit.KindRevocation, Refuse(UnauthorizedClient, "not_owner", "the token was not issued to this client"))
}

func mayRevoke(caller clientauth.Caller, c *token.Claims) bool {
	return caller.Can(policy.RevokeAny) || slices.ContainsFunc(c.Evidence.Hops, func(h token.Hop) bool { return h.Client == caller.ID })
}

// Revoke kills every token that the selector matches, and with Block refuses new ones until lifted.
// The caller must hold revoke.any.
func (e *Engine) Revoke(ctx context.Context, caller clientauth.Caller, req RevokeRequest) (Revocation, error) {
	if err := e.require(caller, policy.RevokeAny); err != nil {
		return Revocation{}, err
	}
	return e.revokeBySelector(ctx, caller, req)
}

// revokeBySelector is Revoke by a caller who may.
func (e *Engine) revokeBySelector(ctx context.Context, caller clientauth.Caller, req RevokeRequest) (Revocation, error) {
	if err := e.checkSelector(req.Selector); err != nil {
		return Revocation{}, err
	}
	if !writable(req.Reason) {
		return Revocation{}, Refuse(InvalidRequest, "shape", "the reason is too long or no text")
	}
	req.Reason = hush.Text(req.Reason) // which is kept beside the record, too
	req.Block = req.Block || req.Selector.Kind.Unconditional()
	e.image.Revocations.Announce(req.Selector, req.Block, e.clock.Latest()) // before anything that can fail
	if req.Selector.Kind == live.Key {
		if err := e.revokeKey(ctx, caller, req.Selector.Value); err != nil {
			return Revocation{}, err
		}
	}
	// Whatever it can kill has ended after the longest life that a token can have.
	r, err := e.revoke(ctx, caller, req, e.clock.Latest().Add(narrow.MaxLifetime))
	if err == nil && req.Selector.Kind == live.Issuer {
		e.outside.Forget(req.Selector.Value)
	}
	return r, err
}

func (e *Engine) checkSelector(s live.Selector) error {
	bad := Refuse(InvalidRequest, "shape", "the selector is malformed")
	switch s.Kind {
	case live.Token, live.Task:
		if _, err := token.ParseID(s.Value); err != nil {
			return bad
		}
	case live.Subject, live.Client, live.Group, live.Issuer, live.Key:
		if s.Value == "" || !writable(s.Value) {
			return bad
		}
		return e.checkValue(s)
	default:
		return bad
	}
	return nil
}

// checkValue refuses what could never match anything: an operator must not take it for done.
func (e *Engine) checkValue(s live.Selector) error {
	malformed := func(how string) error { return Refuse(InvalidRequest, "shape", how) }
	switch {
	case hush.Found(s.Value): // nothing is called so, and the record would keep it
		return malformed("the selector looks like a token or a secret; to revoke a token, revoke it as one")
	case s.Kind == live.Group && !strings.Contains(s.Value, ":"):
		return malformed("a group is written issuer:group, by the name that the policy gives the issuer")
	case (s.Kind == live.Issuer || s.Kind == live.Client) && strings.ContainsAny(s.Value, ":/"):
		return malformed("an issuer or client is named by its name in the policy")
	case s.Kind == live.Key && !strings.Contains(s.Value, "/") && !e.image.View().Keys.Has(s.Value):
		return malformed("this server has no such key; a key of another issuer is written issuer/kid")
	default:
		return nil
	}
}

// Unknown is the client or the issuer that the selector names and the policy in force doesn't have. To revoke what
// it doesn't have is no mistake, since tokens of an earlier one may be alive; a typing error looks the same.
func (e *Engine) Unknown(s live.Selector) (client, issuer string) {
	switch s.Kind {
	case live.Client:
		client = s.Value
	case live.Issuer:
		issuer = s.Value
	case live.Subject:
		if id := principal.ParseID(s.Value); id.IsClient() {
			client = id.Subject
		} else {
			issuer = id.Issuer
		}
	case live.Group:
		issuer, _, _ = strings.Cut(s.Value, ":")
	case live.Key:
		if name, _, outside := strings.Cut(s.Value, "/"); outside {
			issuer = name
		}
	case live.Token, live.Task: // nobody's name
	}
	known := e.image.View().Policy
	if _, found := known.Client(client); found || client == policy.Bootstrap {
		client = ""
	}
	if _, found := known.Issuer(issuer); found {
		issuer = ""
	}
	return client, issuer
}

// revoke acts in memory at once, then makes it durable, and only then returns without an error.
func (e *Engine) revoke(ctx context.Context, caller clientauth.Caller, req RevokeRequest, ends time.Time) (Revocation, error) {
	now := e.clock.Latest() // an outside token issued while the clock stood behind is older than this
	e.image.Revocations.Announce(req.Selector, req.Block, now)
	record := store.Revocation{
		Kind: string(req.Selector.Kind), Selector: req.Selector.Value, Block: req.Block,
		At: now, By: caller.ID, Reason: req.Reason,
	}
	if !req.Block {
		record.Expires = ends.Add(live.Skew)
	}
	if err := e.commitRevocation(ctx, caller, audit.KindRevocation, &record); err != nil {
		return Revocation{}, err
	}
	e.image.Revocations.Apply(record)
	return revocationOf(record), nil
}

// commitRevocation numbers and records a revocation. One that lifts takes the place of the blocks
// by its selector.
func (e *Engine) commitRevocation(ctx context.Context, caller clientauth.Caller, kind audit.Kind, record *store.Revocation) error {
	event, err := e.administered(caller, kind)
	if err != nil {
		return err
	}
	return e.commit(ctx, func(tx store.Tx) (audit.Entry, error) {
		meta, err := tx.Meta()
		if err != nil {
			return audit.Entry{}, err
		}
		record.Seq = meta.Rev + 1
		var lifted []uint64
		if kind == audit.KindUnblock {
			if lifted, err = e.blocksLike(tx, record); err != nil {
				return audit.Entry{}, err
			}
		}
		entry, err := e.log.Prepare(withRevocation(event, *record))
		if err != nil {
			return audit.Entry{}, err
		}
		for _, seq := range lifted {
			if err := tx.DeleteRevocation(seq); err != nil {
				return audit.Entry{}, err
			}
		}
		_, err = tx.AppendRevocation(*record)
		return entry, err
	})
}

// Unblock lifts every block of the selector. It revives nothing: a revocation takes the blocks'
// place, numbered above them. The caller must hold revoke.any.
func (e *Engine) Unblock(ctx context.Context, caller clientauth.Caller, s live.Selector) (Revocation, error) {
	if err := e.require(caller, policy.RevokeAny); err != nil {
		return Revocation{}, err
	}
	if err := e.checkSelector(s); err != nil {
		return Revocation{}, err
	}
	now := e.clock.Now()
	record := store.Revocation{
		Kind: string(s.Kind), Selector: s.Value, At: now, By: caller.ID,
		Expires: now.Add(narrow.MaxLifetime + live.Skew),
	}
	if s.Kind == live.Key && e.image.View().Keys.Has(s.Value) {
		return Revocation{}, Refuse(InvalidRequest, "own_key", "a revoked key of this server stays revoked")
	}
	if err := e.commitRevocation(ctx, caller, audit.KindUnblock, &record); err != nil {
		return Revocation{}, err
	}
	e.image.Revocations.Lift(record)
	return revocationOf(record), nil
}

// blocksLike lists the blocks by the record's selector. None is an error, unless an earlier lifting took
// them away without being answered, so that the image still has one.
func (e *Engine) blocksLike(tx store.Tx, record *store.Revocation) ([]uint64, error) {
	var blocks []uint64
	err := tx.Revocations(0, func(r store.Revocation) bool {
		if r.Block && r.Kind == record.Kind && r.Selector == record.Selector {
			blocks = append(blocks, r.Seq)
		}
		return true
	})
	_, blocked := e.image.Revocations.Blocked(live.Selector{Kind: live.Kind(record.Kind), Value: record.Selector})
	if err == nil && len(blocks) == 0 && !blocked {
		err = Refuse(NotFound, "no_block", "nothing is blocked by that selector")
	}
	return blocks, err
}

// Revocations lists what is revoked, in order, from after the given number on. The caller must hold
// revoke.any.
func (e *Engine) Revocations(ctx context.Context, caller clientauth.Caller, after uint64, limit int) ([]Revocation, error) {
	if err := e.require(caller, policy.RevokeAny); err != nil {
		return nil, err
	}
	var out []Revocation
	err := e.store.View(ctx, func(r store.Reader) error {
		return r.Revocations(after, func(rev store.Revocation) bool {
			out = append(out, revocationOf(rev))
			return len(out) < limit
		})
	})
	if err != nil {
		return nil, unavailable("store", err)
	}
	return out, nil
}

func revocationOf(r store.Revocation) Revocation {
	return Revocation{
		Seq: r.Seq, Selector: live.Selector{Kind: live.Kind(r.Kind), Value: r.Selector}, Block: r.Block,
		At: r.At, Expires: r.Expires, By: r.By, Reason: r.Reason,
	}
}
