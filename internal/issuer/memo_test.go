package issuer

import (
	"testing"

	"github.com/whittle-sts/whittle/internal/lately"
)

func TestATokenIsKeptWhenItComesASecondTime(t *testing.T) {
	t.Parallel()
	m, d := newMemo(), lately.DigestOf("a token")
	for time, want := range []bool{false, false, true, true} { // before it comes so often
		if _, kept := m.get(d); kept != want {
			t.Errorf("after it came %d times it is kept: %v", time, kept)
		}
		m.put(d, verified{size: 500})
	}
}

func TestTheKindsOfOneTextAreTwoTokens(t *testing.T) {
	t.Parallel()
	if digestOf("a token", JWT) == digestOf("a token", IDToken) {
		t.Error("one passes for the other")
	}
}
