package guard_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/engine"
	"github.com/whittle-sts/whittle/server/caller"
	"github.com/whittle-sts/whittle/server/fault"
	"github.com/whittle-sts/whittle/server/guard"
)

// revoking is a porch whose clients can be taken away.
type revoking struct {
	*porch
	gone bool
}

func (r *revoking) Authenticate(c clientauth.Credentials, o clientauth.Origin) (clientauth.Caller, error) {
	if r.gone {
		return clientauth.Caller{}, clientauth.ErrInvalid
	}
	return r.porch.Authenticate(c, o)
}

func TestAStreamHasItsCallerAndNoDeadline(t *testing.T) {
	p := &porch{}
	err := p.guard(t).Stream(context.Background(), by("agent", exchange), func(ctx context.Context, again guard.Again) error {
		if _, limited := ctx.Deadline(); limited || caller.Of(ctx).ID != "agent" || again() != nil {
			t.Error("not as it should be")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestWhoeverIsTakenAwayIsRefusedOnTheRecord(t *testing.T) {
	r := &revoking{porch: &porch{}}
	c := r.config()
	c.Authenticator = r
	g, err := guard.New(c)
	if err != nil {
		t.Fatal(err)
	}
	err = g.Stream(context.Background(), by("agent", exchange), func(_ context.Context, again guard.Again) error {
		r.gone = true
		return again()
	})
	if got := fault.Of(err); got.Code != engine.InvalidClient || got.Decision == "" {
		t.Errorf("%v", err)
	}
}

func TestHowAStreamEnds(t *testing.T) {
	for _, c := range []struct {
		name   string
		end    func(g *guard.Guard, client context.CancelFunc)
		fails  error
		want   engine.Code // "": it ends well
		logged bool
	}{
		{"the client leaves", func(_ *guard.Guard, client context.CancelFunc) { client() }, nil, "", false},
		{"the client leaves while a message is sent", func(_ *guard.Guard, client context.CancelFunc) { client() }, errors.New("broken pipe"), "", false},
		{"the server stops", func(g *guard.Guard, _ context.CancelFunc) { g.Stop() }, nil, engine.TemporarilyUnavailable, false},
		{"a fault of ours", func(*guard.Guard, context.CancelFunc) {}, errors.New("hunter2"), engine.ServerError, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &porch{}
			g := p.guard(t)
			ctx, client := context.WithCancel(context.Background())
			defer client()
			err := g.Stream(ctx, by("agent", exchange), func(open context.Context, _ guard.Again) error {
				c.end(g, client)
				if c.fails == nil {
					<-open.Done()
					return open.Err()
				}
				return c.fails
			})
			if c.want == "" && err != nil || c.want != "" && fault.Of(err).Code != c.want {
				t.Errorf("%v", err)
			}
			if err != nil && strings.Contains(fault.GRPC(err).Error(), "hunter2") {
				t.Error("the cause leaves")
			}
			if failed := strings.Contains(p.log.String(), "hunter2"); failed != c.logged {
				t.Errorf("logged %q", p.log.String())
			}
		})
	}
}

func TestAStreamThatPanicsIsANeutralFaultAndMakesRoom(t *testing.T) {
	p := &porch{}
	g := p.guard(t)
	for range 100 { // more than a client may have open
		err := g.Stream(context.Background(), by("agent", exchange), func(context.Context, guard.Again) error { panic("hunter2") })
		if fault.Of(err).Code != engine.ServerError || strings.Contains(fault.GRPC(err).Error(), "hunter2") {
			t.Fatalf("%v", fault.GRPC(err))
		}
	}
}
