package show

import (
	"strings"
	"testing"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
)

func TestJSONIsTheSameEachTime(t *testing.T) {
	for range 20 {
		var out strings.Builder
		if err := (Printer{Out: &out, JSON: true}).Object(&whittlev1.Introspection{ClientId: "a b", Scope: []string{"x"}}); err != nil {
			t.Fatal(err)
		}
		const want = `{"active":false,"scope":["x"],"client_id":"a b","token_type":"","exp":"0","iat":"0","sub":"","aud":[],"iss":"","jti":"","txn":"","depth":0,"policy_version":"0"}` + "\n"
		if out.String() != want {
			t.Fatalf("%swant\n%s", out.String(), want)
		}
	}
}

func TestATerminalIsToldNothingByWhatIsShown(t *testing.T) {
	var out strings.Builder
	p := Printer{Out: &out}
	evil := "a\x1b]0;title\x07\u009b31m\u202eb\nc\td"
	p.Table([]string{"name"}, [][]string{{evil}, {""}})
	p.Facts([]Fact{{"name", evil}, {"empty", ""}})
	if text := Lines(evil + "\r\nnext\x1b"); text != "a.]0;title..31m.b\nc    d\nnext.\n" {
		t.Errorf("%q", text)
	}
	if strings.ContainsAny(out.String(), "\x1b\x07\u009b\u202e\t") || strings.Count(out.String(), "\n") != 4 || strings.Contains(out.String(), "empty") {
		t.Errorf("%q", out.String())
	}
}
