package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/principal"
	"github.com/whittle-sts/whittle/internal/token"
)

// hers is ana's token of corp, in which its issuer says that others act already.
func (w *world) hers() token.Secret {
	claims := anasClaims()
	claims["act"] = map[string]any{"sub": "bot", "act": map[string]any{"sub": "far", "iss": "https://far.example.com"}}
	return w.person("ana", claims)
}

// Whoever acts in an outside token can be revoked, or blocked, like whom it speaks for: what came of it is dead, and the token
// itself worth nothing.
func TestWhoActsInAnOutsideTokenEndsIt(t *testing.T) {
	t.Parallel()
	for _, who := range []string{"corp:bot", "corp:https://far.example.com far"} {
		for _, block := range []bool{false, true} {
			for _, as := range []string{"subject", "actor"} {
				t.Run(fmt.Sprint(who, " ", block, " ", as), func(t *testing.T) {
					t.Parallel()
					w := newWorld(t)
					w.apply(strings.Replace(w.policy, "wields: { issuer: ci } }", "wields: { issuer: corp } }", 1))
					req := outside(w.hers(), "ai.training.read").at(dataAPI)
					if as == "actor" {
						req.ActorToken, req.ActorTokenType, req.SubjectToken = req.SubjectToken, JWTType, w.ana()
					}
					task := req
					task.Resource = nil
					first, usable := w.trade("agent", task).AccessToken, w.trade("agent", req).AccessToken
					child := w.trade("summarizer", own(first, "ai.training.read").at(dataAPI)).AccessToken
					if !w.look("data-gateway", usable).Active || !w.look("data-gateway", child).Active {
						t.Fatal("it never lived")
					}
					_, err := w.Revoke(context.Background(), w.as("ops"), RevokeRequest{Selector: subjectOf(who), Block: block})
					w.check(err)
					if w.look("data-gateway", usable).Active || w.look("data-gateway", child).Active {
						t.Error("what they act in is active")
					}
					for _, req := range []ExchangeRequest{req, own(first, "ai.training.read").at(dataAPI)} {
						if got := w.refusal("agent", req, InvalidRequest).Reason(); got != audit.ReasonRevoked && got != audit.ReasonNotAlive {
							t.Errorf("refused for %q", got)
						}
					}
				})
			}
		}
	}
}

// The client that asks acts as well, whether or not a rule has it in `act`. Its new tokens stop if it is blocked.
func TestAClientThatActsEndsWhatItActsIn(t *testing.T) {
	t.Parallel()
	for _, impersonates := range []bool{false, true} {
		for _, block := range []bool{false, true} {
			w := newWorld(t)
			if impersonates {
				w.apply(strings.Replace(w.policy, "    partly_refused: narrow\n", "    partly_refused: narrow\n    impersonate: true\n", 1))
			}
			task := w.task()
			first, usable := w.trade("summarizer", own(task, "ai.training.read").at(dataAPI)), w.trade("agent", own(task, "ai.training.read").at(dataAPI))
			child := w.trade("summarizer", own(first.AccessToken, "ai.training.read").at(dataAPI)).AccessToken
			_, err := w.Revoke(context.Background(), w.as("ops"), RevokeRequest{Selector: live.OfSubject(principal.Client("summarizer")), Block: block})
			w.check(err)
			if w.look("data-gateway", first.AccessToken).Active || w.look("data-gateway", child).Active {
				t.Errorf("impersonates %t, block %t: what it acts in is active", impersonates, block)
			}
			if !w.look("data-gateway", usable.AccessToken).Active {
				t.Errorf("impersonates %t, block %t: what it never acted in is dead", impersonates, block)
			}
			w.refusal("summarizer", own(task, "ai.training.read").at(dataAPI), InvalidRequest) // rooted before
			_, err = w.Exchange(context.Background(), w.as("summarizer"), own(w.task(), "ai.training.read").at(dataAPI))
			if (err != nil) != block {
				t.Errorf("impersonates %t, block %t: of a task that began after it: %v", impersonates, block, err)
			}
		}
	}
}

// Who acts in a token that is presented is a person to the record, each once, and found by it.
func TestWhoActsInAnOutsideTokenIsOnTheRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apply(strings.Replace(w.policy, "wields: { issuer: ci } }", "wields: { issuer: corp } }", 1))
	req := outside(w.hers(), "ai.training.read")
	req.ActorToken, req.ActorTokenType = w.person("bot", map[string]any{"act": map[string]any{"sub": "deep"}}), JWTType
	granted := w.trade("agent", req)
	var people []string
	for _, p := range w.explain(granted.Decision).People {
		people = append(people, string(p.Role)+" "+p.Issuer+":"+p.Subject)
	}
	want := "[subject corp:ana actor corp:bot actor corp:deep actor corp:https://far.example.com far]"
	if fmt.Sprint(people) != want {
		t.Errorf("the entry names %s, want %s", people, want)
	}
	_, err := w.Revoke(context.Background(), w.as("ops"), RevokeRequest{Selector: subjectOf("corp:deep")})
	w.check(err)
	refused := w.refusal("agent", req, InvalidRequest)
	w.explain(refused.Decision)
	page, err := w.Entries(context.Background(), w.as("ops"), EntriesRequest{Limit: 10, Filter: EntryFilter{Subject: "corp:deep"}})
	w.check(err)
	var found []string
	for _, e := range page.Entries {
		found = append(found, e.Decision)
	}
	if len(found) != 3 || found[0] != granted.Decision || found[2] != refused.Decision { // between them the revocation
		t.Errorf("found %s", found)
	}
	items, err := w.exported("corp:deep")
	w.check(err)
	if about := entriesOf(items); len(about) != 3 || about[0].Subject != "deep" || about[0].Role != audit.RoleActor {
		t.Errorf("exported %+v", about)
	}
	_, err = w.ErasePerson(context.Background(), w.as("desk"), "corp:deep")
	w.check(err)
	if p := w.explain(granted.Decision).People[2]; !p.Erased || p.Subject != "" {
		t.Errorf("erased, and %+v", p)
	}
}
