package policy

import (
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/narrow"
	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/scope"
)

const (
	data   = "https://data.example.com"
	models = "https://models.example.com"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func platform(t testing.TB) *Policy {
	t.Helper()
	source, err := os.ReadFile("testdata/platform.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Compile(source, "platform.yaml", 1)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func researcher() principal.Principal {
	return principal.Principal{
		ID:         principal.ID{Issuer: "corp", Subject: "00u1eve"},
		Groups:     []string{"everyone", "research"},
		Attributes: map[string]any{"mfa": true},
	}
}

// decide asks for a decision and fails the test if it is refused.
func decide(t testing.TB, p *Policy, req Request) *Decision {
	t.Helper()
	d, err := p.Decide(req)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// task is the request for an exchange-only token that all else starts from.
func task() Request {
	return Request{
		Now: noon, Client: "research-agent", Principal: researcher(), NotAfter: noon.Add(12 * time.Hour),
		Scope: []string{"ai.training.read", "ai.prediction.run"}, Depth: 1,
	}
}

// child is the request for a token at the resource, of the one that was decided.
func child(t testing.TB, d *Decision, depth int, issuedTo, client, resource string, scopes ...string) Request {
	t.Helper()
	grant, err := narrow.Narrow(d.Parent, d.Wanted, noon)
	if err != nil {
		t.Fatal(err)
	}
	bounds, _ := grant.Bounds()
	return Request{
		Now: noon, Client: client, Principal: d.Principal, NotAfter: bounds.NotAfter,
		Parent:    &Parent{Bounds: bounds, IssuedTo: issuedTo, Audience: bounds.Audience, Bindings: d.Bindings},
		Resources: []string{resource}, Scope: scopes, Depth: depth,
	}
}

// TestPlatform walks what the document's comments say.
func TestPlatform(t *testing.T) {
	p := platform(t)
	root := decide(t, p, task())
	if root.Rule != "research agents work for people at corp" || len(root.Wanted.Audience) != 0 ||
		root.Wanted.NotAfter != noon.Add(8*time.Hour) || !slices.Equal(root.Bindings, []string{"researchers with MFA"}) {
		t.Fatalf("the task: %+v", root)
	}
	reach := narrow.PairsOf(
		narrow.Pair{Resource: data, Scopes: scopesFor(t, p, "ai.training.read")},
		narrow.Pair{Resource: models, Scopes: scopesFor(t, p, "ai.prediction.run")},
	)
	if !reach.SubsetOf(root.Wanted.Reach) || !root.Wanted.Reach.SubsetOf(reach) {
		t.Fatalf("the task reaches %v", root.Wanted.Reach)
	}
	read := decide(t, p, child(t, root, 2, "research-agent", "research-agent", data, "ai.training.read"))
	if read.Wanted.NotAfter != noon.Add(10*time.Minute) || read.Wanted.Depth != 1 || !reach.SubsetOf(read.Wanted.Reach) {
		t.Errorf("the agent's token: %+v", read.Wanted)
	}
	summary := decide(t, p, child(t, read, 3, "research-agent", "summarizer", data, "ai.training.read"))
	if summary.Wanted.NotAfter != noon.Add(2*time.Minute) || !summary.Wanted.Reach.At(models).IsEmpty() {
		t.Errorf("the sub-agent's token: %+v", summary.Wanted)
	}
	onward := decide(t, p, child(t, read, 3, "research-agent", "data-gateway", models, "ai.prediction.run"))
	if onward.Wanted.NotAfter != noon.Add(time.Minute) || onward.Wanted.Scopes.String() != "ai.prediction.run" {
		t.Errorf("the data service's token: %+v", onward.Wanted)
	}
}

func TestPlatformRefuses(t *testing.T) {
	p := platform(t)
	root := decide(t, p, task())
	read := decide(t, p, child(t, root, 2, "research-agent", "research-agent", data, "ai.training.read"))
	without := task()
	without.Principal.Attributes = nil
	outside := task()
	outside.Client = "summarizer"
	for name, req := range map[string]Request{
		"a researcher without MFA":                       without,
		"a sub-agent with an outside token":              outside,
		"a sub-agent with the model's scope":             child(t, root, 2, "research-agent", "summarizer", data, "ai.prediction.run"),
		"a server of another resource":                   child(t, read, 3, "research-agent", "model-gateway", models, "ai.prediction.run"),
		"a server with a token that it did not receive":  child(t, root, 2, "research-agent", "data-gateway", models, "ai.prediction.run"),
		"the data service for more than may go onward":   child(t, read, 3, "research-agent", "data-gateway", models, "ai.predictions.execute"),
		"an agent that widens its token":                 child(t, read, 3, "research-agent", "research-agent", data, "ai.training.analyze"),
		"an agent beyond the depth of its rule":          child(t, read, 4, "research-agent", "research-agent", data, "ai.training.read"),
		"a client without a ceiling, though it has some": {Now: noon, Client: "model-gateway", Principal: researcher(), Scope: []string{"ai.prediction.run"}, Depth: 1},
	} {
		if d, err := p.Decide(req); err == nil {
			t.Errorf("%s was given %+v", name, d)
		}
	}
}

func TestPlatformDeploysOnce(t *testing.T) {
	p := platform(t)
	who, err := p.Admit("ci", map[string]any{"sub": "repo:example/models:production", "repository_owner": "example"})
	if err != nil {
		t.Fatal(err)
	}
	d := decide(t, p, Request{
		Now: noon, Client: "deploy-pipeline", Principal: who, NotAfter: noon.Add(time.Hour), Resources: []string{models}, Depth: 1,
	})
	if d.Wanted.Scopes.String() != "ai.deploy.manage" || d.Wanted.Uses != 1 || !d.Opaque || d.Wanted.NotAfter != noon.Add(5*time.Minute) {
		t.Errorf("got %+v", d)
	}
}

// TestPolicyIsShared: many requests read one policy at once (run with -race).
func TestPolicyIsShared(t *testing.T) {
	p, want := platform(t), decide(t, platform(t), task()).Bindings
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 50 {
				if d, err := p.Decide(task()); err != nil || !slices.Equal(d.Bindings, want) {
					t.Errorf("got %+v, %v", d, err)
				}
			}
		})
	}
	wait.Wait()
}

func TestAccessors(t *testing.T) {
	p := platform(t)
	if got := p.Administrators(); !slices.Equal(got, []string{"ops-console"}) {
		t.Errorf("administrators %q", got)
	}
	if got := p.Serves("data-gateway"); !slices.Equal(got, []string{data}) || p.Serves("nobody") != nil {
		t.Errorf("data-gateway serves %q", got)
	}
	if r, ok := p.Audience("data"); !ok || r.ID != data {
		t.Error("the alias data isn't known")
	}
	if len(p.Clients()) != 6 || len(p.Issuers()) != 2 || p.Issuers()[1].MaxAge != 12*time.Hour || p.Version() != 1 {
		t.Errorf("clients %q, issuers %+v", p.Clients(), p.Issuers())
	}
}

// TestT28_ResourceIsExact: no prefix, no normalising, and an alias is no identifier.
func TestT28_ResourceIsExact(t *testing.T) {
	p := platform(t)
	for _, name := range []string{data + "/", data + ".evil.net", "HTTPS://data.example.com", data + ":443", "https://data.example", "data", ""} {
		if _, ok := p.Resource(name); ok {
			t.Errorf("%q is taken for a resource", name)
		}
	}
	for _, name := range []string{"DATA", "data ", data + "/", ""} {
		if _, ok := p.Audience(name); ok {
			t.Errorf("%q is taken for an audience", name)
		}
	}
}

func scopesFor(t testing.TB, p *Policy, names ...string) scope.Set {
	t.Helper()
	set, unknown := p.Catalogue().Of(names...)
	if len(unknown) > 0 {
		t.Fatal("unknown", unknown)
	}
	return set
}

func TestEveryUseIsSaidByTheScope(t *testing.T) {
	p := platform(t)
	for scope, want := range map[string]bool{"ai.deploy.manage": true, "ai.training.read": false, "no.such": false, "": false} {
		if p.EveryUse(scope) != want {
			t.Errorf("EveryUse(%q) = %v", scope, !want)
		}
	}
}
