package engine

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/token"
)

// family is tokens that came from one parent while it was being revoked.
type family struct {
	mu     sync.Mutex
	tokens []token.Secret
}

func (f *family) add(text token.Secret) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tokens = append(f.tokens, text)
}

func (f *family) all() []token.Secret {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tokens[:len(f.tokens):len(f.tokens)]
}

// While some trade and look, others revoke. Any look that begins after a revocation was answered sees
// it, and whatever was minted meanwhile is dead.
func TestRevocationUnderLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	agent, summarizer, gateway, ops := w.as("agent"), w.as("summarizer"), w.as("data-gateway"), w.as("ops")
	for name, revoke := range map[string]func(task token.Secret, claims *token.Claims) error{
		"by its owner": func(task token.Secret, _ *token.Claims) error { return w.RevokeToken(ctx, agent, task) },
		"by task": func(_ token.Secret, c *token.Claims) error {
			_, err := w.Revoke(ctx, ops, RevokeRequest{Selector: live.OfTask(c.Task)})
			return err
		},
		"by client": func(token.Secret, *token.Claims) error {
			_, err := w.Revoke(ctx, ops, RevokeRequest{Selector: live.OfClient("agent")})
			return err
		},
	} {
		for range 2 {
			task := w.task()
			claims, _ := w.claims(task)
			var children family
			var answered atomic.Bool
			stop := make(chan struct{})
			var workers sync.WaitGroup
			work := func(do func()) {
				workers.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
							do()
						}
					}
				})
			}
			for range 4 {
				work(func() {
					read, err := w.Exchange(ctx, agent, own(task, "ai.training.read").at(dataAPI))
					if err != nil {
						return
					}
					children.add(read.AccessToken)
					if child, err := w.Exchange(ctx, summarizer, own(read.AccessToken, "ai.training.read").at(dataAPI)); err == nil {
						children.add(child.AccessToken)
					}
				})
				work(func() {
					after := answered.Load()
					for _, text := range children.all() {
						in, err := w.Introspect(ctx, gateway, IntrospectRequest{Token: text})
						if err == nil && in.Active && after {
							t.Errorf("%s: active in a look that began after the answer", name)
						}
					}
				})
			}
			for len(children.all()) < 8 {
				w.look("data-gateway", task) // let them get going
			}
			w.check(revoke(task, claims))
			answered.Store(true)
			for _, text := range children.all() {
				if w.look("data-gateway", text).Active {
					t.Errorf("%s: a descendant is active", name)
				}
			}
			close(stop)
			workers.Wait()
			for _, text := range children.all() {
				if w.look("data-gateway", text).Active {
					t.Errorf("%s: a token that was minted meanwhile is active", name)
				}
			}
		}
	}
}

func TestNUsesAreExactlyN(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	batch := w.trade("agent", outside(w.ana(), "ai.batch.run").at(modelsAPI)).AccessToken
	var active atomic.Int32
	var lookers sync.WaitGroup
	for i := range 50 {
		caller := w.as([]string{"model-gateway", "second-gateway"}[i%2])
		lookers.Go(func() {
			in, err := w.Introspect(ctx, caller, IntrospectRequest{Token: batch, UseID: fmt.Sprint(i)})
			if err != nil {
				t.Error(err)
			}
			if in.Active {
				active.Add(1)
			}
		})
	}
	lookers.Wait()
	if active.Load() != 3 {
		t.Errorf("%d of 50 concurrent looks were active, want 3", active.Load())
	}
}

// A retry with its use id is free, also after the last use; each resource server has its own ids.
func TestRetriesOfAUseAreFree(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	batch := w.trade("agent", outside(w.ana(), "ai.batch.run").at(modelsAPI)).AccessToken
	look := func(client, useID string) string {
		in, err := w.Introspect(ctx, w.as(client), IntrospectRequest{Token: batch, UseID: useID})
		w.check(err)
		if !in.Active {
			return "inactive"
		}
		return fmt.Sprint(*in.UsesLeft)
	}
	for _, step := range []struct{ client, useID, want string }{
		{"model-gateway", "a", "2"},
		{"model-gateway", "a", "2"},
		{"second-gateway", "a", "1"},
		{"second-gateway", "a", "1"},
		{"model-gateway", "", "0"},
		{"model-gateway", "", "inactive"},
		{"model-gateway", "b", "inactive"},
		{"model-gateway", "a", "0"},
	} {
		if got := look(step.client, step.useID); got != step.want {
			t.Errorf("%s with use id %q: %s, want %s", step.client, step.useID, got, step.want)
		}
	}
	w.check(w.RevokeToken(ctx, w.as("agent"), batch))
	if got := look("model-gateway", "a"); got != "inactive" {
		t.Error("a retry revived a revoked token")
	}
}

// Whoever only watches uses nothing, and looking needs a permission.
func TestLookingIsNoUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	deploy := w.trade("deployer", outside(w.pipeline())).AccessToken
	for _, explicitly := range []bool{true, false} {
		in, err := w.Introspect(ctx, w.as("watcher"), IntrospectRequest{Token: deploy, Look: explicitly})
		if err != nil || !in.Active || *in.UsesLeft != 1 {
			t.Errorf("the watcher sees %+v, %v", in, err)
		}
	}
	_, err := w.Introspect(ctx, w.as("model-gateway"), IntrospectRequest{Token: deploy, Look: true})
	mustBe(t, err, AccessDenied)
	if batch, err := w.IntrospectBatch(ctx, w.as("model-gateway"), []token.Secret{deploy}, nil); err != nil || batch[0].Active {
		t.Errorf("in a batch: %+v, %v", batch, err)
	}
	if !w.look("model-gateway", deploy).Active || w.look("model-gateway", deploy).Active {
		t.Error("it doesn't work exactly once after all this")
	}
}

func TestTwoEditorsCantOverwriteEachOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	version := w.image.View().Policy.Version()
	outcomes := make(chan error, 8)
	ops := w.as("ops")
	for i := range cap(outcomes) {
		go func() {
			_, err := w.ApplyPolicy(ctx, ops, ApplyRequest{YAML: []byte(w.policy + fmt.Sprintf("# editor %d\n", i)), Expected: version})
			outcomes <- err
		}()
	}
	won := 0
	for range cap(outcomes) {
		if err := <-outcomes; err == nil {
			won++
		} else {
			mustBe(t, err, Conflict)
		}
	}
	if won != 1 || w.image.View().Policy.Version() != version+1 {
		t.Errorf("%d editors won, the version is %d", won, w.image.View().Policy.Version())
	}
	current, err := w.Policy(ctx, ops, 0)
	if err != nil || sha256.Sum256(current.YAML) != w.image.View().Policy.Digest() {
		t.Errorf("what is in force isn't what is stored: %v", err)
	}
}

// Policies applied one after another are put to work in that order, whoever comes back last.
func TestTheIssuersFollowTheNewestPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	ops := w.as("ops")
	deaf := strings.Replace(w.policy, "audiences: [whittle]", "audiences: [somebody-else]", 1)
	for range 20 {
		var editors sync.WaitGroup
		for _, yaml := range []string{w.policy, deaf, w.policy, deaf} {
			editors.Go(func() {
				_, _ = w.ApplyPolicy(ctx, ops, ApplyRequest{YAML: []byte(yaml), Expected: w.image.View().Policy.Version()})
			})
		}
		editors.Wait()
		_, err := w.Exchange(ctx, w.as("agent"), outside(w.ana(), "ai.training.read"))
		if hears := w.image.View().Policy.Digest() == sha256.Sum256([]byte(w.policy)); hears != (err == nil) {
			t.Fatalf("the policy takes corp's tokens: %v; the exchange: %v", hears, err)
		}
	}
}
