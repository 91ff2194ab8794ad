package rpc

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/internal/live"
)

func TestAnUnknownEnumIsNotTheDefault(t *testing.T) {
	for value, name := range whittlev1.TokenType_name {
		known := whittlev1.TokenType(value)
		if toTokenType(fromTokenType(known)) != known {
			t.Errorf("%s comes back as %v", name, toTokenType(fromTokenType(known)))
		}
	}
	if got := fromTokenType(99); got == "" || toTokenType(got) != 0 {
		t.Errorf("99 is %q", got)
	}
}

func TestASelectorOfAnUnknownKindSelectsNothing(t *testing.T) {
	for _, s := range []*whittlev1.Selector{nil, {}} {
		if got := fromSelector(s); got != (live.Selector{}) {
			t.Errorf("%v selects %v", s, got)
		}
	}
	if got := toSelector(live.Selector{Kind: "new", Value: "x"}); got != nil {
		t.Errorf("got %v", got)
	}
}

func TestALifetimeThatIsNoneIsMalformed(t *testing.T) {
	for _, c := range []struct {
		wish *durationpb.Duration
		want time.Duration
		ok   bool
	}{
		{nil, 0, true},
		{durationpb.New(time.Minute), time.Minute, true},
		{durationpb.New(0), 0, false},
		{durationpb.New(-time.Second), 0, false},
		{&durationpb.Duration{Seconds: 1, Nanos: -1}, 0, false},
	} {
		got, err := lifetimeOf(c.wish)
		if got != c.want || (err == nil) != c.ok || err != nil && engine.Fault(err).Code != engine.InvalidRequest {
			t.Errorf("%v: %v, %v", c.wish, got, err)
		}
	}
}

func TestAnInactiveTokenHasNoOtherMember(t *testing.T) {
	got := toIntrospection(&engine.Introspection{Subject: "corp:rita", Depth: 3, PolicyVersion: 7})
	if got.String() != new(whittlev1.Introspection).String() {
		t.Errorf("T16: %v", got)
	}
}
