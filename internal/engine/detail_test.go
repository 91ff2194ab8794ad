package engine

import (
	"strings"
	"testing"
	"time"
)

// Whoever asks why must learn which name and which moment it was.
func TestTheDetailNamesWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ana := w.ana()
	unknown := w.refusal("agent", outside(ana, "ai.training.read").at("https://unknown.example.com"), InvalidTarget)
	if got := w.explain(unknown.Decision).Detail; got != `the policy has no resource "https://unknown.example.com"` {
		t.Errorf("%q", got)
	}
	if strings.Contains(unknown.Description, "example.com") {
		t.Errorf("the caller is told %q", unknown.Description)
	}
	w.clock.pass(24 * time.Hour)
	ended := w.refusal("agent", outside(ana, "ai.training.read"), InvalidRequest)
	if got := w.explain(ended.Decision).Detail; !strings.Contains(got, "ended at 20") {
		t.Errorf("%q", got)
	}
}
