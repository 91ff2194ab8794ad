package issuer

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/internal/principal"
)

// chain nests an `act` that many deep; the outermost is called "1".
func chain(depth int) map[string]any {
	var act map[string]any
	for n := depth; n > 0; n-- {
		next := map[string]any{"sub": string(rune('0' + n))}
		if act != nil {
			next["act"] = act
		}
		act = next
	}
	return act
}

func TestAChainOfActorsIsKeptWhole(t *testing.T) {
	c := newCorp(t)
	out, err := c.set.Verify(t.Context(), c.token(t, map[string]any{"act": chain(principal.MaxActors)}), JWT)
	if err != nil {
		t.Fatal(err)
	}
	if out.Actor.Depth() != principal.MaxActors || out.Actor.Sub != "corp:1" || out.Actor.Act.Sub != "corp:2" {
		t.Errorf("depth %d: %+v", out.Actor.Depth(), out.Actor)
	}
}

func TestAnOutsideActorIsNeverTakenForOneOfOurs(t *testing.T) {
	c := newCorp(t)
	for name, row := range map[string]struct {
		act  map[string]any
		want principal.Actor
	}{
		"a client's name":            {map[string]any{"sub": "research-agent", "client_id": "research-agent"}, principal.Actor{Sub: "corp:research-agent"}},
		"another issuer's, prefixed": {map[string]any{"sub": "other:ana"}, principal.Actor{Sub: "corp:other:ana"}},
		"its own issuer":             {map[string]any{"sub": "a", "iss": c.URL}, principal.Actor{Sub: "corp:a"}},
		"somebody else's":            {map[string]any{"sub": "a", "iss": "https://x.test"}, principal.Actor{Sub: "corp:https://x.test a"}},
		"what isn't identity":        {map[string]any{"sub": "a", "exp": 1, "aud": []any{}, "x": map[string]any{"act": 1}}, principal.Actor{Sub: "corp:a"}},
	} {
		out, err := c.set.Verify(t.Context(), c.token(t, map[string]any{"act": row.act}), JWT)
		if err != nil || *out.Actor != row.want {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
}

func TestT24_AnActorOfAnotherShapeIsRefused(t *testing.T) {
	c := newCorp(t)
	deep := chain(principal.MaxActors)
	inner := deep
	for inner["act"] != nil {
		inner = inner["act"].(map[string]any)
	}
	inner["act"] = "a string, at depth 9"
	for name, act := range map[string]any{
		"nine deep":          chain(principal.MaxActors + 1),
		"a string deep":      deep,
		"a string":           "ana",
		"a list":             []any{map[string]any{"sub": "a"}},
		"a number":           1,
		"false":              false,
		"empty":              map[string]any{},
		"sub a number":       map[string]any{"sub": 1},
		"sub empty":          map[string]any{"sub": ""},
		"sub too long":       map[string]any{"sub": strings.Repeat("a", principal.MaxName+1)},
		"sub unprintable":    map[string]any{"sub": "ana\nadmin"},
		"iss a number":       map[string]any{"sub": "a", "iss": 1},
		"iss empty":          map[string]any{"sub": "a", "iss": ""},
		"iss unprintable":    map[string]any{"sub": "a", "iss": "b\nc"},
		"too long together":  map[string]any{"sub": strings.Repeat("a", principal.MaxName/2), "iss": "https://" + strings.Repeat("b", principal.MaxName/2)},
		"iss null":           map[string]any{"sub": "a", "iss": rawNull},
		"nested a string":    map[string]any{"sub": "a", "act": "b"},
		"nested null":        map[string]any{"sub": "a", "act": rawNull},
		"nested without sub": map[string]any{"sub": "a", "act": map[string]any{"iss": "b"}},
	} {
		c.want(t, name, c.token(t, map[string]any{"act": act}), JWT, ErrClaims)
	}
}

func TestT25_MayActCountsOnlyFromATrustedIssuerAndIsReadFromAll(t *testing.T) {
	c := newCorp(t)
	may := map[string]any{"sub": "agent", "iss": c.URL}
	for _, trusted := range []bool{false, true} {
		c.configure(func(cfg *Config) { cfg.MayAct = trusted })
		out, err := c.set.Verify(t.Context(), c.token(t, map[string]any{"may_act": may}), JWT)
		want := map[string]string{"sub": "agent", "iss": c.URL}
		if err != nil || trusted != (out.MayAct != nil) || trusted && !maps.Equal(out.MayAct, want) {
			t.Errorf("trusted %v: %v, %v", trusted, out, err)
		}
		for name, bad := range map[string]any{
			"a string":        "agent",
			"null":            rawNull,
			"empty":           map[string]any{},
			"a list":          []any{may},
			"a number inside": map[string]any{"sub": 1},
			"an empty member": map[string]any{"sub": "agent", "x": ""},
			"a list inside":   map[string]any{"sub": []any{"agent"}},
		} {
			_, err := c.set.Verify(t.Context(), c.token(t, map[string]any{"may_act": bad}), JWT)
			if !errors.Is(err, ErrClaims) {
				t.Errorf("trusted %v, %s: %v", trusted, name, err)
			}
		}
	}
}
