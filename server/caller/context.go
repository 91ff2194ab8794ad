package caller

import (
	"context"

	"github.com/whittle-sts/whittle/internal/clientauth"
)

type key struct{}

// withCaller is a context with a caller: one object less than [context.WithValue], which boxes it.
type withCaller struct {
	context.Context
	caller clientauth.Caller
}

func (c *withCaller) Value(k any) any {
	if k == (key{}) {
		return &c.caller
	}
	return c.Context.Value(k)
}

// NewContext is ctx with the authenticated caller. Only the guard calls it.
func NewContext(ctx context.Context, c clientauth.Caller) context.Context {
	return &withCaller{ctx, c}
}

// Of is the authenticated caller of a request that came through the guard. Without one it panics:
// that is a handler that was wired past the guard, and nothing it could do would be right.
func Of(ctx context.Context) clientauth.Caller {
	c, ok := ctx.Value(key{}).(*clientauth.Caller)
	if !ok {
		panic("caller: the request did not come through the guard")
	}
	return *c
}
