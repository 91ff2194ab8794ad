package servertest

import (
	"cmp"
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/server"
)

// Told is one step as it went over one wire.
type Told struct {
	Step    string
	Got     string // the OAuth code, or ok
	Problem string // what went otherwise than expected
}

// Run tells the story in a world of its own, over the wire that pick takes.
func (s *Scenario) Run(t *testing.T, pick func(*World) Wire) []Told {
	t.Helper()
	w := Start(t, Options{Policy: s.Policy, Edit: func(c *server.Config) { c.RecordUses = time.Second }})
	story := &story{World: w, t: t, wire: pick(w), policy: s.Policy, tokens: make(map[string]string),
		tasks: make(map[string]string), ids: make(map[string]string), outside: s.Outside}
	for name, o := range s.Outside {
		story.tokens[name] = story.issue(o)
	}
	var out []Told
	for _, step := range s.Steps {
		got, problem := story.tell(&step)
		out = append(out, Told{step.Name, cmp.Or(got, "ok"), problem})
	}
	return out
}

// story is a scenario as it is told.
type story struct {
	*World
	t       *testing.T
	wire    Wire
	policy  string
	tokens  map[string]string
	tasks   map[string]string
	ids     map[string]string // of the tokens, by name
	outside map[string]Outside
}

func (s *story) issue(o Outside) string {
	if o.Letters > 0 {
		return strings.Repeat("x", o.Letters)
	}
	claims := make(map[string]any)
	maps.Copy(claims, o.Claims)
	if o.Audience != "" {
		claims["aud"] = o.Audience
	}
	if o.Expires != 0 {
		claims["iat"], claims["exp"] = time.Now().Add(o.Expires-time.Hour).Unix(), time.Now().Add(o.Expires).Unix()
	}
	return s.Token(o.Issuer, o.Subject, claims)
}

// tell does one step and says what came of it, and what of that wasn't expected.
func (s *story) tell(step *Step) (code, problem string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	switch {
	case step.Exchange != nil:
		got, err := s.wire.Exchange(ctx, s.Client(step.Exchange.As), s.exchange(step.Exchange))
		return CodeOf(err), s.judgeToken(step.Exchange, &step.Want, got, err)
	case step.ClientCredentials != nil:
		got, err := s.wire.ClientCredentials(ctx, s.Client(step.ClientCredentials.As), s.credentials(step.ClientCredentials))
		return CodeOf(err), s.judgeToken(step.ClientCredentials, &step.Want, got, err)
	case step.Introspect != nil:
		a := step.Introspect
		got, err := s.wire.Introspect(ctx, s.Client(a.As), &whittlev1.IntrospectRequest{
			Token: s.token(a.Token), TokenTypeHint: a.Hint, UseId: a.UseID, Look: a.Look, UseScope: a.Scope, UseAction: a.Does,
		})
		if got.GetActive() {
			s.ids[a.Token] = got.GetJti()
		}
		return CodeOf(err), judgeIntrospection(&step.Want, got, err)
	case step.RevokeToken != nil:
		a := step.RevokeToken
		err := s.wire.RevokeToken(ctx, s.Client(a.As), &whittlev1.RevokeTokenRequest{Token: s.token(a.Token), TokenTypeHint: a.Hint})
		return CodeOf(err), judgeError(&step.Want, err)
	case step.Revoke != nil:
		err := s.revoke(ctx, *step.Revoke)
		return CodeOf(err), judgeError(&step.Want, err)
	case step.Uses != nil:
		return "", s.judgeUses(ctx, step.Uses)
	default:
		s.policy = edit(s.t, s.policy, step.Edit)
		s.Apply(s.policy)
		return "", ""
	}
}

// token is the text of a token by name; what isn't a name is the text itself.
func (s *story) token(name string) string {
	if text, ok := s.tokens[name]; ok {
		return text
	}
	return name
}

func (s *story) exchange(a *Ask) *whittlev1.ExchangeRequest {
	kind := a.Type
	if _, outside := s.outside[a.Subject]; kind == "" && outside {
		kind = "jwt"
	} else if kind == "" {
		kind = "access_token"
	}
	return &whittlev1.ExchangeRequest{
		SubjectToken: s.token(a.Subject), SubjectTokenType: tokenType(kind),
		ActorToken: s.token(a.Actor), ActorTokenType: tokenType(a.ActorType), RequestedTokenType: tokenType(a.Requested),
		Resource: a.Resource, Audience: a.Audience, Scope: a.Scope, Lifetime: wish(a.Lifetime), TaskLabel: a.Label,
		AuthorizationDetails: a.Details,
	}
}

func (s *story) credentials(a *Ask) *whittlev1.ClientCredentialsRequest {
	return &whittlev1.ClientCredentialsRequest{
		Resource: a.Resource, Audience: a.Audience, Scope: a.Scope, Lifetime: wish(a.Lifetime), TaskLabel: a.Label,
		AuthorizationDetails: a.Details,
	}
}

func wish(d time.Duration) *durationpb.Duration {
	if d == 0 {
		return nil
	}
	return durationpb.New(d)
}

// tokenType is the type of that short name; absent if empty, and one that nobody knows otherwise.
func tokenType(name string) whittlev1.TokenType {
	switch {
	case name == "" || name == "absent":
		return whittlev1.TokenType_TOKEN_TYPE_UNSPECIFIED
	case typeOf(tokenTypes+name) != whittlev1.TokenType_TOKEN_TYPE_UNSPECIFIED:
		return typeOf(tokenTypes + name)
	default:
		return whittlev1.TokenType(99)
	}
}

func (s *story) revoke(ctx context.Context, r Revoke) error {
	if name, ok := strings.CutPrefix(r.Value, "task of "); ok {
		r.Value = s.tasks[name]
	}
	selector := &whittlev1.Selector{}
	switch r.Kind {
	case "task":
		selector.By = &whittlev1.Selector_Task{Task: r.Value}
	case "subject":
		selector.By = &whittlev1.Selector_Subject{Subject: r.Value}
	case "client":
		selector.By = &whittlev1.Selector_Client{Client: r.Value}
	case "group":
		selector.By = &whittlev1.Selector_Group{Group: r.Value}
	case "issuer":
		selector.By = &whittlev1.Selector_Issuer{Issuer: r.Value}
	default:
		s.t.Fatalf("no selector of kind %q", r.Kind)
	}
	_, err := whittlev1.NewRevocationServiceClient(s.Conn).Revoke(s.As(ctx, s.Client("bootstrap")),
		&whittlev1.RevokeRequest{Selector: selector, Block: r.Block, Reason: "the story says so"})
	return fromGRPC(err)
}
