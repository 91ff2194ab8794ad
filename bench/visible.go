package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
)

// visibility is what a run saw of revocations while tokens were looked at all the time.
type visibility struct {
	Revoked, Seen, Late int
	P50, P99            time.Duration // of a revocation
}

// visible revokes tokens while others look at them without a pause. A look that begins after a revocation
// was answered and finds the token good is late: there must be none.
func (w *world) visible(ctx context.Context, tokens []string) (v visibility, err error) {
	var looks, late atomic.Int64
	var dead sync.Map // by token: its revocation was answered
	done := make(chan struct{})
	var watchers sync.WaitGroup
	errs := make([]error, 8)
	for k := range errs {
		watchers.Go(func() {
			for i := k * len(tokens) / len(errs); ; i++ {
				select {
				case <-done:
					return
				default:
				}
				text := tokens[i%len(tokens)]
				_, revoked := dead.Load(text) // before the look begins
				active, err := w.active(ctx, text)
				if err != nil {
					errs[k] = err
					return
				}
				looks.Add(1)
				if active && revoked {
					late.Add(1)
				}
			}
		})
	}
	took := make([]time.Duration, len(tokens))
	_, err = inParallel(len(tokens), w.revoking(ctx, tokens, took, &dead, &late))
	close(done)
	watchers.Wait()
	slices.Sort(took)
	return visibility{
		Revoked: len(tokens), Seen: int(looks.Load()), Late: int(late.Load()), P50: took[len(took)/2], P99: took[len(took)*99/100],
	}, errors.Join(append(errs, err)...)
}

// revoking revokes the next of the tokens, says how long that took, and looks at it at once.
func (w *world) revoking(ctx context.Context, tokens []string, took []time.Duration, dead *sync.Map, late *atomic.Int64) func() (string, error) {
	var next atomic.Int64
	return func() (string, error) {
		i := next.Add(1) - 1
		text := tokens[i]
		if active, err := w.active(ctx, text); err != nil || !active {
			return "", fmt.Errorf("a token is inactive before it was revoked (%w)", err)
		}
		began := time.Now()
		if _, err := w.revokes.RevokeToken(w.as(ctx, agent), &whittlev1.RevokeTokenRequest{Token: text}); err != nil {
			return "", err
		}
		took[i] = time.Since(began)
		dead.Store(text, true)
		active, err := w.active(ctx, text)
		if active {
			late.Add(1)
		}
		return text, err
	}
}

// active is what the gateway is told.
func (w *world) active(ctx context.Context, text string) (bool, error) {
	answer, err := w.looks.Introspect(w.as(ctx, gateway), &whittlev1.IntrospectRequest{Token: text})
	return answer.GetIntrospection().GetActive(), err
}
