package engine

import (
	"slices"

	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/policy"
)

// fits says why a document that compiles can't be the next policy of this server. What its issuers are called is
// held against the store, by [issuerNames].
func (e *Engine) fits(next *policy.Policy) error {
	if !e.administrable(next, nil) {
		return Refuse(Precondition, "no_administrator",
			"the policy would leave nobody who may apply the next one: no client with policy.apply has a secret; apply one that "+
				"names the next such client beside those of now, make its secret, and then take these out")
	}
	return e.checkNames(next)
}

// administrable says whether somebody could apply the policy after next: a client with the permission and
// with a credential to prove itself by. On the first day the bootstrap credential is one, and makes the
// others' secrets; a client must be there then that can have one. Credentials that are about to be taken
// don't count, nor does a client that is blocked.
func (e *Engine) administrable(next *policy.Policy, taken []live.CredentialID) bool {
	now, credentials := e.clock.Now(), e.image.View().Credentials
	usable := func(client string) bool {
		if _, blocked := e.image.Revocations.Blocked(live.OfClient(client)); blocked && client != policy.Bootstrap {
			return false
		}
		return slices.ContainsFunc(credentials[client], func(c live.Credential) bool {
			return c.UsableAt(now) && !slices.Contains(taken, live.CredentialID{Client: client, ID: c.ID})
		})
	}
	administrators := next.Administrators()
	if usable(policy.Bootstrap) {
		return len(administrators) > 0
	}
	return slices.ContainsFunc(administrators, usable)
}

// checkNames refuses a policy that takes this server for something else. As an outside issuer it would
// turn any token of ours into a fresh start, free of its lineage and reach; as a resource it would
// make exchange-only tokens, whose audience it is, usable.
func (e *Engine) checkNames(p *policy.Policy) error {
	for _, i := range p.Issuers() {
		if i.URL == e.issuer {
			return Refuse(Precondition, "own_issuer", "the policy names this server itself as an outside issuer")
		}
	}
	if _, known := p.Resource(e.issuer); known {
		return Refuse(Precondition, "own_resource", "the policy names this server itself as a resource")
	}
	return nil
}
