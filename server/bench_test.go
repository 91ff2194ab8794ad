package server_test

import (
	"context"
	"testing"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/server/servertest"
)

// The whole way there and back, client included, with all that production has on.
func BenchmarkWires(b *testing.B) {
	w := servertest.Start(b, servertest.Options{Policy: servertest.ReadFile(b, "../test/scenarios/policies/platform.yaml")})
	subject := w.Token("corp", "rita", map[string]any{"groups": []string{"research"}, "amr": []string{"mfa"}})
	exchange := &whittlev1.ExchangeRequest{
		SubjectToken: subject, SubjectTokenType: whittlev1.TokenType_TOKEN_TYPE_JWT, Audience: []string{"data"}, Scope: []string{"ai.training.read"},
	}
	issued, err := w.GRPC().Exchange(context.Background(), w.Client("research-agent"), exchange)
	if err != nil {
		b.Fatal(err)
	}
	for _, wire := range w.Wires() {
		b.Run("introspect/"+wire.Name(), func(b *testing.B) {
			b.ReportAllocs()
			gateway, request := w.Client("data-gateway"), &whittlev1.IntrospectRequest{Token: issued.GetAccessToken()}
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if in, err := wire.Introspect(context.Background(), gateway, request); err != nil || !in.GetActive() {
						b.Errorf("%v, %v", in, err)
						return
					}
				}
			})
		})
		b.Run("exchange/"+wire.Name(), func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(32)
			agent := w.Client("research-agent")
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := wire.Exchange(context.Background(), agent, exchange); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
