package issuer

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/token"
)

func TestAGoodTokenIsTakenAsItIs(t *testing.T) {
	for _, algorithm := range []string{"ES256", "RS256", "EdDSA"} {
		c := newCorp(t, algorithm)
		text := c.token(t, map[string]any{
			"jti": "one", "groups": []any{"research"}, "n": 7, "nbf": c.Now().Unix(), "aud": []any{"other", "whittle"},
		})
		out, err := c.set.Verify(t.Context(), text, JWT)
		if err != nil {
			t.Fatalf("%s: %v", algorithm, err)
		}
		if out.Issuer != "corp" || out.Subject != "ana" || out.ID != token.OutsideID("corp", "jti", []byte("one")) ||
			!out.IssuedAt.Equal(c.Now()) || !out.Expires.Equal(c.Now().Add(time.Hour)) || out.Actor != nil || out.MayAct != nil {
			t.Errorf("%s: %+v", algorithm, out)
		}
		if out.KeyID == "" || out.Claims["n"] != int64(7) || out.Claims["groups"].([]any)[0] != "research" {
			t.Errorf("%s: key %q, claims %v", algorithm, out.KeyID, out.Claims)
		}
	}
}

func TestBothNamesOfEd25519AreTaken(t *testing.T) {
	c := newCorp(t, "EdDSA")
	for _, configured := range []string{"EdDSA", "Ed25519"} {
		c.configure(func(cfg *Config) { cfg.Algorithms = []string{configured} })
		c.want(t, "EdDSA", c.token(t, nil), JWT, nil)
		c.want(t, "Ed25519", c.signed(t, map[string]any{"alg": "Ed25519"}, nil), JWT, nil)
		c.want(t, "Ed448", c.signed(t, map[string]any{"alg": "Ed448"}, nil), JWT, ErrSignature)
	}
}

func TestAnAlgorithmMustBeTheIssuersToo(t *testing.T) {
	c := newCorp(t, "EdDSA", "ES256")
	c.configure(func(cfg *Config) { cfg.Algorithms = []string{"EdDSA"} })
	c.want(t, "ES256, though its key is published", c.token(t, nil), JWT, ErrSignature)
}

func TestATokenWithoutJTIIsKnownByWhatWasSigned(t *testing.T) {
	c := newCorp(t)
	over := map[string]any{"jti": nil}
	first, err := c.set.Verify(t.Context(), c.token(t, over), JWT)
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.set.Verify(t.Context(), c.token(t, over), JWT) // the same but for its ECDSA signature
	if err != nil || again == first || again.ID != first.ID {
		t.Errorf("%v, %v, want the ID %v", again, err, first.ID)
	}
	other, err := c.set.Verify(t.Context(), c.token(t, map[string]any{"jti": nil, "x": 1}), JWT)
	if err != nil || other.ID == first.ID {
		t.Errorf("%v, %v, want another ID", other, err)
	}
}

func TestEachKindHasItsTypes(t *testing.T) {
	c := newCorp(t)
	for typ, want := range map[any][2]error{
		nil:                           {nil, nil},
		"JWT":                         {nil, nil},
		"application/jwt":             {nil, nil},
		"at+jwt":                      {nil, ErrType},
		"application/AT+JWT":          {nil, ErrType},
		"dpop+jwt":                    {ErrType, ErrType},
		"secevent+jwt":                {ErrType, ErrType},
		"logout+jwt":                  {ErrType, ErrType},
		"token-introspection+jwt":     {ErrType, ErrType},
		"client-authentication+jwt":   {ErrType, ErrType},
		"txntoken+jwt":                {ErrType, ErrType},
		"oauth-id-jag+jwt":            {ErrType, ErrType},
		"statuslist+jwt":              {ErrType, ErrType},
		"JWT ":                        {ErrType, ErrType},
		"text/jwt":                    {ErrType, ErrType},
		"application/application/jwt": {ErrType, ErrType},
		7:                             {ErrMalformed, ErrMalformed},
	} {
		text := c.signed(t, map[string]any{"typ": typ}, nil)
		for kind, err := range want {
			if _, got := c.set.Verify(t.Context(), text, Kind(kind)); !errors.Is(got, err) {
				t.Errorf("typ %v as kind %d: %v, want %v", typ, kind, got, err)
			}
		}
	}
	c.want(t, "a kind that isn't", c.token(t, nil), 7, ErrType)
}

func TestTimesOfATokenAreKept(t *testing.T) {
	c := newCorp(t)
	in := func(d time.Duration) int64 { return c.Now().Add(d).Unix() }
	for name, row := range map[string]struct {
		over map[string]any
		want error
	}{
		"expired, within skew":      {map[string]any{"iat": in(-time.Hour), "exp": in(-59 * time.Second)}, nil},
		"expired, skew over":        {map[string]any{"iat": in(-time.Hour), "exp": in(-60 * time.Second)}, ErrExpired},
		"not yet, within skew":      {map[string]any{"nbf": in(60 * time.Second)}, nil},
		"not yet":                   {map[string]any{"nbf": in(61 * time.Second)}, ErrExpired},
		"issued ahead, within skew": {map[string]any{"iat": in(60 * time.Second)}, nil},
		"issued ahead":              {map[string]any{"iat": in(61 * time.Second)}, ErrExpired},
		"issued in an hour":         {map[string]any{"iat": in(time.Hour), "exp": in(2 * time.Hour)}, ErrExpired},
		"as old as may be":          {map[string]any{"iat": in(-2 * time.Hour)}, nil},
		"a second too old":          {map[string]any{"iat": in(-2*time.Hour - time.Second)}, ErrTooOld},
		"ends before it begins":     {map[string]any{"iat": in(30 * time.Second), "exp": in(20 * time.Second)}, ErrClaims},
		"ends as it begins":         {map[string]any{"exp": in(0)}, ErrClaims},
		"fractions":                 {map[string]any{"iat": float64(in(0)) - 0.5, "exp": float64(in(60)) + 0.25}, nil},
		"exp a string":              {map[string]any{"exp": "9999999999"}, ErrClaims},
		"exp null":                  {map[string]any{"exp": rawNull}, ErrClaims},
		"exp true":                  {map[string]any{"exp": true}, ErrClaims},
		"exp negative":              {map[string]any{"exp": -1}, ErrClaims},
		"exp after the year 9999":   {map[string]any{"exp": 253402300800}, ErrClaims},
		"exp huge":                  {map[string]any{"exp": 1e300}, ErrClaims},
		"iat a string":              {map[string]any{"iat": "1"}, ErrClaims},
		"nbf a string":              {map[string]any{"nbf": "1"}, ErrClaims},
		"nbf after the year 9999":   {map[string]any{"nbf": 1e18}, ErrClaims},
	} {
		c.want(t, name, c.token(t, row.over), JWT, row.want)
	}
}

func TestT6_WithoutExpOrIatNothingIsTaken(t *testing.T) {
	c := newCorp(t)
	for _, kind := range []Kind{JWT, IDToken} {
		c.want(t, "no exp", c.token(t, map[string]any{"exp": nil}), kind, ErrClaims)
		c.want(t, "no iat", c.token(t, map[string]any{"iat": nil}), kind, ErrClaims)
		c.want(t, "neither", c.token(t, map[string]any{"iat": nil, "exp": nil}), kind, ErrClaims)
	}
}

func TestAnIssuerWithoutMaxAgeHasTheUsualOne(t *testing.T) {
	c := newCorp(t)
	c.configure(func(cfg *Config) { cfg.MaxAge = 0 })
	c.want(t, "a day", c.token(t, map[string]any{"iat": c.Now().Add(-DefaultMaxAge).Unix()}), JWT, nil)
	c.want(t, "more", c.token(t, map[string]any{"iat": c.Now().Add(-DefaultMaxAge - time.Second).Unix()}), JWT, ErrTooOld)
}

// T7 is about tokens of a shared issuer that were meant for others, T40 about what a lax reader
// makes of an odd `aud`. T4: the same rules hold for both kinds.
func TestT4_T7_T40_OnlyATokenForUsIsTaken(t *testing.T) {
	c := newCorp(t)
	for name, row := range map[string]struct {
		aud  any
		want error
	}{
		"ours":             {"whittle", nil},
		"ours in a list":   {[]any{"whittle"}, nil},
		"absent":           {nil, ErrAudience},
		"null":             {rawNull, ErrAudience},
		"another's":        {"other", ErrAudience},
		"another case":     {"Whittle", ErrAudience},
		"a prefix":         {"whit", ErrAudience},
		"ours and more":    {"whittle.evil.test", ErrAudience},
		"ours with space":  {"whittle ", ErrAudience},
		"empty":            {"", ErrAudience},
		"an empty list":    {[]any{}, ErrAudience},
		"an empty name":    {[]any{""}, ErrAudience},
		"ours and nothing": {[]any{"whittle", ""}, ErrAudience},
		"a number":         {[]any{1}, ErrAudience},
		"ours and numbers": {[]any{"whittle", 1}, ErrAudience},
		"a list in a list": {[]any{[]any{"whittle"}}, ErrAudience},
		"an object":        {map[string]any{"whittle": true}, ErrAudience},
	} {
		text := c.token(t, map[string]any{"aud": row.aud})
		c.want(t, name, text, JWT, row.want)
		c.want(t, name, text, IDToken, row.want)
	}
	c.configure(func(cfg *Config) { cfg.Audiences = nil })
	c.want(t, "no audience configured", c.token(t, nil), JWT, ErrAudience)
	c.want(t, "no audience at all", c.token(t, map[string]any{"aud": nil}), JWT, ErrAudience)
}

func TestT8_T20_AnIDTokenOfAnotherClientIsRefused(t *testing.T) {
	c := newCorp(t)
	for name, row := range map[string]struct {
		over map[string]any
		want error
	}{
		"ours alone":                   {nil, nil},
		"ours, azp ours":               {map[string]any{"azp": "whittle"}, nil},
		"ours, azp another of ours":    {map[string]any{"azp": "https://sts.example.com"}, nil},
		"ours, azp another's":          {map[string]any{"azp": "shop"}, ErrAudience},
		"ours, azp empty":              {map[string]any{"azp": ""}, ErrAudience},
		"ours, azp null":               {map[string]any{"azp": rawNull}, ErrAudience},
		"ours, azp a list":             {map[string]any{"azp": []any{"whittle"}}, ErrAudience},
		"several, azp ours":            {map[string]any{"aud": []any{"shop", "whittle"}, "azp": "whittle"}, nil},
		"several, no azp":              {map[string]any{"aud": []any{"shop", "whittle"}}, ErrAudience},
		"several of ours, no azp":      {map[string]any{"aud": []any{"whittle", "https://sts.example.com"}}, ErrAudience},
		"several, azp another's":       {map[string]any{"aud": []any{"shop", "whittle"}, "azp": "shop"}, ErrAudience},
		"another's alone, azp is ours": {map[string]any{"aud": "shop", "azp": "whittle"}, ErrAudience},
	} {
		c.want(t, name, c.token(t, row.over), IDToken, row.want)
	}
}

func TestOtherClaimsThatCannotStand(t *testing.T) {
	c := newCorp(t)
	for name, over := range map[string]map[string]any{
		"no sub":                {"sub": nil},
		"sub null":              {"sub": rawNull},
		"sub empty":             {"sub": ""},
		"sub a number":          {"sub": 7},
		"sub a list":            {"sub": []any{"ana"}},
		"sub too long":          {"sub": strings.Repeat("a", principal.MaxName+1)},
		"sub unprintable":       {"sub": "ana\nadmin"},
		"jti a number":          {"jti": 7},
		"jti empty":             {"jti": ""},
		"jti too long":          {"jti": strings.Repeat("a", maxJTI+1)},
		"bound to a key":        {"cnf": map[string]any{"jkt": "x"}},
		"cnf null":              {"cnf": rawNull},
		"authorization details": {"authorization_details": []any{}},
		"act a string":          {"act": "ana"},
		"act null":              {"act": rawNull},
		"may_act a string":      {"may_act": "ana"},
	} {
		c.want(t, name, c.token(t, over), JWT, ErrClaims)
		c.want(t, name, c.token(t, over), IDToken, ErrClaims)
	}
}
