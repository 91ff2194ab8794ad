package token

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"pgregory.net/rapid"

	"github.com/whittle-sts/whittle/internal/narrow"
	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/scope"
)

// drawnGrant is any that a token may be minted from: usable somewhere or exchange-only, with a reach
// of just that or of more.
func drawnGrant(t *rapid.T) narrow.Grant {
	var names []string
	for i := range rapid.IntRange(1, 70).Draw(t, "scopes") { // a set's bits don't end with a word
		names = append(names, fmt.Sprintf("s%02d", i))
	}
	catalogue, err := scope.NewCatalogue(names)
	if err != nil {
		t.Fatal(err)
	}
	some := func(label string) scope.Set {
		set, _ := catalogue.Of(rapid.SliceOfN(rapid.SampledFrom(names), 1, 8).Draw(t, label)...)
		return set
	}
	common := some("usable")
	resources := rapid.SliceOfNDistinct(rapid.StringMatching(`https://[a-f]{1,3}\.example`), 1, 4, rapid.ID[string]).Draw(t, "resources")
	var held []narrow.Pair
	for _, resource := range resources {
		held = append(held, narrow.Pair{Resource: resource, Scopes: common})
		if rapid.Bool().Draw(t, "more") {
			held = append(held, narrow.Pair{Resource: resource, Scopes: some("beyond")})
		}
	}
	parent := narrow.Root(narrow.PairsOf(held...), noon.Add(time.Duration(rapid.Int64Range(1, 1e15).Draw(t, "lifetime"))+time.Second))
	wanted := parent
	wanted.Audience, wanted.Scopes = resources[:rapid.IntRange(0, len(resources)).Draw(t, "audience")], common
	wanted.Depth = rapid.IntRange(0, narrow.MaxDepth).Draw(t, "depth")
	grant, err := narrow.Narrow(parent, wanted, noon)
	if err != nil {
		t.Fatal(err)
	}
	return grant
}

func drawnDraft(t *rapid.T) Draft {
	evidence, b := drawnEvidence(t)
	last := len(b.ids) - 1
	d := Draft{
		ID: b.ids[last], Lineage: b.ids[:last], Task: id(9), IssuedAt: noon, Rev: rapid.Uint64Range(0, 1<<62).Draw(t, "rev"),
		Subject:  principal.ID{Issuer: rapid.StringMatching(`[a-z]{0,4}`).Draw(t, "issuer")},
		ClientID: rapid.StringMatching(`[a-z]{1,8}`).Draw(t, "client"), Evidence: evidence, Grant: drawnGrant(t),
	}
	d.Subject.Subject = rapid.StringMatching(`[^:\x00]{1,20}`).Draw(t, "sub")
	if !d.Subject.IsClient() {
		d.Subject.Subject += rapid.SampledFrom([]string{"", ":", ":a:b"}).Draw(t, "colons")
	}
	for range rapid.IntRange(0, principal.MaxActors).Draw(t, "actors") {
		d.Actor = &principal.Actor{Sub: rapid.StringN(1, 9, -1).Draw(t, "actor"), ClientID: rapid.String().Draw(t, "wielder"), Act: d.Actor}
	}
	return d
}

func TestPropertyTokensReadAsMinted(t *testing.T) {
	keys := ring(t, keyFor("ES256"))
	m, v := NewMinter(us, rand.Reader), NewVerifier(us)
	rapid.Check(t, func(t *rapid.T) {
		d := drawnDraft(t)
		bounds, _ := d.Grant.Bounds()
		text, minted, kid, err := m.MintJWT(keys, d)
		if err == nil {
			read, by, err := v.VerifyJWT(keys, text.Reveal())
			if err != nil || by != kid {
				t.Fatalf("a JWT: %v", err)
			}
			compare(t, read, minted, bounds)
		} else if counted := len(d.Evidence.Limited) > 0; counted != errors.Is(err, ErrGrant) || !counted && !errors.Is(err, ErrEvidence) {
			t.Fatalf("minting a JWT: %v", err)
		}
		text, minted, row, err := m.MintOpaque(d)
		if err != nil {
			t.Fatalf("minting an opaque token: %v", err)
		}
		ref, err := ParseOpaque(text.Reveal())
		if err != nil || ref.Hash() != row.Hash {
			t.Fatalf("an opaque token: %v", err)
		}
		read, err := ref.Open(us, row.Sealed)
		if err != nil {
			t.Fatalf("an opaque token's row: %v", err)
		}
		compare(t, read, minted, bounds)
	})
}

// compare checks that nothing was lost or added between the grant, the minted claims and the read ones.
func compare(t *rapid.T, read, minted *Claims, b narrow.Bounds) {
	if chain(read.Actor) != chain(minted.Actor) {
		t.Fatalf("act is %s, minted %s", chain(read.Actor), chain(minted.Actor))
	}
	a, c := *read, *minted
	a.Actor, c.Actor = nil, nil
	if !same(a, c) {
		t.Fatalf("read\n%#v, minted\n%#v", a, c)
	}
	if read.ExchangeOnly() != (len(b.Audience) == 0) || !read.ExchangeOnly() && !slices.Equal(read.Audience, b.Audience) {
		t.Fatalf("aud %q of %q", read.Audience, b.Audience)
	}
	if !slices.Equal(read.Scope, b.Scopes.Names()) || read.Evidence.Depth != b.Depth || read.Expires.After(b.NotAfter) {
		t.Fatalf("%+v is not what was granted: %+v", read, b)
	}
	if len(read.Evidence.Reach) != len(b.Reach.List()) {
		t.Fatalf("reach %v of %v", read.Evidence.Reach, b.Reach)
	}
	for _, e := range read.Evidence.Reach {
		if !slices.Equal(e.Scopes, b.Reach.At(e.Resource).Names()) {
			t.Fatalf("reach at %s is %q of %v", e.Resource, e.Scopes, b.Reach.At(e.Resource))
		}
	}
}

func chain(a *principal.Actor) string {
	if a == nil {
		return ""
	}
	return fmt.Sprintf("%q by %q, %s", a.Sub, a.ClientID, chain(a.Act))
}

// Eight exchanges, each for a resource and by a client of its own, under names as people give them.
func TestEvidenceOfEightHopsFits(t *testing.T) {
	d := draft(granted(t, []string{"https://notify.platform.corp.example"}, []string{"https://notify.platform.corp.example"}, "notify.send"))
	d.Lineage, d.Evidence.Hops = nil, nil
	for i, name := range []string{
		"research-orchestrator", "dataset-curator", "training-scheduler", "gpu-broker",
		"evaluation-runner", "report-writer", "artifact-publisher", "notification-agent",
	} {
		d.ID = id(byte(100 + i))
		d.Lineage = append(d.Lineage, d.ID)
		d.Evidence.Hops = append(d.Evidence.Hops, Hop{
			Token: d.ID, Client: name, Rule: name + "-rule", Key: keyFor("ES256").ID(),
			Audience: []string{"https://" + name + ".platform.corp.example"},
		})
	}
	d.Lineage = d.Lineage[:7]
	text, c := mint(t, ring(t, keyFor("ES256")), d)
	evidence, err := encodeEvidence(&c.Evidence, besideOf(c))
	if err != nil || len(evidence) > 930 {
		t.Errorf("%d bytes of evidence: %v", len(evidence), err)
	}
	t.Logf("%d bytes of evidence, %d of token", len(evidence), len(text))
}

func TestEvidenceOfAnotherKeyDoesNotOpen(t *testing.T) {
	key, other := keyFor("ES256"), keyFor("EdDSA")
	keys := ring(t, key, other)
	good, c := mint(t, ring(t, key), usual(t))
	plain, err := encodeEvidence(&c.Evidence, besideOf(c))
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range []*SigningKey{key, other} {
		sealed := by.evidence.Seal(plain, boundTo(c.ID))
		_, _, err = NewVerifier(us).VerifyJWT(keys, resigned(t, key, good, nil, map[string]any{"evidence": encode(sealed)}))
		if own := by == key; own != (err == nil) || !own && !errors.Is(err, ErrClaims) {
			t.Errorf("sealed by its own key is %v: %v", own, err)
		}
	}
}

// RFC 7638 section 3.1 and RFC 8037 appendix A.3.
func TestKeyIDsAreThumbprints(t *testing.T) {
	for want, jwk := range map[string]string{
		"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs": `{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB"}`,
		"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k": `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
	} {
		var key jose.JSONWebKey
		if err := key.UnmarshalJSON([]byte(jwk)); err != nil {
			t.Fatal(err)
		}
		if got, err := thumbprint(key.Key); err != nil || got != want {
			t.Errorf("%s, want %s: %v", got, want, err)
		}
	}
}
