package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/show"
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
)

func whyCommand() *cobra.Command {
	return asking(&cobra.Command{
		Use:   "why DECISION",
		Short: "Say why a decision was what it was",
		Long: `Finds the decision's entry in the audit log and says what decided: the rule, and which scope was
removed by what. Every refusal carries a decision id. Needs the permission audit.read.`,
		Example: "  whittle why 06h0mtdf0reb9p1qydj6jdf4xg",
		Args:    cobra.ExactArgs(1),
	}, func(c *call) error {
		res, err := c.explain(c.args[0])
		if err != nil {
			return err
		}
		return c.answer(res, explanation(res))
	})
}

// explain finds a decision's entry. A refusal is answered before it is recorded, so one that isn't there
// is asked for again for a moment.
func (c *call) explain(decision string) (*whittlev1.ExplainResponse, error) {
	return soon(c, recordedSoon, func() (*whittlev1.ExplainResponse, error) {
		return c.server.Audit().Explain(c.ctx, &whittlev1.ExplainRequest{Decision: decision})
	})
}

func explanation(res *whittlev1.ExplainResponse) []show.Fact {
	facts := []show.Fact{
		{Name: "decision", Value: res.GetDecision()},
		{Name: "entry", Value: strconv.FormatUint(res.GetIndex(), 10)},
		{Name: "time", Value: show.Time(res.GetTime())},
		{Name: "what", Value: res.GetKind() + ", " + res.GetOutcome()},
		{Name: "client", Value: res.GetClient()},
	}
	for _, p := range res.GetPeople() {
		facts = append(facts, show.Fact{Name: p.GetRole(), Value: person(p)})
	}
	facts = append(facts,
		show.Fact{Name: "policy", Value: fmt.Sprintf("version %d", res.GetPolicyVersion())},
		show.Fact{Name: "rule", Value: res.GetRule()},
		show.Fact{Name: "reason", Value: res.GetReason()},
		show.Fact{Name: "detail", Value: res.GetDetail()},
	)
	for _, r := range res.GetRemoved() {
		where := ""
		if r.GetResource() != "" {
			where = " at " + r.GetResource()
		}
		text := fmt.Sprintf("%s%s by %s %s", r.GetScope(), where, r.GetBy(), r.GetName())
		facts = append(facts, show.Fact{Name: "removed", Value: strings.TrimSpace(text)})
	}
	return facts
}

// person is whom an entry names, as `sub` writes it.
func person(p *whittlev1.AuditPerson) string {
	if p.GetErased() {
		return "(erased)"
	}
	return strings.TrimPrefix(p.GetIssuer()+":"+p.GetSubject(), ":")
}
