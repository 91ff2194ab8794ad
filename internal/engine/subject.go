package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/issuer"
	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/narrow"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/token"
)

// notAcceptable is the one answer to every way in which a subject or actor token can fail, so that
// the endpoint tells nobody what a token was worth (RFC 8693 section 2.2.2). Why is on the record.
func notAcceptable(which, reason string, cause error) *Error {
	e := Refuse(InvalidRequest, reason, which+" is not acceptable")
	if cause != nil {
		return e.because(cause).saying("%v", cause)
	}
	return e
}

// verifySubject finds out what the subject token is, by the type that the caller claims and by
// what the token turns out to be: both must agree.
func (x *exchange) verifySubject(ctx context.Context) error {
	if x.request.SubjectTokenType == AccessTokenType {
		return x.verifyOwnSubject(ctx)
	}
	out, who, err := x.verifyOutside(ctx, "subject_token", x.request.SubjectToken, x.request.SubjectTokenType)
	if err != nil {
		return err
	}
	// What the token is goes on the record whether or not it is still good.
	x.subject = subject{
		principal: who, id: out.ID, key: outsideKey(out), chain: out.Actor, mayAct: out.MayAct,
		issued: out.IssuedAt, expires: out.Expires,
	}
	return x.checkOutside("subject_token", out, who)
}

func (x *exchange) verifyOwnSubject(ctx context.Context) error {
	v, err := x.engine.verifyOwn(ctx, x.view, x.request.SubjectToken)
	if err != nil {
		return ownFailed("subject_token", err)
	}
	claims := v.Claims
	// What the token is goes on the record whether or not it is still good.
	x.subject = subject{
		principal: claims.Evidence.Root, id: claims.ID, own: claims, trace: v.trace, key: v.key,
		chain: claims.Actor, issued: claims.IssuedAt, expires: claims.Expires,
	}
	if err := x.engine.alive(v, x.now); err != nil {
		return notAcceptable("subject_token", audit.ReasonNotAlive, err)
	}
	if x.subject.uses, err = x.engine.usesLeft(ctx, claims); err != nil {
		return err
	}
	if x.subject.uses == 0 {
		return notAcceptable("subject_token", "used_up", nil)
	}
	x.subject.reach = v.reachNow(x.view.Policy, x.now)
	return nil
}

// subjectIsCaller is the subject of client_credentials.
func (x *exchange) subjectIsCaller(context.Context) error {
	x.subject = subject{principal: principal.Principal{ID: principal.Client(x.caller.ID)}}
	return nil
}

// verifyActor finds out who acts. An actor token must speak for the caller itself or for a principal
// that the policy lets the caller wield; one of ours must have been issued to the caller, too, since
// holding a token for somebody doesn't make one that somebody. Without an actor token the caller
// itself acts.
func (x *exchange) verifyActor(ctx context.Context) error {
	switch x.request.ActorTokenType {
	case "":
		return nil
	case AccessTokenType:
		return x.verifyOwnActor(ctx)
	default:
		return x.verifyOutsideActor(ctx)
	}
}

func (x *exchange) verifyOutsideActor(ctx context.Context) error {
	out, who, err := x.verifyOutside(ctx, "actor_token", x.request.ActorToken, x.request.ActorTokenType)
	if err != nil {
		return err
	}
	x.actor = &actor{
		id: out.ID, who: who.ID, key: outsideKey(out), chain: out.Actor, expires: out.Expires, uses: narrow.Unlimited,
		lineage: []token.ID{out.ID}, beyond: append(ofActors(out.Actor), live.OfKey(outsideKey(out))),
	}
	if err := x.checkOutside("actor_token", out, who); err != nil {
		return err
	}
	return x.checkWielded(&who)
}

// checkWielded refuses an actor token that speaks for somebody whom the caller may not wield.
func (x *exchange) checkWielded(who *principal.Principal) error {
	client, known := x.view.Policy.Client(x.caller.ID)
	if known {
		for _, group := range client.WieldedBy(who) {
			x.actor.beyond = append(x.actor.beyond, live.OfGroup(who.Issuer, group))
		}
	}
	if who.ID == principal.Client(x.caller.ID) || known && client.Wields(who) {
		return nil
	}
	return notAcceptable("actor_token", "not_wielded", nil)
}

func (x *exchange) verifyOwnActor(ctx context.Context) error {
	v, err := x.engine.verifyOwn(ctx, x.view, x.request.ActorToken)
	if err != nil {
		return ownFailed("actor_token", err)
	}
	x.actor = ownActor(v)
	switch err := x.engine.alive(v, x.now); {
	case err != nil:
		return notAcceptable("actor_token", audit.ReasonNotAlive, err)
	case v.ClientID != x.caller.ID:
		return notAcceptable("actor_token", "not_wielded", nil)
	case v.reachNow(x.view.Policy, x.now).IsEmpty():
		return notAcceptable("actor_token", "suspended", nil)
	}
	if x.actor.uses, err = x.engine.usesLeft(ctx, v.Claims); err != nil {
		return err
	}
	if x.actor.uses == 0 {
		return notAcceptable("actor_token", "used_up", nil)
	}
	return x.checkWielded(&v.Evidence.Root)
}

// ownActor is who acts by an actor token of ours, of which the uses are still to be counted. Whatever ends that token ends
// what it acted in.
func ownActor(v *verified) *actor {
	return &actor{
		id: v.ID, who: v.Subject, key: v.key, expires: v.Expires, limited: v.Evidence.Limited,
		lineage: append(slices.Clone(v.Lineage), v.ID), beyond: v.trace.Beside(),
	}
}

// checkMayAct enforces `may_act` on every path, actor token or not (RFC 8693 section 4.4): who acts
// must match all of its members, and a missing `iss` means the subject token's issuer.
func (x *exchange) checkMayAct(context.Context) error {
	if x.subject.mayAct == nil {
		return nil
	}
	who := principal.Client(x.caller.ID)
	if x.actor != nil {
		who = x.actor.who
	}
	acts := map[string]string{"iss": x.issuerOf(who), "sub": who.Subject, "client_id": x.caller.ID}
	if _, named := x.subject.mayAct["iss"]; !named && acts["iss"] != x.issuerOf(x.subject.principal.ID) {
		return notAcceptable("subject_token", "may_act", nil)
	}
	for member, value := range x.subject.mayAct {
		if acts[member] != value {
			return notAcceptable("subject_token", "may_act", nil)
		}
	}
	return nil
}

// issuerOf is the `iss` that a principal's tokens carry.
func (x *exchange) issuerOf(id principal.ID) string {
	if id.IsClient() {
		return x.engine.issuer
	}
	issuer, _ := x.view.Policy.Issuer(id.Issuer)
	return issuer.URL
}

// verifyOutside verifies another issuer's token and admits its principal under today's policy.
func (x *exchange) verifyOutside(ctx context.Context, which string, text token.Secret, typ TokenType) (*issuer.Outside, principal.Principal, error) {
	kind := issuer.JWT
	if typ == IDTokenType {
		kind = issuer.IDToken
	}
	out, err := x.engine.outside.Verify(ctx, text.Reveal(), kind)
	if errors.Is(err, issuer.ErrUnavailable) {
		return nil, principal.Principal{}, unavailable("issuer_down", err)
	}
	if err != nil {
		return nil, principal.Principal{}, notAcceptable(which, "not_verified", err)
	}
	// Another version of the policy may have given the name to another issuer since.
	if named, _ := x.view.Policy.Issuer(out.Issuer); named.URL != out.Claims["iss"] {
		return nil, principal.Principal{}, notAcceptable(which, "not_admitted", nil)
	}
	who, err := x.view.Policy.Admit(out.Issuer, out.Claims)
	if err != nil {
		return nil, principal.Principal{}, notAcceptable(which, "not_admitted", err)
	}
	return out, who, nil
}

// checkOutside refuses an outside token that was revoked, or that ended: its issuer's clock may be off,
// but nothing of ours can outlive it.
func (x *exchange) checkOutside(which string, out *issuer.Outside, who principal.Principal) error {
	if s, dead := x.engine.image.Revocations.Killed(outsideTrace(out, who)); dead {
		return notAcceptable(which, audit.ReasonRevoked, nil).saying("%s", byWhat(s))
	}
	if !x.now.Before(out.Expires.Truncate(time.Second)) { // our tokens end on whole seconds
		return notAcceptable(which, "ended", nil).saying("ended at %s", out.Expires.UTC().Format(time.RFC3339))
	}
	return nil
}

// outsideTrace is all that can kill an outside token.
func outsideTrace(out *issuer.Outside, who principal.Principal) live.Trace {
	return live.TraceOutside(out.IssuedAt, out.Issuer, who.Groups, append(ofActors(out.Actor),
		live.OfToken(out.ID), live.OfSubject(who.ID), live.OfIssuer(out.Issuer), live.OfKey(outsideKey(out)))...)
}

// ofActors selects the tokens of whoever acts in an outside token.
func ofActors(chain *principal.Actor) (out []live.Selector) {
	for id := range chain.All() {
		out = append(out, live.OfSubject(id))
	}
	return out
}

func outsideKey(out *issuer.Outside) string { return out.Issuer + "/" + out.KeyID }

// parent is what the policy is told of a subject token of ours; nil for any other subject.
func (s *subject) parent() *policy.Parent {
	if s.own == nil {
		return nil
	}
	parent := &policy.Parent{
		Bounds: narrow.Bounds{
			Reach: s.reach, NotAfter: s.own.Expires, Uses: s.uses, Depth: s.own.Evidence.Depth,
		},
		IssuedTo: s.own.ClientID,
		Bindings: s.own.Evidence.Bindings,
	}
	if !s.own.ExchangeOnly() {
		parent.Audience = s.own.Audience
	}
	return parent
}

// depth is how many exchanges led to the subject token.
func (s *subject) depth() int {
	if s.own == nil {
		return 0
	}
	return len(s.own.Evidence.Hops)
}
