package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// Whose revocation killed a token is said under nobody else's key: not to whom the token was for, nor to anybody once they
// are erased.
func TestTheDetailOfARefusalNamesNobodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	claims := anasClaims()
	claims["act"] = map[string]any{"sub": "ben"}
	text := w.person("ana", claims)
	task := w.trade("agent", outside(text, "ai.training.read")).AccessToken
	_, err := w.Revoke(ctx, w.as("ops"), RevokeRequest{Selector: subjectOf("corp:ben"), Reason: "left", Block: true})
	w.check(err)
	req := outside(w.ana(), "ai.training.read").at(dataAPI)
	req.ActorToken, req.ActorTokenType = w.person("ben", anasClaims()), JWTType
	for name, req := range map[string]ExchangeRequest{
		"a token of ours":          own(task, "ai.training.read").at(dataAPI),
		"an outside token":         outside(text, "ai.training.read"),
		"an outside token's actor": req,
	} {
		got := w.explain(w.refusal("agent", req, InvalidRequest).Decision)
		if got.Detail != "revoked by subject" {
			t.Errorf("%s: %q", name, got.Detail)
		}
	}
	_, err = w.Revoke(ctx, w.as("ops"), RevokeRequest{Selector: subjectOf("agent"), Block: true})
	w.check(err)
	if got := w.explain(w.refusal("agent", outside(w.ana(), "ai.training.read"), InvalidRequest).Decision).Detail; got != "the new token would be revoked by subject" {
		t.Errorf("a new token: %q", got)
	}
	_, err = w.ErasePerson(ctx, w.as("desk"), "corp:ben")
	w.check(err)
	found, err := w.Entries(ctx, w.as("ops"), EntriesRequest{Limit: 1000})
	w.check(err)
	for _, e := range found.Entries {
		if said := fmt.Sprintf("%+v", w.event(e)); strings.Contains(said, "ben") {
			t.Errorf("after the erasure of ben an entry says %s", said)
		}
	}
	items, err := w.exported("corp:ana")
	w.check(err)
	for _, p := range entriesOf(items) {
		if strings.Contains(p.Detail, "ben") {
			t.Errorf("an export of ana says %q", p.Detail)
		}
	}
}
