package server_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"testing"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/server/servertest"
)

var entriesLine = regexp.MustCompile(`(?m)^whittle_audit_entries_total (\S+)$`)

// entries is how many the log has.
func (b browser) entries() float64 {
	b.t.Helper()
	found := entriesLine.FindStringSubmatch(b.metrics())
	if found == nil {
		b.t.Fatal("the metrics don't say how many entries there are")
	}
	n, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// Whoever isn't known writes nothing, on any wire, whatever they send; of a known client's refusals the first few are
// entries, however it varies what it asks for.
func TestFloodsGrowTheLogByABoundedAmount(t *testing.T) {
	b := platform(t, nil)
	ctx, agent := context.Background(), b.Client("research-agent")
	text := b.exchangeForm().Get("subject_token")
	ask := func(label int) *whittlev1.ExchangeRequest {
		return &whittlev1.ExchangeRequest{
			SubjectToken: text, SubjectTokenType: whittlev1.TokenType_TOKEN_TYPE_JWT,
			Scope: []string{"ai.deploy.manage"}, TaskLabel: fmt.Sprint("task ", label),
		}
	}
	before := b.entries()
	for i := range 100 {
		for _, stranger := range []servertest.Client{{ID: "research-agent", Secret: "wrong"}, {ID: fmt.Sprint("nobody-", i), Secret: "ws_guessed"}, {}} {
			for _, wire := range b.Wires() {
				if _, err := wire.Exchange(ctx, stranger, ask(i)); err == nil {
					t.Fatal("a stranger has a token")
				}
			}
		}
		if got := b.send("POST", "/oauth2/token", "grant_type=%zz", "Content-Type", "application/x-www-form-urlencoded"); got.status == http.StatusOK {
			t.Fatal("what can't be read is answered")
		}
	}
	if n := b.entries() - before; n != 0 {
		t.Errorf("strangers wrote %v entries", n)
	}
	refused := 0
	for i := range 200 {
		for _, wire := range b.Wires() {
			if _, err := wire.Exchange(ctx, agent, ask(i)); err == nil {
				t.Fatal("it is granted")
			}
			refused++
		}
	}
	if n := b.entries() - before; n == 0 || n > 50 { // some of each reason and minute, and counts
		t.Errorf("%d refusals of one client wrote %v entries", refused, n)
	}
}
