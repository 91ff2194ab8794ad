package policy

import "testing"

func TestOnlyComparisonsWithConstantsAreNotCounted(t *testing.T) {
	made, err := newExpressions()
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		`principal.attributes.mfa == true`:                                      true,
		`principal.attributes.a.b["c"] != "x" && !(principal.attributes.n < 3)`: true,
		`principal.subject == "ana" || principal.issuer == "corp"`:              true,
		`principal.attributes.a == principal.attributes.b`:                      false, // two lists that a token brings
		`principal.attributes.a == ["x"]`:                                       false,
		`"x" in principal.groups`:                                               false,
		`"x" in principal.attributes.list`:                                      false,
		`principal.attributes.list.exists(e, e == "x")`:                         false,
		`principal.subject.matches("^a+$")`:                                     false,
		`principal.attributes.a + "x" == "ax"`:                                  false,
		`size(principal.attributes.list) == 3`:                                  false,
	} {
		checked, issues := made.principal.Compile(text)
		if issues.Err() != nil {
			t.Fatalf("%s: %v", text, issues.Err())
		}
		if got := bounded(checked); got != want {
			t.Errorf("%s is bounded: %v", text, got)
		}
	}
}
