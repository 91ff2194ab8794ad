package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/hush"
	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/narrow"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/token"
)

// Exchange trades a subject token for a narrower one (RFC 8693). The caller is authenticated; all
// else is judged here, in this order. Every error but a fault of ours names a decision that
// is on the record.
func (e *Engine) Exchange(ctx context.Context, caller clientauth.Caller, req ExchangeRequest) (*Issued, error) {
	x, err := e.begin(caller, audit.KindExchange)
	if err != nil {
		return nil, err
	}
	x.request = req
	return x.run(ctx,
		x.checkShape,
		x.verifySubject,
		x.verifyActor,
		x.checkMayAct,
		x.resolveTargets,
		x.decide,
		x.narrow,
		x.draftToken,
		x.checkAlive,
		x.mintAndRecord,
	)
}

// ClientCredentials issues a token to a client that asks for itself (RFC 6749 section 4.4). It is an
// exchange without a subject token: the client is the root principal.
func (e *Engine) ClientCredentials(ctx context.Context, caller clientauth.Caller, req ClientCredentialsRequest) (*Issued, error) {
	x, err := e.begin(caller, audit.KindClientCredentials)
	if err != nil {
		return nil, err
	}
	x.request = ExchangeRequest{
		Resource: req.Resource, Audience: req.Audience, Scope: req.Scope,
		Lifetime: req.Lifetime, TaskLabel: req.TaskLabel, Details: req.Details, Receipt: req.Receipt,
	}
	return x.run(ctx,
		x.checkCommonShape,
		x.subjectIsCaller,
		x.resolveTargets,
		x.decide,
		x.narrow,
		x.draftToken,
		x.checkAlive,
		x.mintAndRecord,
	)
}

// exchange is one exchange under way. Each phase reads what the ones before it found out.
type exchange struct {
	engine   *Engine
	caller   clientauth.Caller
	kind     audit.Kind
	decision string // its id
	request  ExchangeRequest

	view *live.View // the whole exchange sees one policy and one set of keys
	now  time.Time
	rev  uint64 // the revocation sequence, read before the first liveness check

	subject   subject
	actor     *actor
	resources []string
	verdict   *policy.Decision
	grant     narrow.Grant
	draft     token.Draft
	issued    *Issued
}

// subject is what the exchange starts from: a token of ours, an outside token, or the caller.
type subject struct {
	principal principal.Principal
	id        token.ID         // zero for the caller itself
	own       *token.Claims    // nil unless a token of ours
	trace     live.Trace       // of a token of ours: what can kill it
	reach     narrow.Pairs     // of a token of ours, as today's policy still gives it
	uses      narrow.Uses      // left of a token of ours
	key       string           // what it was verified with, as a Hop writes it
	chain     *principal.Actor // who acted so far
	mayAct    map[string]string
	issued    time.Time
	expires   time.Time // zero for the caller itself
}

// actor is who acts by an actor token (RFC 8693 section 2.1).
type actor struct {
	id      token.ID
	who     principal.ID
	key     string           // what the actor token was verified with
	chain   *principal.Actor // who acts in it, if it is an outside token
	lineage []token.ID       // the tokens that the actor token descends from, and itself
	limited []token.ID       // those of them whose uses are counted
	uses    narrow.Uses      // left of it
	beyond  []live.Selector  // what else it can be revoked by
	expires time.Time
}

// until is the end of what the actor acts in, if it would end then; a nil actor changes nothing.
func (a *actor) until(end time.Time) time.Time {
	if a != nil && a.expires.Before(end) {
		return a.expires
	}
	return end
}

// most is how often what the actor acts in may be used, if that would be so often: each use is one of the actor token, too.
func (a *actor) most(uses narrow.Uses) narrow.Uses {
	if a != nil {
		return min(a.uses, uses)
	}
	return uses
}

func (e *Engine) begin(caller clientauth.Caller, kind audit.Kind) (*exchange, error) {
	now := e.clock.Now()
	decision, err := e.newDecision(now)
	if err != nil {
		return nil, err
	}
	rev := e.image.Revocations.Newest()
	return &exchange{
		engine: e, caller: caller, kind: kind, decision: decision,
		view: e.image.View(), now: now, rev: rev,
	}, nil
}

func (x *exchange) run(ctx context.Context, phases ...func(context.Context) error) (*Issued, error) {
	for _, phase := range phases {
		if err := phase(ctx); err != nil {
			return nil, x.refused(err)
		}
	}
	return x.issued, nil
}

// resolveTargets turns resource and audience into resources of the policy. One that is refused
// refuses all (RFC 8707 section 2); names compare as exact strings.
func (x *exchange) resolveTargets(context.Context) error {
	add := func(name string, r *policy.Resource, known bool) error {
		if !known {
			name = hush.Text(name) // before it is cut, which would leave a part of a secret
			return Refuse(InvalidTarget, "unknown_target", "a named resource or audience is not known here").
				saying("the policy has no resource %q", name[:min(len(name), maxReason)])
		}
		if !slices.Contains(x.resources, r.ID) {
			x.resources = append(x.resources, r.ID)
		}
		return nil
	}
	for _, id := range x.request.Resource {
		r, known := x.view.Policy.Resource(id)
		if err := add(id, r, known); err != nil {
			return err
		}
	}
	for _, name := range x.request.Audience {
		r, known := x.view.Policy.Audience(name)
		if err := add(name, r, known); err != nil {
			return err
		}
	}
	return nil
}

// decide asks the policy what of the request it allows.
func (x *exchange) decide(context.Context) error {
	verdict, err := x.view.Policy.Decide(policy.Request{
		Now: x.now, Client: x.caller.ID, Principal: x.subject.principal,
		Parent: x.subject.parent(), NotAfter: x.subject.expires,
		Resources: x.resources, Scope: x.request.Scope, Lifetime: x.request.Lifetime,
		Depth: x.subject.depth() + 1,
	})
	if err != nil {
		return refusedByPolicy(err)
	}
	verdict.Opaque = verdict.Opaque || x.actor.most(narrow.Unlimited) != narrow.Unlimited
	if verdict.Opaque && x.request.RequestedTokenType == JWTType {
		return Refuse(InvalidRequest, "token_type", "what was asked for is not issued as a JWT")
	}
	x.verdict = verdict
	return nil
}

// narrow is the first promise. What the policy wants is only ever granted as far as the subject
// token holds it, and never beyond the actor token's end and uses.
func (x *exchange) narrow(context.Context) error {
	wanted := x.verdict.Wanted
	wanted.NotAfter, wanted.Uses = x.actor.until(wanted.NotAfter), x.actor.most(wanted.Uses)
	grant, err := narrow.Narrow(x.verdict.Parent, wanted, x.now)
	switch {
	case errors.Is(err, narrow.ErrNothing):
		return Refuse(InvalidScope, "narrow", "nothing of what was asked can be granted").because(err).saying("%v", err)
	case err != nil: // ErrDepth, ErrExpired, ErrUses: the subject token has no more to give
		return notAcceptable("subject_token", "narrow", err)
	}
	x.grant = grant
	return nil
}
