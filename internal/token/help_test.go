package token

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/whittle-sts/whittle/internal/narrow"
	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/scope"
)

const us = "https://sts.example"

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// keyFor is one signing key for each algorithm, active since an hour; RSA keys take long to make.
var keyFor = func() func(alg string) *SigningKey {
	made := make(map[string]func() *SigningKey)
	for _, alg := range SigningAlgorithms() {
		made[alg] = sync.OnceValue(func() *SigningKey { return newKey(alg, noon.Add(-time.Hour)) })
	}
	return func(alg string) *SigningKey { return made[alg]() }
}()

func newKey(alg string, active time.Time, more ...func(*KeyRecord)) *SigningKey {
	key, err := GenerateSigningKey(alg, rand.Reader)
	if err != nil {
		panic(err)
	}
	record := key.Record()
	record.Created, record.Active = active, active
	for _, change := range more {
		change(&record)
	}
	if key, err = ParseSigningKey(record); err != nil {
		panic(err)
	}
	return key
}

func ring(t testing.TB, keys ...*SigningKey) *Keyring {
	t.Helper()
	r, err := NewKeyring(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// granted makes a grant of the scopes at the resources, good for ten minutes; without a resource
// among usable it is exchange-only.
func granted(t testing.TB, usable []string, reach []string, scopes ...string) narrow.Grant {
	t.Helper()
	catalogue, err := scope.NewCatalogue(scopes)
	if err != nil {
		t.Fatal(err)
	}
	var held []narrow.Pair
	for _, resource := range reach {
		held = append(held, narrow.Pair{Resource: resource, Scopes: catalogue.All()})
	}
	bounds := narrow.Root(narrow.PairsOf(held...), noon.Add(10*time.Minute))
	wanted := bounds
	wanted.Audience, wanted.Scopes, wanted.Depth = usable, catalogue.All(), 3
	grant, err := narrow.Narrow(bounds, wanted, noon)
	if err != nil {
		t.Fatal(err)
	}
	return grant
}

func id(n byte) ID { return ID{15: n} }

// draft is a researcher's token in the hands of an agent that got it from another agent.
func draft(grant narrow.Grant) Draft {
	return Draft{
		ID: id(3), Subject: principal.ID{Issuer: "corp", Subject: "00u1ana"}, ClientID: "summarizer",
		Actor: &principal.Actor{Sub: "summarizer", Act: &principal.Actor{Sub: "corp:bot-7", ClientID: "research-agent"}},
		Task:  id(9), IssuedAt: noon, Lineage: []ID{id(1), id(2)}, Rev: 41, Grant: grant,
		Evidence: Evidence{
			Root: principal.Principal{
				ID: principal.ID{Issuer: "corp", Subject: "00u1ana"}, Groups: []string{"research", "gpu"},
				Attributes: map[string]any{"level": int64(7), "ratio": 2.0, "site": "zrh", "contractor": false},
			},
			Bindings: []string{"researchers"},
			Actors:   []principal.ID{{Issuer: "corp", Subject: "bot-7"}},
			Hops: []Hop{
				{Token: id(2), Client: "research-agent", Rule: "task-token", Key: "corp/k1"},
				{Token: id(3), Client: "summarizer", Rule: "sub-agent", Audience: []string{"https://data.example"}, Key: "k0"},
			},
			Label: "weekly summary",
		},
	}
}

func usual(t testing.TB) Draft {
	return draft(granted(t, []string{"https://data.example"}, []string{"https://data.example"}, "ai.training.read", "ai.training.list"))
}

func mint(t testing.TB, keys *Keyring, d Draft) (string, *Claims) {
	t.Helper()
	text, c, _, err := NewMinter(us, rand.Reader).MintJWT(keys, d)
	if err != nil {
		t.Fatal(err)
	}
	return text.Reveal(), c
}

// resigned is a token of the key with its header and claims changed; nil takes a member away.
func resigned(t testing.TB, key *SigningKey, text string, header, claims map[string]any) string {
	t.Helper()
	parts := strings.Split(text, ".")
	return signed(t, key, overlaid(t, parts[0], header), overlaid(t, parts[1], claims))
}

func signed(t testing.TB, key *SigningKey, header, payload []byte) string {
	t.Helper()
	input := encode(header) + "." + encode(payload)
	signature, err := key.sign([]byte(input))
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + encode(signature)
}

func overlaid(t testing.TB, part string, over map[string]any) []byte {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	members, err := ParseClaims(raw)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(members, over)
	maps.DeleteFunc(members, func(_ string, v any) bool { return v == nil })
	out, err := json.Marshal(members, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// same compares by what %#v shows, in which maps are sorted.
func same(a, b any) bool { return fmt.Sprintf("%#v", a) == fmt.Sprintf("%#v", b) }
