package engine

import (
	"testing"

	"github.com/whittle-sts/whittle/internal/live"
)

// A typing error in an incident must not look like success.
func TestARevocationSaysWhatThePolicyDoesNotKnow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		kind           live.Kind
		value          string
		client, issuer string
	}{
		{live.Client, "agent", "", ""},
		{live.Client, "agnet", "agnet", ""},
		{live.Client, "bootstrap", "", ""},
		{live.Issuer, "corp", "", ""},
		{live.Issuer, "crop", "", "crop"},
		{live.Subject, "corp:nobody-we-know", "", ""},
		{live.Subject, "crop:ana", "", "crop"},
		{live.Subject, "ana", "ana", ""},
		{live.Subject, "agent", "", ""},
		{live.Group, "crop:staff", "", "crop"},
		{live.Key, "crop/kid", "", "crop"},
		{live.Key, "a-kid-of-ours", "", ""},
		{live.Task, "AAAAAAAAAAAAAAAAAAAAAA", "", ""},
	} {
		client, issuer := w.Unknown(live.Selector{Kind: c.kind, Value: c.value})
		if client != c.client || issuer != c.issuer {
			t.Errorf("%s %s: client %q, issuer %q", c.kind, c.value, client, issuer)
		}
	}
}
