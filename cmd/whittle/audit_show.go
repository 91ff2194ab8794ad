package main

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/show"
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
)

func auditShow() *cobra.Command {
	return asking(&cobra.Command{
		Use:   "show INDEX|DECISION",
		Short: "Show an entry as it is stored, and the people whom it names",
		Long: `Shows an entry by its index or its decision id: its hash, the people whom it names, opened, and its stored form, in
which what names people is sealed. whittle why says in words what decided.`,
		Example: "  whittle audit show 4\n  whittle audit show 06h0mtdf0reb9p1qydj6jdf4xg",
		Args:    cobra.ExactArgs(1),
	}, func(c *call) error {
		index, err := strconv.ParseUint(c.args[0], 10, 64)
		if err != nil {
			found, err := c.explain(c.args[0])
			if err != nil {
				return err
			}
			index = found.GetIndex()
		}
		res, err := c.server.Audit().GetEntry(c.ctx, &whittlev1.GetEntryRequest{Index: index})
		if err != nil {
			return err
		}
		if c.JSON {
			return c.Object(res.GetEntry())
		}
		return c.whole(res.GetEntry())
	})
}

// whole prints all of an entry.
func (c *call) whole(e *whittlev1.AuditEntry) error {
	facts := []show.Fact{
		{Name: "entry", Value: strconv.FormatUint(e.GetIndex(), 10)},
		{Name: "leaf hash", Value: hex.EncodeToString(e.GetLeafHash())},
	}
	for _, p := range e.GetPeople() {
		facts = append(facts, show.Fact{Name: p.GetRole(), Value: person(p)})
	}
	if class := e.GetDropped(); class != "" {
		return c.Facts(append(facts,
			show.Fact{Name: "decision", Value: e.GetDroppedDecision()}, show.Fact{Name: "time", Value: show.Time(e.GetDroppedTime())},
			show.Fact{Name: "dropped", Value: "its body, when the time of entries of class " + class + " was over"}))
	}
	if err := c.Facts(facts); err != nil {
		return err
	}
	return object(c.Out, jsontext.Value(e.GetSealed()))
}

// summary is what a list shows of an entry's stored form, whatever else is in it.
type summary struct {
	Client   string `json:"client"`
	Decision string `json:"decision"`
	Kind     string `json:"kind"`
	Outcome  string `json:"outcome"`
	Reason   string `json:"reason"`
	Rule     string `json:"rule"`
	Time     string `json:"time"`
}

func stored(e *whittlev1.AuditEntry) (s summary) {
	if class := e.GetDropped(); class != "" {
		return summary{Kind: "dropped", Outcome: class, Decision: e.GetDroppedDecision(), Time: show.Time(e.GetDroppedTime())}
	}
	if err := json.Unmarshal(e.GetSealed(), &s); err != nil {
		s.Kind = fmt.Sprintf("unreadable: %v", err)
	}
	if at, _, cut := strings.Cut(s.Time, "."); cut {
		s.Time = at + "Z" // whole seconds in a list
	}
	return s
}
