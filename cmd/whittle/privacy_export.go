package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/show"
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
)

func privacyExport() *cobra.Command {
	return asking(&cobra.Command{
		Use:   "export SUBJECT|-",
		Short: "Hand out all that is held about a person",
		Long: `Writes all that is held about a person: the lines of policies that name them, past ones too, the revocations in force,
and every entry of the record that names them in any role, with what it says of them opened and what it says of others
sealed. It is complete only if the command succeeds. That it was asked for is on the record. With --json each
thing is a line of JSON, by the names of the contract.

Not in it, since nobody can find it by the person: the claims of opaque tokens, which only their holder's text
opens, and how often a token was used, which is counted by its id; the ids are in the entries.`,
		Example: `  whittle privacy export corp:ana
  printf %s corp:ana | whittle privacy export --json - > ana.jsonl`,
		Args: cobra.ExactArgs(1),
	}, func(c *call) error {
		who, err := c.subject()
		if err != nil {
			return err
		}
		stream, err := c.server.PersonExport().ExportPerson(c.ctx, &whittlev1.ExportPersonRequest{Subject: who})
		if err != nil {
			return err
		}
		defer stream.Close()
		entries := 0
		for {
			item, err := stream.Receive()
			switch {
			case errors.Is(err, io.EOF):
				c.note("complete: %d entries", entries)
				return nil
			case err != nil:
				return fmt.Errorf("this is not all: %w", c.server.Explain(err))
			case c.JSON:
				err = c.Object(item)
			default:
				err = c.held(who, item)
			}
			if err != nil {
				return err
			}
			if item.GetEntry() != nil {
				entries++
			}
		}
	})
}

// held prints one thing that is held.
func (c *call) held(who string, item *whittlev1.ExportPersonResponse) error {
	switch {
	case item.GetPerson() != nil:
		known := []show.Fact{{Name: "person", Value: who}, {Name: "record", Value: "no entry names them"}}
		if p := item.GetPerson(); p.GetKey() != "" {
			known = []show.Fact{{Name: "person", Value: who}, {Name: "key", Value: p.GetKey()}, {Name: "since", Value: show.Time(p.GetSince())}}
		}
		return c.Facts(known)
	case item.GetMention() != nil:
		_, err := fmt.Fprintf(c.Out, "\n%s names them:\n  %s\n", whereNamed(item.GetMention()), show.Clean(item.GetMention().GetText()))
		return err
	case item.GetRevocation() != nil:
		fmt.Fprintln(c.Out)
		return c.revocation(item.GetRevocation())
	}
	return c.about(item.GetEntry())
}

// about prints an entry with what it says of the person.
func (c *call) about(e *whittlev1.PersonEntry) error {
	s := stored(e.GetEntry())
	fmt.Fprintf(c.Out, "\nentry %d, %s: %s, %s\n", e.GetEntry().GetIndex(), s.Time, s.Kind, s.Outcome)
	for _, p := range e.GetAbout() {
		name := p.GetSubject()
		if p.GetIssuer() != "" {
			name = p.GetIssuer() + ":" + name
		}
		if err := c.Facts([]show.Fact{
			{Name: "  " + p.GetRole(), Value: name},
			{Name: "  groups", Value: strings.Join(p.GetGroups(), ", ")},
			{Name: "  attributes", Value: p.GetAttributes()},
			{Name: "  bindings", Value: strings.Join(p.GetBindings(), ", ")},
			{Name: "  task label", Value: p.GetTaskLabel()},
			{Name: "  reason", Value: p.GetReason()},
			{Name: "  detail", Value: p.GetDetail()},
		}); err != nil {
			return err
		}
	}
	return object(c.Out, jsontext.Value(e.GetEntry().GetSealed()))
}
