package engine

import (
	"context"
	"errors"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/narrow"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/internal/scope"
	"github.com/whittle-sts/whittle/internal/token"
)

// MaxBatch is the most tokens that one batch may ask about.
const MaxBatch = 1000

// Introspect says whether a token is good for the caller right now (RFC 7662). Whatever is wrong
// with it, the answer is the same zero Introspection; errors are faults of ours. Expiry, revocations,
// uses and the policy are looked at anew each time. Answers are shared: nobody may change one.
func (e *Engine) Introspect(ctx context.Context, caller clientauth.Caller, req IntrospectRequest) (*Introspection, error) {
	if req.Token.Reveal() == "" {
		return nil, Refuse(InvalidRequest, "shape", "token is missing")
	}
	if len(req.UseID) > maxUseID || !utf8.ValidString(req.UseID) {
		return nil, Refuse(InvalidRequest, "shape", "use_id is too long or no text")
	}
	if err := req.Use.check(); err != nil {
		return nil, err
	}
	if req.Look && !caller.Can(policy.TokenLook) {
		return nil, Refuse(AccessDenied, "permission", "looking without using needs the permission token.look")
	}
	l := e.look(caller)
	t, v, err := l.at(ctx, req.Token)
	if t == nil {
		return inactive(), err
	}
	used := t.tally != nil && !req.Look
	switch {
	case v.limited && used:
		return l.use(ctx, t, v.Claims, req.Use, req.UseID)
	case v.limited:
		return l.withUsesLeft(ctx, t.answer, v.Claims)
	case used && l.recordsEach(t, req.Use):
		if err := l.recordUses(ctx, []noted{{t, v.Claims, req.Use}}); err != nil {
			return nil, err
		}
	case used:
		t.tally.Count(l.now, l.purpose(t, req.Use))
	}
	return t.answer, nil
}

// IntrospectBatch answers for each token in order. The uses are none, or one for each token. A use-limited token is
// inactive in a batch: a use is one question about one token, so that a retry can be told from a second use.
func (e *Engine) IntrospectBatch(ctx context.Context, caller clientauth.Caller, tokens []token.Secret, uses []Use) ([]*Introspection, error) {
	if len(tokens) == 0 || len(tokens) > MaxBatch {
		return nil, Refuse(InvalidRequest, "shape", "a batch holds 1 to 1000 tokens")
	}
	if len(uses) != 0 && len(uses) != len(tokens) {
		return nil, Refuse(InvalidRequest, "shape", "a batch holds no uses, or one for each token")
	}
	l := e.look(caller)
	out, counted := make([]*Introspection, len(tokens)), make([]noted, 0, len(tokens))
	var recorded []noted
	for i, text := range tokens {
		var what Use
		if len(uses) > 0 {
			what = uses[i]
		}
		if err := what.check(); err != nil {
			return nil, err
		}
		t, v, err := l.at(ctx, text)
		if err != nil {
			return nil, err
		}
		if t == nil || v.limited {
			out[i] = inactive()
			continue
		}
		out[i] = t.answer
		switch n := (noted{t, v.Claims, what}); {
		case t.tally == nil:
		case l.recordsEach(t, n.what):
			recorded = append(recorded, n)
		default:
			counted = append(counted, n)
		}
	}
	if err := l.recordUses(ctx, recorded); err != nil {
		return nil, err
	}
	for _, n := range counted {
		n.tally.Count(l.now, l.purpose(n.told, n.what))
	}
	return out, nil
}

// look is one caller's look at one or more tokens: one policy, one set of keys.
type look struct {
	engine *Engine
	caller clientauth.Caller
	view   *live.View
	rev    uint64    // the revocation sequence, read before the first liveness check
	all    bool      // the caller may see tokens for whomever they are
	now    time.Time // of the newest token looked at
}

func (e *Engine) look(caller clientauth.Caller) look {
	rev := e.image.Revocations.Newest()
	return look{engine: e, caller: caller, view: e.image.View(), rev: rev, all: caller.Can(policy.TokenLook)}
}

// serves says whether the caller is a server of the resource.
func (l *look) serves(resource string) bool { return l.view.Policy.IsServer(l.caller.ID, resource) }

// servesOne says whether the caller is a server of one of the resources: only then is its look a use.
func (l *look) servesOne(resources []string) bool {
	return slices.ContainsFunc(resources, l.serves)
}

// at looks at one token. Whoever isn't meant to know gets the answer of a token that never was, which is nil.
func (l *look) at(ctx context.Context, text token.Secret) (*told, *verified, error) {
	v, err := l.engine.verifyOwn(ctx, l.view, text)
	if e, fault := errors.AsType[*Error](err); fault {
		return nil, nil, e
	}
	if err != nil {
		return nil, nil, nil
	}
	now := l.engine.clock.Now()
	l.now = now
	if v.exchangeOnly || l.engine.alive(v, now) != nil {
		return nil, nil, nil
	}
	if known := v.answers.find(l, now); known != nil {
		return known, v, nil
	}
	given, until := v.usableNow(l.view.Policy, now)
	audience, usable := l.narrowed(v.Claims, given)
	if len(audience) == 0 || usable.IsEmpty() {
		return nil, nil, nil
	}
	made := &told{version: l.view.Policy.Version(), caller: l.caller.ID, all: l.all, until: until, answer: l.active(v.Claims, audience, usable)}
	if l.servesOne(v.Audience) {
		made.countable(l, v.Claims)
	}
	v.answers.keep(made)
	return made, v, nil
}

// narrowed is the part of a token that is usable now and is the caller's business: those of its
// audiences that the caller serves, and the scopes that are good at every one of these, since
// the answer's two members are read as a product.
func (l *look) narrowed(c *token.Claims, now narrow.Pairs) ([]string, scope.Set) {
	var audience []string
	usable, _ := l.view.Policy.Catalogue().Of(c.Scope...)
	for _, resource := range c.Audience {
		if !l.all && !l.serves(resource) {
			continue
		}
		if both := usable.And(now.At(resource)); !both.IsEmpty() {
			audience, usable = append(audience, resource), both
		}
	}
	return audience, usable
}

func (l *look) active(c *token.Claims, audience []string, usable scope.Set) *Introspection {
	return &Introspection{
		Active: true, Scope: usable.Names(), ClientID: c.ClientID, TokenType: "Bearer",
		Expires: c.Expires, IssuedAt: c.IssuedAt, Subject: c.Subject.String(), Audience: audience,
		Issuer: c.Issuer, ID: c.ID, Actor: c.Actor, Task: c.Task,
		Depth: len(c.Evidence.Hops), PolicyVersion: l.view.Policy.Version(),
		kept: new(kept),
	}
}

func (l *look) withUsesLeft(ctx context.Context, in *Introspection, c *token.Claims) (*Introspection, error) {
	left, err := l.engine.usesLeft(ctx, c)
	if err != nil || left == 0 {
		return inactive(), err
	}
	return in.withUses(uint32(left)), nil
}
