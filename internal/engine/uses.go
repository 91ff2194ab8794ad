package engine

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/scope"
	"github.com/whittle-sts/whittle/internal/token"
	"github.com/whittle-sts/whittle/store"
)

// What a resource server says of a use decides nothing: its answer is that of RFC 7662 whatever it says, since it
// alone knows what it does next. But it is on the record, and as not covered if the token doesn't hold the scope there.

// maxAction is the most bytes of an action.
const maxAction = 64

// maxTogether is how many uses of one batch wait for the record at a time.
const maxTogether = 256

// check judges what a caller said by itself.
func (u Use) check() error {
	if u.Scope != "" && scope.CheckName(u.Scope) != nil {
		return Refuse(InvalidRequest, "shape", "use_scope is not one scope")
	}
	if len(u.Action) > maxAction {
		return Refuse(InvalidRequest, "shape", "use_action is too long")
	}
	for i := range len(u.Action) {
		if c := u.Action[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return Refuse(InvalidRequest, "shape", `use_action is not ASCII without " and \`)
		}
	}
	return nil
}

// noted is one use of a token that is good for the caller and not use-limited.
type noted struct {
	*told

	claims *token.Claims
	what   Use
}

// purpose is a use of a token as the record has it.
func (l *look) purpose(t *told, u Use) audit.Purpose {
	p := audit.Purpose{Scope: u.Scope, Action: u.Action, Uncovered: u.Scope != "" && !slices.Contains(t.answer.Scope, u.Scope)}
	if p.Uncovered {
		l.engine.uncovered.Add(1)
	}
	return p
}

// UncoveredUses is how often a resource server named a scope that the token doesn't hold there, since the start.
func (e *Engine) UncoveredUses() uint64 { return e.uncovered.Load() }

// recordsEach says whether the use has an entry of its own: of a scope that the policy wants so, and if none is
// named, of a token that may be good for one.
func (l *look) recordsEach(t *told, u Use) bool {
	if u.Scope == "" {
		return t.each
	}
	return l.view.Policy.EveryUse(u.Scope)
}

// recordUses records uses, each by itself. They are durable when it returns; if they can't be, no token of the
// question may be called active.
func (l *look) recordUses(ctx context.Context, uses []noted) error {
	if len(uses) == 0 {
		return nil
	}
	if err := l.engine.room(); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxTogether)
	asked := *l // a copy, so that the look needn't outlive the many that record nothing
	for i := range uses {
		group.Go(func() error { return asked.recordUse(ctx, &uses[i]) })
	}
	return group.Wait()
}

func (l *look) recordUse(ctx context.Context, n *noted) error {
	event, err := l.exercised(audit.KindEveryUse, n.claims, l.purpose(n.told, n.what))
	if err != nil {
		return err
	}
	entry, err := l.engine.log.Prepare(event)
	if err != nil {
		return unavailable("record", err)
	}
	return l.engine.commit(ctx, func(store.Tx) (audit.Entry, error) { return entry, nil })
}
