package principal_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/whittle-sts/whittle/internal/principal"
)

func TestAnIDReadsBackAsWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := principal.ID{
			Issuer:  rapid.StringMatching(`[a-z0-9][a-z0-9-]{0,31}|`).Draw(t, "issuer"),
			Subject: rapid.String().Draw(t, "subject"),
		}
		if id.IsClient() {
			id.Subject = rapid.StringMatching(`[a-z0-9][a-z0-9._-]{0,62}`).Draw(t, "client")
		}
		if got := principal.ParseID(id.String()); got != id {
			t.Fatalf("%+v reads back as %+v", id, got)
		}
	})
}

func TestWhatCanBeAName(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"ana": true, "Ana Ünal": true, strings.Repeat("a", principal.MaxName): true,
		"": false, strings.Repeat("a", principal.MaxName+1): false, "ana\nadmin": false, "ana\xff": false, "a\u202eb": false,
		"ws_" + strings.Repeat("aB3", 15): false, "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbmEifQ.": false, "ws_ana": true,
	} {
		if principal.Nameable(s) != want {
			t.Errorf("Nameable(%q) = %v", s, !want)
		}
	}
}

func TestNobodyIsTakenForAnother(t *testing.T) {
	t.Parallel()
	seen := make(map[string]principal.ID)
	for _, id := range []principal.ID{
		principal.Client("agent"), {Issuer: "corp", Subject: "agent"}, {Issuer: "ci", Subject: "agent"},
		{Issuer: "corp", Subject: "ci:agent"}, {Issuer: "ci", Subject: "corp:agent"}, {Issuer: "corp", Subject: ":agent"},
	} {
		if other, taken := seen[id.String()]; taken {
			t.Errorf("%+v and %+v have one name", id, other)
		}
		seen[id.String()] = id
	}
}

func TestOnlyAClientHasASubjectWithoutAnIssuer(t *testing.T) {
	t.Parallel()
	client, user := principal.Client("agent"), principal.ID{Issuer: "corp", Subject: ""}
	if client.String() != "agent" || !client.IsClient() {
		t.Errorf("a client is %q", client)
	}
	if user.String() != "corp:" || user.IsClient() {
		t.Errorf("a user without a subject is %q", user)
	}
}

func TestAPrincipalIsInItsGroupsOnly(t *testing.T) {
	t.Parallel()
	p := principal.Principal{ID: principal.ID{Issuer: "corp", Subject: "ana"}, Groups: []string{"research"}}
	for group, want := range map[string]bool{"research": true, "": false, "Research": false, "research ": false} {
		if p.In(group) != want {
			t.Errorf("In(%q) = %v", group, !want)
		}
	}
}

func TestDepthCountsActors(t *testing.T) {
	t.Parallel()
	var chain *principal.Actor
	for n := range 3 {
		if chain.Depth() != n {
			t.Errorf("depth %d of %d actors", chain.Depth(), n)
		}
		chain = &principal.Actor{Sub: "x", Act: chain}
	}
}

func TestAllWhoActAreTheNewestFirst(t *testing.T) {
	t.Parallel()
	var chain *principal.Actor
	if n := len(slices.Collect(chain.All())); n != 0 {
		t.Errorf("%d act where nobody does", n)
	}
	chain = &principal.Actor{Sub: "agent", Act: &principal.Actor{Sub: "corp:a:b"}}
	if got := slices.Collect(chain.All()); !slices.Equal(got, []principal.ID{principal.Client("agent"), {Issuer: "corp", Subject: "a:b"}}) {
		t.Errorf("%v act", got)
	}
	for range chain.All() {
		break
	}
}
