package engine

import (
	"context"
	"testing"
	"time"
)

// What a clock that was ahead let go of has ended, whatever the clock says after the next start.
func TestAClockThatWasAheadAtTheStartRevivesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	task := w.task()
	child := w.trade("agent", own(task, "ai.training.read").at(dataAPI)).AccessToken
	_, err := w.Revoke(ctx, w.as("ops"), RevokeRequest{Selector: subjectOf("corp:ana")})
	w.check(err)
	const ahead = (7*24 + 2) * time.Hour
	w.stop()
	w.clock.jump(ahead)
	w.start()
	w.check(w.KeepOnce(ctx))
	if n := w.image.Revocations.Len(); n != 0 {
		t.Fatalf("%d revocations are left, so this says nothing", n)
	}
	w.stop()
	w.clock.jump(-ahead)
	w.start()
	if w.Engine.clock.Trust() == nil {
		t.Error("a clock that went back by a week is trusted")
	}
	if w.look("data-gateway", child).Active {
		t.Error("what was revoked is active again")
	}
	if _, err := w.Exchange(ctx, w.as("agent"), own(task, "ai.training.read").at(dataAPI)); err == nil {
		t.Error("and is traded")
	}
}

// While the clock isn't trusted it goes on by the time that passes, behind a wall that jumped ahead, as after a machine slept.
func TestARevocationUnderAJumpedClockIsNotTooEarly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	w.clock.jump(time.Hour)
	stolen := outside(w.ana(), "ai.training.read").at(dataAPI) // of the wall's time, which is the issuer's
	w.clock.pass(3 * time.Minute)
	_, err := w.Revoke(ctx, w.as("ops"), RevokeRequest{Selector: subjectOf("corp:ana")})
	w.check(err)
	w.stop()
	w.start()
	w.check(w.Engine.clock.Trust())
	w.refusal("agent", stolen, InvalidRequest)
	w.clock.pass(2 * time.Minute)
	w.trade("agent", outside(w.ana(), "ai.training.read").at(dataAPI)) // whoever logs in anew is let in
}
