package caller

import (
	"context"

	"github.com/whittle-sts/whittle/internal/clientauth"
)

type key struct{}

// Context is a context with the authenticated caller. Only the guard makes one: it is one object less than
// [context.WithValue], which boxes the value.
type Context struct {
	context.Context
	Caller clientauth.Caller
}

// Value implements [context.Context].
func (c *Context) Value(k any) any {
	if k == (key{}) {
		return &c.Caller
	}
	return c.Context.Value(k)
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
