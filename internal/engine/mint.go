package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/lately"
	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/narrow"
	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/token"
	"github.com/whittle-sts/whittle/store"
)

// draftToken writes down all that the new token will say, but for its powers, which are the grant's.
func (x *exchange) draftToken(context.Context) error {
	id, err := token.NewID(x.engine.random)
	if err != nil {
		return err
	}
	bounds, _ := x.grant.Bounds()
	d := token.Draft{
		ID: id, Subject: x.subject.principal.ID, ClientID: x.caller.ID, IssuedAt: x.now, Rev: x.rev, Grant: x.grant,
		Evidence: token.Evidence{Root: x.verdict.Principal, Bindings: x.verdict.Bindings, Label: x.request.TaskLabel},
	}
	if x.subject.id != (token.ID{}) {
		d.Lineage = []token.ID{x.subject.id}
	}
	if own := x.subject.own; own != nil {
		d.Rev, d.Task = own.Rev, own.Task
		d.Lineage = slices.Concat(own.Lineage, []token.ID{own.ID})
		d.Evidence.Hops = own.Evidence.Hops
		d.Evidence.Actors = slices.Clone(own.Evidence.Actors)
		d.Evidence.Beyond = slices.Concat(own.Evidence.Beyond, restedOn(&own.Evidence.Root, d.Evidence.Root.Groups))
		d.Evidence.Limited = slices.Clone(own.Evidence.Limited)
		if d.Evidence.Label == "" {
			d.Evidence.Label = own.Evidence.Label
		}
	} else if d.Task, err = token.NewID(x.engine.random); err != nil {
		return err
	}
	d.Actor = x.actChain()
	d.Evidence.Hops = slices.Concat(d.Evidence.Hops, []token.Hop{{
		Token: id, Client: x.caller.ID, Rule: x.verdict.Rule, Audience: bounds.Audience, Key: x.subject.key,
	}})
	if x.actor != nil {
		x.actor.addTo(&d)
	}
	if bounds.Uses != narrow.Unlimited {
		d.Evidence.Limited = append(d.Evidence.Limited, id)
	}
	x.draft = d
	return nil
}

// addTo makes the actor token one of those that the new one comes from: what ends it ends the new one, and a use of the new one
// is a use of it. Nothing is written twice, since evidence must be small.
func (a *actor) addTo(d *token.Draft) {
	d.Lineage = withEach(d.Lineage, a.lineage)
	d.Evidence.Actors = withEach(d.Evidence.Actors, []principal.ID{a.who})
	d.Evidence.Limited = withEach(d.Evidence.Limited, a.limited)
	for _, s := range live.TraceOf(drafted(d)).Lacks(a.beyond) {
		d.Evidence.Beyond = append(d.Evidence.Beyond, s.String())
	}
}

// withEach is the list with those of more that it hasn't.
func withEach[T comparable](list, more []T) []T {
	for _, one := range more {
		if !slices.Contains(list, one) {
			list = append(list, one)
		}
	}
	return list
}

// drafted is as much of a token that isn't minted yet as can be revoked.
func drafted(d *token.Draft) *token.Claims {
	return &token.Claims{ID: d.ID, Lineage: d.Lineage, Task: d.Task, Rev: d.Rev, Actor: d.Actor, Evidence: d.Evidence}
}

// restedOn is the groups that the token before rests on and this one doesn't, as selectors: whatever ends a token ends what comes
// of it. Those kept are in the same order.
func restedOn(before *principal.Principal, kept []string) (out []string) {
	for _, group := range before.Groups {
		if len(kept) > 0 && kept[0] == group {
			kept = kept[1:]
		} else {
			out = append(out, live.OfGroup(before.Issuer, group).String())
		}
	}
	return out
}

// actChain is the new token's `act`: who acts now wraps who acted before, and is never lost
// (RFC 8693 section 4.1). A client that asks for itself acts for nobody.
func (x *exchange) actChain() *principal.Actor {
	if x.verdict.Impersonate || x.subject.principal.ID == principal.Client(x.caller.ID) && x.subject.chain == nil && x.actor == nil {
		return x.subject.chain
	}
	act := &principal.Actor{Sub: x.caller.ID, Act: x.subject.chain}
	if last := x.subject.chain; x.actor == nil && last != nil && last.Sub == x.caller.ID && last.ClientID == "" {
		return last // it narrows its own token: nobody new acts
	}
	if x.actor != nil && x.actor.who != principal.Client(x.caller.ID) {
		act.Sub, act.ClientID = x.actor.who.String(), x.caller.ID
	}
	return act
}

// checkAlive refuses what would be dead on arrival: something new tokens are blocked for, or a
// revocation that the subject token escapes and its child would not.
func (x *exchange) checkAlive(context.Context) error {
	if s, dead := x.killed(); dead {
		return notAcceptable("subject_token", audit.ReasonRevoked, nil).saying("the new token would be %s", byWhat(s))
	}
	if x.draft.Actor.Depth() > principal.MaxActors {
		return notAcceptable("subject_token", "act_depth", nil)
	}
	if err := x.engine.clock.Trust(); err != nil {
		return unavailable("clock", err)
	}
	return x.engine.room()
}

// killed says whether the new token would be dead already, and by what. It has all that its subject token can be
// killed by, of which the digests are known if that is one of ours: they cost 3 µs. Its own id is too new for anybody
// to have revoked it.
func (x *exchange) killed() (live.Selector, bool) {
	revoked := x.engine.image.Revocations
	if x.subject.own != nil && x.actor == nil {
		return revoked.Killed(x.subject.trace, live.OfClient(x.caller.ID), live.OfSubject(principal.Client(x.caller.ID)))
	}
	return revoked.Kills(drafted(&x.draft))
}

// mintAndRecord makes the token and waits until its entry is durable. Only then is there an answer.
func (x *exchange) mintAndRecord(ctx context.Context) error {
	form := token.JWT
	bounds, _ := x.grant.Bounds()
	if x.verdict.Opaque || bounds.Uses != narrow.Unlimited {
		form = token.Opaque
	}
	text, claims, made, err := x.mint(form)
	if err != nil {
		return mintFailed(err)
	}
	entry, err := x.engine.log.Prepare(x.granted(claims, form, bounds.Uses, made.kid))
	if errors.Is(err, audit.ErrTooLarge) {
		return mintFailed(err)
	}
	if err != nil {
		return unavailable("record", err)
	}
	index, err := x.engine.commitAt(ctx, func(tx store.Tx) (audit.Entry, error) {
		if form == token.Opaque {
			if err := tx.PutOpaque(made.row); err != nil {
				return audit.Entry{}, err
			}
		}
		if bounds.Uses != narrow.Unlimited {
			uses := store.Uses{Token: claims.ID, Left: uint32(bounds.Uses), Expires: claims.Expires}
			if err := tx.PutUses(uses); err != nil {
				return audit.Entry{}, err
			}
		}
		return entry, nil
	})
	if err != nil {
		return err
	}
	if form == token.JWT {
		x.engine.familiar.sign(lately.DigestOf(text.Reveal()))
	}
	x.issued = x.answer(text, claims)
	if x.request.Receipt {
		x.issued.Entry = &index
	}
	return nil
}

// minted is what goes with a new token: the key that signed a JWT, or the row of an opaque token.
type minted struct {
	kid string
	row store.Opaque
}

func (x *exchange) mint(form token.Form) (token.Secret, *token.Claims, minted, error) {
	if form == token.JWT {
		text, claims, kid, err := x.engine.minter.MintJWT(x.view.Keys, x.draft)
		if _, revoked := x.engine.image.Revocations.Blocked(live.OfKey(kid)); revoked && err == nil {
			err = unavailable("key", errors.New("the signing key is being replaced"))
		}
		return text, claims, minted{kid: kid}, err
	}
	text, claims, sealed, err := x.engine.minter.MintOpaque(x.draft)
	if err != nil {
		return token.Secret{}, nil, minted{}, err
	}
	return text, claims, minted{row: store.Opaque{Hash: sealed.Hash, Claims: sealed.Sealed, Expires: claims.Expires}}, nil
}

func (x *exchange) answer(text token.Secret, c *token.Claims) *Issued {
	issued := &Issued{
		AccessToken: text, IssuedTokenType: AccessTokenType, TokenType: "Bearer",
		ExpiresIn: c.Expires.Sub(c.IssuedAt), Scope: c.Scope, Task: c.Task, Decision: x.decision,
	}
	if x.request.RequestedTokenType == JWTType {
		issued.IssuedTokenType = JWTType
	}
	if c.ExchangeOnly() {
		issued.TokenType = "N_A"
	}
	return issued
}
