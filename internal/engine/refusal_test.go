package engine

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/token"
)

// answer is what a caller sees of a refusal, but for the decision's id.
func answer(e *Error) string { return string(e.Code) + ": " + e.Description }

// Whatever is wrong with a subject token, the answer is the same (RFC 8693 section 2.2.2): the endpoint
// tells nobody what a token was worth.
func TestEveryBadSubjectTokenGetsTheSameAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	elsewhere, err := provider(t, w.clock.now).Token("ana", "whittle", anasClaims())
	w.check(err)
	unsigned, err := w.corp.SignRaw("", []byte(`{"alg":"none","typ":"JWT"}`), []byte(`{"iss":"`+w.corp.URL+`","sub":"ana"}`))
	w.check(err)
	revoked, read := w.task(), w.trade("agent", own(w.task(), "ai.training.read").at(dataAPI)).AccessToken
	w.check(w.RevokeToken(ctx, w.as("agent"), revoked))
	revokedOutside := w.ana()
	w.check(w.RevokeToken(ctx, w.as("ops"), revokedOutside))
	used := w.trade("deployer", outside(w.pipeline())).AccessToken
	w.look("model-gateway", used)
	gone, err := w.ClientCredentials(ctx, w.as("exporter"), ClientCredentialsRequest{Resource: []string{dataAPI}, Scope: []string{"ai.training.read"}})
	w.check(err)
	expired := w.person("ana", map[string]any{"exp": w.clock.now().Add(time.Minute).Unix()})
	id, err := w.corp.Sign(map[string]any{"typ": "JWT"}, map[string]any{
		"iss": w.corp.URL, "sub": "ana", "aud": "another-app", "iat": w.clock.now().Unix(), "exp": w.clock.now().Add(time.Hour).Unix(),
	})
	w.check(err)
	w.clock.pass(10 * time.Minute) // the end of `read` and of all outside tokens of a minute
	justExpired := w.person("ana", map[string]any{"exp": w.clock.now().Unix(), "iat": w.clock.now().Unix() - 60})
	lastPart := w.person("ana", map[string]any{"exp": float64(w.clock.now().Unix()) + 0.2, "iat": w.clock.now().Unix() - 60})
	for name, req := range map[string]ExchangeRequest{
		"expired, ours":                 own(read, "ai.training.read"),
		"expired, outside":              outside(expired, "ai.training.read"),
		"expired within the skew":       outside(justExpired, "ai.training.read"),
		"in its last part of a second":  outside(lastPart, "ai.training.read"),
		"revoked, ours":                 own(revoked, "ai.training.read"),
		"revoked, outside":              outside(revokedOutside, "ai.training.read"),
		"used up":                       own(used, "ai.deploy.manage"),
		"garbage":                       own(token.NewSecret("garbage"), "ai.training.read"),
		"garbage, outside":              outside(token.NewSecret("garbage"), "ai.training.read"),
		"garbage that looks opaque":     own(token.NewSecret("wt_garbage"), "ai.training.read"),
		"cut short":                     own(token.NewSecret(gone.AccessToken.Reveal()[:50]), "ai.training.read"),
		"of another issuer":             outside(token.NewSecret(elsewhere), "ai.training.read"),
		"unsigned":                      outside(token.NewSecret(unsigned), "ai.training.read"),
		"for somebody else":             outside(token.NewSecret(id), "ai.training.read"),
		"outside, sent as ours":         own(w.ana(), "ai.training.read"),
		"ours, sent as an outside JWT":  outside(w.task(), "ai.training.read"),
		"ours, sent as an ID token":     {SubjectToken: w.task(), SubjectTokenType: IDTokenType},
		"without a subject":             outside(w.person("ana", map[string]any{"sub": nil}), "ai.training.read"),
		"without an end":                outside(w.person("ana", map[string]any{"exp": nil}), "ai.training.read"),
		"without a beginning":           outside(w.person("ana", map[string]any{"iat": nil}), "ai.training.read"),
		"act is a text":                 outside(w.person("ana", map[string]any{"act": "X"}), "ai.training.read"),
		"act is nine deep":              outside(w.person("ana", map[string]any{"act": nested(9)}), "ai.training.read"),
		"act leaves no room for us":     outside(w.person("ana", map[string]any{"act": nested(8), "groups": []string{"research"}, "amr": []string{"mfa"}}), "ai.training.read"),
		"may_act is a text":             outside(w.person("ana", map[string]any{"may_act": "X"}), "ai.training.read"),
		"may_act names somebody else":   outside(w.person("ana", map[string]any{"may_act": map[string]any{"sub": "X"}}), "ai.training.read"),
		"bound to a key":                outside(w.person("ana", map[string]any{"cnf": map[string]any{"jkt": "x"}}), "ai.training.read"),
		"with authorization details":    outside(w.person("ana", map[string]any{"authorization_details": []any{}}), "ai.training.read"),
		"too old for its issuer's rule": outside(w.person("ana", map[string]any{"iat": w.clock.now().Add(-13 * time.Hour).Unix()}), "ai.training.read"),
		"groups that can't be read":     outside(w.person("ana", map[string]any{"groups": "research"}), "ai.training.read"),
	} {
		refused := w.refusal("agent", req, InvalidRequest)
		if got := answer(refused); got != "invalid_request: subject_token is not acceptable" || refused.Decision == "" {
			t.Errorf("%s: %q", name, got)
		}
		if event := w.explain(refused.Decision); event.Reason != refused.Reason() {
			t.Errorf("%s: recorded as %q", name, event.Reason)
		}
		w.clock.pass(time.Minute) // only the first few of a minute are recorded in full
	}
}

// nested is an `act` chain of the depth.
func nested(depth int) map[string]any {
	act := map[string]any{"sub": "a"}
	for range depth - 1 {
		act = map[string]any{"sub": "a", "act": act}
	}
	return act
}

func TestTheShapeOfARequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	with := func(edit func(*ExchangeRequest)) ExchangeRequest {
		req := outside(w.ana(), "ai.training.read")
		edit(&req)
		return req
	}
	for name, tc := range map[string]struct {
		req  ExchangeRequest
		code Code
	}{
		"no subject token":                {with(func(r *ExchangeRequest) { r.SubjectToken = token.Secret{} }), InvalidRequest},
		"no subject token type":           {with(func(r *ExchangeRequest) { r.SubjectTokenType = "" }), InvalidRequest},
		"a bare word for a type":          {with(func(r *ExchangeRequest) { r.SubjectTokenType = "access_token" }), InvalidRequest},
		"SAML":                            {with(func(r *ExchangeRequest) { r.SubjectTokenType = "urn:ietf:params:oauth:token-type:saml2" }), InvalidRequest},
		"a refresh token asked for":       {with(func(r *ExchangeRequest) { r.RequestedTokenType = "urn:ietf:params:oauth:token-type:refresh_token" }), InvalidRequest},
		"an ID token asked for":           {with(func(r *ExchangeRequest) { r.RequestedTokenType = IDTokenType }), InvalidRequest},
		"an actor token without a type":   {with(func(r *ExchangeRequest) { r.ActorToken = w.ana() }), InvalidRequest},
		"a type without an actor token":   {with(func(r *ExchangeRequest) { r.ActorTokenType = JWTType }), InvalidRequest},
		"an unknown actor token type":     {with(func(r *ExchangeRequest) { r.ActorToken, r.ActorTokenType = w.ana(), "x" }), InvalidRequest},
		"authorization details":           {with(func(r *ExchangeRequest) { r.Details = true }), InvalidDetails},
		"a negative lifetime":             {with(func(r *ExchangeRequest) { r.Lifetime = -1 }), InvalidRequest},
		"a lifetime of no second":         {with(func(r *ExchangeRequest) { r.Lifetime = time.Second - 1 }), InvalidRequest},
		"a relative resource":             {with(func(r *ExchangeRequest) { r.Resource = []string{"/relative"} }), InvalidTarget},
		"a resource with a fragment":      {with(func(r *ExchangeRequest) { r.Resource = []string{dataAPI + "#f"} }), InvalidTarget},
		"a resource with an empty one":    {with(func(r *ExchangeRequest) { r.Resource = []string{dataAPI + "#"} }), InvalidTarget},
		"an empty resource":               {with(func(r *ExchangeRequest) { r.Resource = []string{""} }), InvalidTarget},
		"a resource with a slash more":    {with(func(r *ExchangeRequest) { r.Resource = []string{dataAPI + "/"} }), InvalidTarget},
		"a longer host":                   {with(func(r *ExchangeRequest) { r.Resource = []string{dataAPI + ".evil.net"} }), InvalidTarget},
		"an alias as resource":            {with(func(r *ExchangeRequest) { r.Resource = []string{"data"} }), InvalidTarget},
		"an unknown audience":             {with(func(r *ExchangeRequest) { r.Audience = []string{"unknown"} }), InvalidTarget},
		"a known and an unknown audience": {with(func(r *ExchangeRequest) { r.Audience = []string{"data", "unknown"} }), InvalidTarget},
		"this server as audience":         {with(func(r *ExchangeRequest) { r.Audience = []string{self} }), InvalidTarget},
		"two audiences without a rule":    {with(func(r *ExchangeRequest) { r.Audience = []string{"data", "models"} }), InvalidTarget},
		"a scope with a quote":            {with(func(r *ExchangeRequest) { r.Scope = []string{`a"b`} }), InvalidScope},
		"an empty scope":                  {with(func(r *ExchangeRequest) { r.Scope = []string{""} }), InvalidScope},
		"an unknown scope":                {with(func(r *ExchangeRequest) { r.Scope = []string{"ai.unknown"} }), InvalidScope},
		"a pattern for a scope":           {with(func(r *ExchangeRequest) { r.Scope = []string{"ai.training.*"} }), InvalidScope},
		"no scope, and no default":        {with(func(r *ExchangeRequest) { r.Scope = nil }), InvalidScope},
		"a scope wholly beyond":           {with(func(r *ExchangeRequest) { r.Scope = []string{"ai.deploy.manage"} }), InvalidScope},
		"a scope partly beyond":           {with(func(r *ExchangeRequest) { r.Scope = []string{"ai.training.read", "ai.deploy.manage"} }), InvalidScope},
		"a counted scope as a JWT": {with(func(r *ExchangeRequest) {
			r.Scope, r.Resource, r.RequestedTokenType = []string{"ai.batch.run"}, []string{modelsAPI}, JWTType
		}), InvalidRequest},
		"an assertion for another server": {with(func(r *ExchangeRequest) { r.SubjectTokenType = "urn:ietf:params:oauth:token-type:id-jag" }), InvalidRequest},
	} {
		if refused := w.refusal("agent", tc.req, tc.code); strings.ContainsAny(refused.Description, `"\`) {
			t.Errorf("%s: %s", name, refused.Description)
		}
	}
}

func TestWhatIsGranted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := w.clock.now()
	short := w.person("ana", map[string]any{"groups": []string{"research"}, "amr": []string{"mfa"}, "exp": now.Add(30 * time.Second).Unix()})
	read := outside(w.ana(), "ai.training.read").at(dataAPI)
	for name, tc := range map[string]struct {
		edit func(*ExchangeRequest)
		life time.Duration
		kind TokenType
	}{
		"the rule's lifetime":         {func(*ExchangeRequest) {}, 10 * time.Minute, AccessTokenType},
		"a shorter wish":              {func(r *ExchangeRequest) { r.Lifetime = 90 * time.Second }, 90 * time.Second, AccessTokenType},
		"a longer wish":               {func(r *ExchangeRequest) { r.Lifetime = 24 * time.Hour }, 10 * time.Minute, AccessTokenType},
		"the subject's end":           {func(r *ExchangeRequest) { r.SubjectToken = short }, 30 * time.Second, AccessTokenType},
		"a JWT, asked for as such":    {func(r *ExchangeRequest) { r.RequestedTokenType = JWTType }, 10 * time.Minute, JWTType},
		"an access token, by name":    {func(r *ExchangeRequest) { r.RequestedTokenType = AccessTokenType }, 10 * time.Minute, AccessTokenType},
		"a task, for at most an hour": {func(r *ExchangeRequest) { r.Resource = nil }, time.Hour, AccessTokenType},
		"a resource and its alias":    {func(r *ExchangeRequest) { r.Audience = []string{"data"} }, 10 * time.Minute, AccessTokenType},
	} {
		req := read
		tc.edit(&req)
		issued := w.trade("agent", req)
		claims, _ := w.claims(issued.AccessToken)
		if issued.ExpiresIn != tc.life || !claims.Expires.Equal(now.Add(tc.life)) || issued.IssuedTokenType != tc.kind {
			t.Errorf("%s: %v until %v, %s", name, issued.ExpiresIn, claims.Expires, issued.IssuedTokenType)
		}
	}
	// No scope named, default `read analyze`, the parent has `read run`: what is left, and said so.
	parent := w.trade("agent", outside(w.ana(), "ai.training.read", "ai.prediction.run")).AccessToken
	if issued := w.trade("summarizer", own(parent).at(dataAPI)); !slices.Equal(issued.Scope, []string{"ai.training.read"}) {
		t.Errorf("by default: %q", issued.Scope)
	}
	// Two audiences where the rule allows it: the scopes that are good at both.
	both, err := w.ClientCredentials(context.Background(), w.as("exporter"), ClientCredentialsRequest{
		Resource: []string{dataAPI, archive}, Scope: []string{"ai.training.read"},
	})
	w.check(err)
	if in := w.look("data-gateway", both.AccessToken); !slices.Equal(in.Audience, []string{dataAPI, archive}) {
		t.Errorf("audience %q", in.Audience)
	}
}

// Revoking somebody by name reaches outside tokens by their age, whichever type they come as.
func TestAnOlderOutsideTokenStaysRevokedAsAnyType(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ana := w.ana()
	_, err := w.Revoke(context.Background(), w.as("ops"), RevokeRequest{Selector: live.Selector{Kind: live.Subject, Value: "corp:ana"}})
	w.check(err)
	for _, typ := range []TokenType{JWTType, IDTokenType} {
		w.refusal("agent", ExchangeRequest{SubjectToken: ana, SubjectTokenType: typ, Scope: []string{"ai.training.read"}}, InvalidRequest)
	}
}
