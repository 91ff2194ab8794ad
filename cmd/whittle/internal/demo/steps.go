package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/gen/whittle/v1/whittlev1connect"
)

// script is the main job, in order.
func (s *story) script() []step {
	return []step{
		{"A policy", "PolicyService.ApplyPolicy, by the bootstrap credential", s.firstPolicy},
		{"A secret for each client", "ClientService.CreateSecret, once for each client of the policy", s.secrets},
		{"A researcher's broad corporate token", "the company's identity provider: a token for Ana, good for an hour", s.corporateToken},
		{"The agent takes the task", "POST /oauth2/token by research-agent: the corporate token for training and prediction scopes, at no resource", s.takeTask},
		{"Ten minutes of reading, for one resource", "the task token for ai.training.read at " + dataAPI, s.read},
		{"A sub-agent's narrower, shorter child", "POST /oauth2/token by summarizer: the agent's token for the same scope", s.subAgent},
		{"Is it good?", "Introspect by data-gateway, over gRPC, Connect and OAuth HTTP", s.introspect},
		{"Somebody else's resource server asks", "Introspect by model-gateway, whom the token is not for, over all three", s.wrongServer},
		{"An attempt to widen", "POST /oauth2/token by research-agent: the reading token for ai.training.analyze", s.widen},
		{"Why was that refused?", "AuditService.Explain of the decision, by ops-console", s.why},
		{"A one-use deploy token", "POST /oauth2/token by deploy-pipeline: the build system's token; then Introspect twice by model-gateway", s.deploy},
		{"A policy change takes a scope away", "PolicyService.ApplyPolicy without ai.training.read for data scientists; then Introspect over all three", s.takeScope},
		{"A policy change gives it back", "PolicyService.ApplyPolicy of the first document as a new version; then Introspect over all three", s.giveScope},
		{"The task is revoked", "RevocationService.Revoke of the task; then Introspect of the token and its child over all three", s.revokeTask},
		{"The dead mint nothing", "POST /oauth2/token by research-agent: the revoked task token", s.deadParent},
		{"All of it is on the record", "AuditService.ListEntries, by ops-console", s.record},
		{"And the record is what it was", "GET the log's checkpoint and hashes, as anybody may; then AuditService.ListEntries, entry by entry", s.verifyLog},
		{"A copy with one entry edited", "the same entries, but for a letter in one", s.tamper},
	}
}

func (s *story) firstPolicy(ctx context.Context) (string, error) {
	return s.apply(ctx, "bootstrap", s.policy())
}

func (s *story) apply(ctx context.Context, by, yaml string) (string, error) {
	res, err := s.policies().ApplyPolicy(s.as(ctx, by), &whittlev1.ApplyPolicyRequest{Yaml: yaml, ExpectedVersion: s.version})
	if err != nil {
		return "", err
	}
	s.version = res.GetVersion()
	return fmt.Sprintf("version %d is live", s.version), nil
}

func (s *story) secrets(ctx context.Context) (string, error) {
	clients := []string{"research-agent", "summarizer", "deploy-pipeline", "model-gateway", "data-gateway", "ops-console"}
	service := whittlev1connect.NewClientServiceClient(s.rpc)
	for _, client := range clients {
		res, err := service.CreateSecret(s.as(ctx, "bootstrap"), &whittlev1.CreateSecretRequest{Client: client})
		if err != nil {
			return "", err
		}
		s.credentials[client] = res.GetSecret()
	}
	return fmt.Sprintf("%d secrets, each shown once: %s", len(clients), strings.Join(clients, ", ")), nil
}

func (s *story) corporateToken(context.Context) (came string, err error) {
	s.corporate, err = s.researcherToken()
	return "sub 00u1ana, groups research, amr pwd mfa, aud whittle: " + short(s.corporate), err
}

func (s *story) takeTask(ctx context.Context) (string, error) {
	a, err := s.exchange(ctx, "research-agent", s.corporate, jwtToken, "", "ai.training.read ai.training.analyze ai.prediction.run")
	if err != nil {
		return "", err
	}
	s.task, s.taskID = a.AccessToken, a.Task
	return fmt.Sprintf("an exchange-only token (token_type %s) for %s: %s", a.TokenType, seconds(a.ExpiresIn), a.Scope),
		expect(a.TokenType == "N_A" && a.AccessToken != "" && a.ExpiresIn <= 3600, a.Error+" "+a.Description)
}

func (s *story) read(ctx context.Context) (string, error) {
	a, err := s.exchange(ctx, "research-agent", s.task, accessToken, dataAPI, "ai.training.read")
	if err != nil {
		return "", err
	}
	s.reading = a.AccessToken
	return fmt.Sprintf("%s for %s: %s", a.Scope, seconds(a.ExpiresIn), short(s.reading)),
		expect(a.Scope == "ai.training.read" && a.ExpiresIn == 600, a.Error+" "+a.Description)
}

func (s *story) subAgent(ctx context.Context) (string, error) {
	a, err := s.exchange(ctx, "summarizer", s.reading, accessToken, dataAPI, "ai.training.read")
	if err != nil {
		return "", err
	}
	s.child = a.AccessToken
	return fmt.Sprintf("%s for %s, and nothing to trade it for at the models", a.Scope, seconds(a.ExpiresIn)),
		expect(a.Scope == "ai.training.read" && a.ExpiresIn == 120, a.Error+" "+a.Description)
}

func (s *story) introspect(ctx context.Context) (string, error) {
	in, err := s.introspectAll(ctx, "data-gateway", s.child)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("three equal answers: active, %s at %s, for %s, acted by %s, after %d exchanges, task %s",
			in.Scope, in.Audience, in.Subject, strings.Join(in.Actors, " for "), in.Depth, in.Task),
		expect(in.Active && in.Scope == "ai.training.read" && in.Subject == "corp:00u1ana" && in.Task == s.taskID &&
			slices.Equal(in.Actors, []string{"summarizer", "research-agent"}), in)
}

func (s *story) wrongServer(ctx context.Context) (string, error) {
	in, err := s.introspectAll(ctx, "model-gateway", s.child)
	return "three equal answers: inactive, and nothing else", wrong(err, !in.Active && in.Scope == "" && in.Subject == "", in)
}

func (s *story) widen(ctx context.Context) (string, error) {
	a, err := s.exchange(ctx, "research-agent", s.reading, accessToken, dataAPI, "ai.training.analyze")
	if err != nil {
		return "", err
	}
	s.decision = a.Decision
	return fmt.Sprintf("%s: %s (decision %s)", a.Error, a.Description, a.Decision),
		expect(a.Error == "invalid_scope" && a.AccessToken == "" && a.Decision != "", a.Error)
}

func (s *story) why(ctx context.Context) (string, error) {
	service := whittlev1connect.NewAuditServiceClient(s.rpc)
	var res *whittlev1.ExplainResponse
	// A refusal is recorded soon, not before it is answered: it gives nobody power.
	err := soon(ctx, time.Second, func() (err error) {
		res, err = service.Explain(s.as(ctx, "ops-console"), &whittlev1.ExplainRequest{Decision: s.decision})
		return err
	})
	if err != nil {
		return "", err
	}
	var removed []string
	for _, r := range res.GetRemoved() {
		removed = append(removed, strings.TrimSpace(fmt.Sprintf("%s was removed by %s %s", r.GetScope(), r.GetBy(), r.GetName())))
	}
	return fmt.Sprintf("%s under rule %q: %s", res.GetOutcome(), res.GetRule(), strings.Join(removed, ", ")),
		expect(res.GetOutcome() == "refused" && len(removed) > 0, res)
}

func (s *story) deploy(ctx context.Context) (string, error) {
	subject, err := s.pipelineToken()
	if err != nil {
		return "", err
	}
	a, err := s.exchange(ctx, "deploy-pipeline", subject, jwtToken, modelsAPI, "")
	if err != nil {
		return "", err
	}
	if err := expect(strings.HasPrefix(a.AccessToken, "wt_"), a.Error+" "+a.Description); err != nil {
		return "", err
	}
	first, err := s.introspectGRPC(ctx, "model-gateway", a.AccessToken)
	if err != nil {
		return "", err
	}
	second, err := s.introspectConnect(ctx, "model-gateway", a.AccessToken)
	return fmt.Sprintf("an opaque token for %s: active once with %d uses left, then inactive", a.Scope, first.UsesLeft),
		wrong(err, first.Active && first.UsesLeft == 0 && !second.Active, []status{first, second})
}

func (s *story) takeScope(ctx context.Context) (string, error) {
	without := strings.Replace(s.policy(), `data-scientist: ["ai.training.*", ai.prediction.run]`,
		`data-scientist: [ai.training.analyze, ai.prediction.run]`, 1)
	came, err := s.apply(ctx, "ops-console", without)
	if err != nil {
		return "", err
	}
	in, err := s.introspectAll(ctx, "data-gateway", s.child)
	return came + "; the child is inactive on all three wires", wrong(err, !in.Active, in)
}

func (s *story) giveScope(ctx context.Context) (string, error) {
	came, err := s.apply(ctx, "ops-console", s.policy())
	if err != nil {
		return "", err
	}
	in, err := s.introspectAll(ctx, "data-gateway", s.child)
	return came + "; the child is active again: that was a suspension, not a revocation", wrong(err, in.Active, in)
}

func (s *story) revokeTask(ctx context.Context) (string, error) {
	service := whittlev1connect.NewRevocationServiceClient(s.rpc)
	res, err := service.Revoke(s.as(ctx, "ops-console"), &whittlev1.RevokeRequest{
		Selector: &whittlev1.Selector{By: &whittlev1.Selector_Task{Task: s.taskID}}, Reason: "the demo is over",
	})
	if err != nil {
		return "", err
	}
	for _, token := range []string{s.reading, s.child} {
		in, err := s.introspectAll(ctx, "data-gateway", token)
		if err := wrong(err, !in.Active, in); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("revocation %d; every descendant is inactive on all three wires", res.GetRevocation().GetSequence()), nil
}

func (s *story) deadParent(ctx context.Context) (string, error) {
	a, err := s.exchange(ctx, "research-agent", s.task, accessToken, dataAPI, "ai.training.read")
	return fmt.Sprintf("%s: %s", a.Error, a.Description),
		wrong(err, a.Error == "invalid_request" && a.AccessToken == "", a.Error)
}

func (s *story) record(ctx context.Context) (string, error) {
	service := whittlev1connect.NewAuditServiceClient(s.rpc)
	res, err := service.ListEntries(s.as(ctx, "ops-console"), &whittlev1.ListEntriesRequest{PageSize: 1000})
	if err != nil {
		return "", err
	}
	s.entries = uint64(len(res.GetEntries()))
	grants, leaks := 0, 0
	for _, e := range res.GetEntries() {
		text := string(e.GetSealed())
		if strings.Contains(text, `"outcome":"granted"`) {
			grants++
		}
		if strings.Contains(text, "00u1ana") || strings.Contains(text, s.child) {
			leaks++
		}
	}
	return fmt.Sprintf("%d entries, %d of them grants; no token and no person's name stands in them in the clear",
			len(res.GetEntries()), grants),
		expect(grants == 4 && leaks == 0, fmt.Sprintf("%d grants, %d leaks", grants, leaks))
}

// wrong is err, or that something doesn't hold.
func wrong(err error, holds bool, got any) error {
	if err != nil {
		return err
	}
	return expect(holds, got)
}

// soon tries until it works, for so long.
func soon(ctx context.Context, patience time.Duration, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// seconds is a duration without the parts that are zero: 10m, not 10m0s.
func seconds(n int) string {
	text := (time.Duration(n) * time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		text = text[:len(text)-2]
	}
	if strings.HasSuffix(text, "h0m") {
		text = text[:len(text)-2]
	}
	return text
}

// short is enough of a token to know it by, and too little to use it.
func short(token string) string { return token[:min(12, len(token))] + "…" }
