package engine

import (
	"context"
	"testing"

	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/token"
)

// manyCallers is how many ask at once for each core: commits are shared among them, as in a server.
const manyCallers = 16

// BenchmarkExchange is all of an exchange but its wire, the durable entry included.
func BenchmarkExchange(b *testing.B) {
	w := newWorld(b)
	w.image.Revocations.Announce(live.OfClient("another"), false, w.Engine.clock.Now()) // as in any server, something is revoked
	for name, request := range map[string]ExchangeRequest{
		"own":     own(w.task(), "ai.training.read", "ai.training.analyze").at(dataAPI),
		"outside": outside(w.ana(), "ai.training.read", "ai.training.analyze").at(dataAPI),
	} {
		b.Run(name, func(b *testing.B) {
			agent := w.as("agent")
			b.SetParallelism(manyCallers)
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if _, err := w.Exchange(context.Background(), agent, request); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkIntrospect is a look at a token that was seen before.
func BenchmarkIntrospect(b *testing.B) {
	w := newWorld(b)
	gateway := w.as("data-gateway")
	request := IntrospectRequest{Token: w.trade("agent", own(w.task(), "ai.training.read").at(dataAPI)).AccessToken}
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if in, err := w.Introspect(context.Background(), gateway, request); err != nil || !in.Active {
				b.Fatal(in, err)
			}
		}
	})
	b.Run("batch=100", func(b *testing.B) {
		tokens := make([]token.Secret, 100)
		for i := range tokens {
			tokens[i] = request.Token
		}
		b.ReportAllocs()
		for b.Loop() {
			if list, err := w.IntrospectBatch(context.Background(), gateway, tokens, nil); err != nil || !list[99].Active {
				b.Fatal(list, err)
			}
		}
	})
}
