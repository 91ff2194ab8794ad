package engine

import (
	"slices"
	"testing"
)

func TestTheWholeChain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	task := w.trade("agent", outside(w.ana(), "ai.training.read", "ai.prediction.run"))
	if task.TokenType != "N_A" {
		t.Errorf("an exchange-only token is %q", task.TokenType)
	}
	read := w.trade("agent", own(task.AccessToken, "ai.training.read").at(dataAPI))
	child := w.trade("summarizer", own(read.AccessToken, "ai.training.read").at(dataAPI))
	in := w.look("data-gateway", child.AccessToken)
	if !in.Active || !slices.Equal(in.Scope, []string{"ai.training.read"}) || in.Task != task.Task || in.Depth != 3 || in.Subject != "corp:ana" {
		t.Errorf("the child: %+v", in)
	}
	if in.Actor == nil || in.Actor.Sub != "summarizer" || in.Actor.Act == nil || in.Actor.Act.Sub != "agent" || in.Actor.Act.Act != nil {
		t.Errorf("act = %+v", in.Actor)
	}
}
