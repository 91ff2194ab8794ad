package server_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/gen/whittle/v1/whittlev1connect"
	"github.com/whittle-sts/whittle/server/servertest"
)

func TestThePolicyOverConnect(t *testing.T) {
	b := platform(t, nil)
	policies := whittlev1connect.NewPolicyServiceClient(b.ConnectClient(connecthttp.WithProtoJSON()))
	as := func(id string) context.Context {
		ctx, info := connect.NewClientContext(context.Background())
		info.RequestHeader().Set("Authorization", b.basic(id))
		return ctx
	}
	now, err := policies.GetPolicy(as("ops-console"), &whittlev1.GetPolicyRequest{})
	if err != nil || now.GetVersion() != 1 || now.GetAppliedBy() != "bootstrap" {
		t.Fatalf("%v, %v", now, err)
	}
	_, err = policies.ApplyPolicy(as("ops-console"), &whittlev1.ApplyPolicyRequest{Yaml: "format: 1\nscopez: {}\n", ExpectedVersion: 1})
	problems := 0
	if e, ok := errors.AsType[*connect.Error](err); ok && e.Code() == connect.CodeInvalidArgument {
		for _, d := range e.Details() {
			m, _ := connectproto.UnmarshalErrorDetail(d)
			if p, ok := m.(*whittlev1.PolicyProblem); ok && p.GetLine() == 2 {
				problems++
			}
		}
	}
	if problems == 0 {
		t.Errorf("problems: %v", err)
	}
	checked, err := policies.ValidatePolicy(as("ops-console"), &whittlev1.ValidatePolicyRequest{Yaml: "format: 1\nscopez: {}\n"})
	if err != nil || len(checked.GetProblems()) == 0 || !strings.Contains(checked.GetText(), "^") {
		t.Errorf("%v, %v", checked, err)
	}
	_, err = policies.ApplyPolicy(as("ops-console"), &whittlev1.ApplyPolicyRequest{Yaml: now.GetYaml(), ExpectedVersion: 7})
	if connect.CodeOf(err) != connect.CodeAborted {
		t.Errorf("another version was expected: %v", err)
	}
	alone := strings.Replace(now.GetYaml(), "may: [policy.apply, revoke.any", "may: [revoke.any", 1)
	_, err = policies.ApplyPolicy(as("ops-console"), &whittlev1.ApplyPolicyRequest{Yaml: alone, ExpectedVersion: 1})
	if connect.CodeOf(err) != connect.CodeFailedPrecondition {
		t.Errorf("no administrator left: %v", err)
	}
	next, err := policies.ApplyPolicy(as("ops-console"), &whittlev1.ApplyPolicyRequest{Yaml: now.GetYaml(), ExpectedVersion: 1})
	if err != nil || next.GetVersion() != 2 {
		t.Errorf("%v, %v", next, err)
	}
}

func TestRevocationsAndTheRecord(t *testing.T) {
	b := platform(t, nil)
	ctx := b.As(context.Background(), b.Client("ops-console"))
	revocations := whittlev1.NewRevocationServiceClient(b.Conn)
	selectors := []*whittlev1.Selector{
		{By: &whittlev1.Selector_Token{Token: strings.Repeat("A", 22)}}, {By: &whittlev1.Selector_Task{Task: strings.Repeat("A", 22)}},
		{By: &whittlev1.Selector_Subject{Subject: "corp:rita"}}, {By: &whittlev1.Selector_Client{Client: "summarizer"}},
		{By: &whittlev1.Selector_Group{Group: "corp:research"}}, {By: &whittlev1.Selector_Issuer{Issuer: "ci"}},
		{By: &whittlev1.Selector_Key{Key: "corp/some-key"}},
	}
	for _, s := range selectors {
		made, err := revocations.Revoke(ctx, &whittlev1.RevokeRequest{Selector: s, Reason: "drill"})
		if err != nil || made.GetRevocation().GetSelector().String() != s.String() || made.GetRevocation().GetCreatedBy() != "ops-console" {
			t.Errorf("%v: %v, %v", s, made, err)
		}
	}
	page, err := revocations.ListRevocations(ctx, &whittlev1.ListRevocationsRequest{PageSize: 3, After: 2})
	if err != nil || len(page.GetRevocations()) != 3 || page.GetRevocations()[0].GetSequence() != 3 {
		t.Errorf("%v, %v", page, err)
	}
	if _, err := revocations.Unblock(ctx, &whittlev1.UnblockRequest{Selector: selectors[5]}); err != nil {
		t.Errorf("unblocking: %v", err)
	}
	if _, err := revocations.Unblock(ctx, &whittlev1.UnblockRequest{Selector: selectors[5]}); status.Code(err) != codes.NotFound {
		t.Errorf("unblocking again: %v", err)
	}
	if _, err := revocations.Revoke(ctx, &whittlev1.RevokeRequest{}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("no selector: %v", err)
	}

	_, refused := b.GRPC().Exchange(context.Background(), b.Client("model-gateway"), &whittlev1.ExchangeRequest{
		SubjectToken: b.Token("corp", "mina", nil), SubjectTokenType: whittlev1.TokenType_TOKEN_TYPE_JWT, Scope: []string{"ai.training.read"},
	})
	refusal, _ := errors.AsType[*servertest.Refusal](refused)
	audits := whittlev1.NewAuditServiceClient(b.Conn)
	why := explained(t, func() (*whittlev1.ExplainResponse, error) {
		return audits.Explain(ctx, &whittlev1.ExplainRequest{Decision: refusal.Decision})
	})
	if why.GetOutcome() != "refused" || why.GetClient() != "model-gateway" || why.GetReason() == "" {
		t.Errorf("%v", why)
	}
	if _, err := audits.Explain(b.As(context.Background(), b.Client("model-gateway")), &whittlev1.ExplainRequest{Decision: refusal.Decision}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("explained to the refused: %v", err)
	}
	entries, err := audits.ListEntries(ctx, &whittlev1.ListEntriesRequest{PageSize: 1000})
	if err != nil || len(entries.GetEntries()) < 10 || entries.GetEntries()[3].GetIndex() != 3 || len(entries.GetEntries()[3].GetLeafHash()) != 32 {
		t.Errorf("%d entries, %v", len(entries.GetEntries()), err)
	}
}

// explained asks until the refusal is written, which happens behind the answer.
func explained(t *testing.T, ask func() (*whittlev1.ExplainResponse, error)) *whittlev1.ExplainResponse {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		got, err := ask()
		if err == nil {
			return got
		}
		if status.Code(err) != codes.NotFound || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func TestABatchAnswersInOrder(t *testing.T) {
	b := platform(t, nil)
	form := b.exchangeForm()
	form["audience"] = []string{"data"}
	token, _ := b.send("POST", "/oauth2/token", form.Encode(), "Authorization", b.basic("research-agent")).member(t, "access_token").(string)
	got, err := whittlev1.NewIntrospectionServiceClient(b.Conn).BatchIntrospect(b.As(context.Background(), b.Client("data-gateway")),
		&whittlev1.BatchIntrospectRequest{Tokens: []string{"garbage", token, "x.y.z", token}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{false, true, false, true} {
		if got.GetResults()[i].GetActive() != want {
			t.Errorf("result %d: %v", i, got.GetResults()[i])
		}
	}
	_, err = whittlev1.NewIntrospectionServiceClient(b.Conn).BatchIntrospect(b.As(context.Background(), b.Client("data-gateway")),
		&whittlev1.BatchIntrospectRequest{Tokens: make([]string, 1001)})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("1001 tokens: %v", err)
	}
}
