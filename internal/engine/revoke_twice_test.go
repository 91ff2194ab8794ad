package engine

import (
	"context"
	"testing"
	"time"

	"github.com/whittle-sts/whittle/internal/token"
)

// An issuer gives two tokens one `jti`, of which one ends sooner. Whichever is revoked, and in whatever order, what that
// kills stays dead when the sooner one would have ended, and so does what was traded for it.
func TestWhatARevokedTokenKilledStaysDeadWhateverSharesItsID(t *testing.T) {
	t.Parallel()
	for name, revoked := range map[string][]int{"the one that ends sooner": {0}, "first that one, then the other": {0, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			now := w.clock.now()
			person := func(life time.Duration) token.Secret {
				return w.person("ana", map[string]any{"groups": []string{"research"}, "amr": []string{"mfa"}, "jti": "same", "exp": now.Add(life).Unix()})
			}
			both := []token.Secret{person(10 * time.Minute), person(10 * time.Hour)}
			task := w.trade("agent", outside(both[1], "ai.training.read")).AccessToken
			read := w.trade("agent", own(task, "ai.training.read").at(dataAPI)).AccessToken
			for _, i := range revoked {
				w.check(w.RevokeToken(context.Background(), w.as("ops"), both[i]))
			}
			for range 2 {
				if w.look("data-gateway", read).Active {
					t.Errorf("at %v the token is active", w.clock.now().Sub(now))
				}
				if issued, err := w.Exchange(context.Background(), w.as("agent"), own(task, "ai.training.read")); err == nil {
					t.Errorf("at %v the task's token is traded: %v", w.clock.now().Sub(now), issued.Scope)
				}
				if issued, err := w.Exchange(context.Background(), w.as("agent"), outside(both[1], "ai.training.read")); err == nil {
					t.Errorf("at %v the outside token is traded: %v", w.clock.now().Sub(now), issued.Scope)
				}
				w.clock.pass(12 * time.Minute)
				w.check(w.KeepOnce(context.Background()))
			}
		})
	}
}
