package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"google.golang.org/grpc/metadata"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/gen/whittle/v1/whittlev1connect"
)

const (
	exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange"
	accessToken   = "urn:ietf:params:oauth:token-type:access_token"
	jwtToken      = "urn:ietf:params:oauth:token-type:jwt"
)

// answer is what the OAuth endpoints say, success or error.
type answer struct {
	AccessToken     string `json:"access_token"`
	IssuedTokenType string `json:"issued_token_type"`
	TokenType       string `json:"token_type"`
	ExpiresIn       int    `json:"expires_in"`
	Scope           string `json:"scope"`
	Task            string `json:"txn"`

	Error       string `json:"error"`
	Description string `json:"error_description"`
	Decision    string `json:"decision"`
}

// post sends a form to an OAuth endpoint as the client.
func (p *platform) post(ctx context.Context, client, path string, form url.Values, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.server.HTTPURL()+path, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", p.basic(client))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s answered %s without JSON", path, res.Status)
	}
	return nil
}

// exchange trades a token at the OAuth token endpoint (RFC 8693).
func (p *platform) exchange(ctx context.Context, client, subject, kind, resource, scope string) (answer, error) {
	form := url.Values{"grant_type": {exchangeGrant}, "subject_token": {subject}, "subject_token_type": {kind}}
	if resource != "" {
		form.Set("resource", resource)
	}
	if scope != "" {
		form.Set("scope", scope)
	}
	var a answer
	return a, p.post(ctx, client, "/oauth2/token", form, &a)
}

// status is what an introspection says that all three wires say alike.
type status struct {
	Active   bool
	Scope    string
	Subject  string
	Actors   []string // who acts now first
	Audience []string
	Task     string
	Depth    int
	Expires  int64
	UsesLeft int // -1: not counted
}

// introspectAll asks all three wires about a token and says whether they agree.
func (p *platform) introspectAll(ctx context.Context, client, token string) (status, error) {
	asked := []struct {
		wire string
		ask  func(context.Context, string, string) (status, error)
	}{{"gRPC", p.introspectGRPC}, {"Connect", p.introspectConnect}, {"OAuth", p.introspectOAuth}}
	var first status
	for i, a := range asked {
		got, err := a.ask(ctx, client, token)
		if err != nil {
			return status{}, fmt.Errorf("%s: %w", a.wire, err)
		}
		if i == 0 {
			first = got
		} else if !reflect.DeepEqual(got, first) {
			return status{}, fmt.Errorf("%s says %+v, %s said %+v", a.wire, got, asked[0].wire, first)
		}
	}
	return first, nil
}

func (p *platform) introspectGRPC(ctx context.Context, client, token string) (status, error) {
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", p.basic(client))
	res, err := whittlev1.NewIntrospectionServiceClient(p.grpc).Introspect(ctx, &whittlev1.IntrospectRequest{Token: token})
	return statusOf(res.GetIntrospection()), err
}

func (p *platform) introspectConnect(ctx context.Context, client, token string) (status, error) {
	service := whittlev1connect.NewIntrospectionServiceClient(p.rpc)
	res, err := service.Introspect(p.as(ctx, client), &whittlev1.IntrospectRequest{Token: token})
	return statusOf(res.GetIntrospection()), err
}

func statusOf(in *whittlev1.Introspection) status {
	s := status{
		Active: in.GetActive(), Scope: strings.Join(in.GetScope(), " "), Subject: in.GetSub(),
		Audience: in.GetAud(), Task: in.GetTxn(), Depth: int(in.GetDepth()), Expires: in.GetExp(), UsesLeft: -1,
	}
	for act := in.GetAct(); act != nil; act = act.GetAct() {
		s.Actors = append(s.Actors, act.GetSub())
	}
	if in != nil && in.UsesLeft != nil {
		s.UsesLeft = int(in.GetUsesLeft())
	}
	return s
}

func (p *platform) introspectOAuth(ctx context.Context, client, token string) (status, error) {
	type actor struct {
		Sub string `json:"sub"`
		Act *actor `json:"act"`
	}
	var in struct {
		Active   bool            `json:"active"`
		Scope    string          `json:"scope"`
		Sub      string          `json:"sub"`
		Aud      json.RawMessage `json:"aud"`
		Act      *actor          `json:"act"`
		Txn      string          `json:"txn"`
		Depth    int             `json:"depth"`
		Exp      int64           `json:"exp"`
		UsesLeft *int            `json:"uses_left"`
		Error    string          `json:"error"`
	}
	if err := p.post(ctx, client, "/oauth2/introspect", url.Values{"token": {token}}, &in); err != nil {
		return status{}, err
	}
	if in.Error != "" {
		return status{}, fmt.Errorf("refused: %s", in.Error)
	}
	s := status{Active: in.Active, Scope: in.Scope, Subject: in.Sub, Task: in.Txn, Depth: in.Depth, Expires: in.Exp, UsesLeft: -1}
	for act := in.Act; act != nil; act = act.Act {
		s.Actors = append(s.Actors, act.Sub)
	}
	if in.UsesLeft != nil {
		s.UsesLeft = *in.UsesLeft
	}
	s.Audience = audience(in.Aud)
	return s, nil
}

// audience reads a claim that is a string or a list of strings (RFC 7519 section 4.1.3).
func audience(raw json.RawMessage) []string {
	var one string
	var many []string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	_ = json.Unmarshal(raw, &many) // absent: none
	return slices.Clone(many)
}
