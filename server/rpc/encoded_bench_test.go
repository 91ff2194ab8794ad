package rpc

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/internal/principal"
)

func someIntrospection() *engine.Introspection {
	return &engine.Introspection{
		Active: true, Scope: []string{"ai.training.analyze", "ai.training.read"}, ClientID: "research-agent", TokenType: "Bearer",
		Expires: time.Unix(1_800_000_600, 0), IssuedAt: time.Unix(1_800_000_000, 0), Subject: "corp:00u1ana",
		Audience: []string{"https://data.example.com"}, Issuer: "https://sts.example.com", Actor: &principal.Actor{Sub: "research-agent"},
		Depth: 2, PolicyVersion: 7,
	}
}

// BenchmarkEncode is what the codec does with an answer that is kept.
func BenchmarkEncode(b *testing.B) {
	encoded, err := encodedIntrospection(someIntrospection())
	if err != nil {
		b.Fatal(err)
	}
	for name, kept := range map[string]*whittlev1.Introspection{"message": toIntrospection(someIntrospection()), "encoded": encoded} {
		b.Run(name, func(b *testing.B) {
			var room [1024]byte
			b.ReportAllocs()
			for b.Loop() {
				answer := &whittlev1.IntrospectResponse{Introspection: kept}
				if _, err := (proto.MarshalOptions{UseCachedSize: proto.Size(answer) > 0}).MarshalAppend(room[:0], answer); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Whoever receives it can't tell which of the two it was.
func TestAnAnswerThatIsEncodedIsTheSameOnTheWire(t *testing.T) {
	encoded, err := encodedIntrospection(someIntrospection())
	if err != nil {
		t.Fatal(err)
	}
	var got whittlev1.IntrospectResponse
	text, err := proto.Marshal(&whittlev1.IntrospectResponse{Introspection: encoded})
	if err == nil {
		err = proto.Unmarshal(text, &got)
	}
	if want := toIntrospection(someIntrospection()); err != nil || !proto.Equal(got.GetIntrospection(), want) {
		t.Errorf("%v, %v", &got, err)
	}
}
