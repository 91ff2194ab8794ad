package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	"github.com/whittle-sts/whittle/cmd/whittle/internal/show"
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/token"
)

func revocationCommand() *cobra.Command {
	return group("revocation", "Take power away from all that a selector matches, and list what is in force",
		`A revocation kills all tokens that its selector matches, with all their descendants; a block also refuses new
ones until it is lifted. Needs revoke.any. For a single token that you hold there is whittle token revoke.`,
		revocationCreate(), revocationList(), revocationUnblock())
}

// selectors are the kinds of what can be revoked.
var selectors = map[string]func(string) *whittlev1.Selector{
	"token": func(v string) *whittlev1.Selector {
		return &whittlev1.Selector{By: &whittlev1.Selector_Token{Token: v}}
	},
	"task": func(v string) *whittlev1.Selector {
		return &whittlev1.Selector{By: &whittlev1.Selector_Task{Task: v}}
	},
	"subject": func(v string) *whittlev1.Selector {
		return &whittlev1.Selector{By: &whittlev1.Selector_Subject{Subject: v}}
	},
	"client": func(v string) *whittlev1.Selector {
		return &whittlev1.Selector{By: &whittlev1.Selector_Client{Client: v}}
	},
	"group": func(v string) *whittlev1.Selector {
		return &whittlev1.Selector{By: &whittlev1.Selector_Group{Group: v}}
	},
	"issuer": func(v string) *whittlev1.Selector {
		return &whittlev1.Selector{By: &whittlev1.Selector_Issuer{Issuer: v}}
	},
	"key": func(v string) *whittlev1.Selector {
		return &whittlev1.Selector{By: &whittlev1.Selector_Key{Key: v}}
	},
}

// selector reads the two arguments that name what is revoked.
func selector(args []string) (*whittlev1.Selector, error) {
	of, known := selectors[args[0]]
	if !known {
		return nil, exit.With(exit.Usage, fmt.Errorf("nothing is revoked by %q: it is %s",
			args[0], strings.Join(slices.Sorted(maps.Keys(selectors)), ", ")))
	}
	if token.IsOpaque(args[1]) || strings.Count(args[1], ".") == 2 && strings.HasPrefix(args[1], "eyJ") {
		return nil, exit.With(exit.Usage, errors.New("that is a token itself, and arguments can be seen by others: whittle token revoke reads it from standard input"))
	}
	if args[0] == "task" || args[0] == "token" {
		if _, err := token.ParseID(args[1]); err != nil {
			return nil, exit.With(exit.Usage, fmt.Errorf("%q is no %s's id: those have 22 characters, as whittle token introspect shows them", args[1], args[0]))
		}
	}
	if args[1] == "" {
		return nil, exit.With(exit.Usage, fmt.Errorf("say which %s: the name is empty", args[0]))
	}
	return of(args[1]), nil
}

// selected is the two words for a selector.
func selected(s *whittlev1.Selector) (kind, value string) {
	m := s.ProtoReflect()
	field := m.WhichOneof(m.Descriptor().Oneofs().ByName("by"))
	if field == nil {
		return "", ""
	}
	return string(field.Name()), m.Get(field).String()
}

const selectorHelp = `

  token ID        a token's id (jti), with all that descends from it
  task ID         all tokens of a task (txn)
  subject SUB     whoever tokens speak for or are acted in by: issuer:subject, or a client's id
  client ID       a client that asked for tokens
  group NAME      a group that tokens rest on: issuer:group
  issuer NAME     an outside issuer, by the policy's name; stays blocked until lifted
  key KID         a signing key; stays blocked until lifted`

// kinds completes the first of the two arguments.
func kinds(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return slices.Sorted(maps.Keys(selectors)), cobra.ShellCompDirectiveNoFileComp
}

func revocationCreate() *cobra.Command {
	var ask whittlev1.RevokeRequest
	cmd := asking(&cobra.Command{
		Use:   "create KIND VALUE",
		Short: "Kill all tokens that a selector matches",
		Long: `Kills all tokens that a selector matches, and all that descends from them. When this returns it is durable, on
the record, and seen by every look that begins from now on. What can be named:` + selectorHelp,
		Example: `  whittle revocation create --reason 'the run went astray' -- task 0q3Zk1vTqW2m8yB4cD6eFg
  whittle revocation create client research-agent --block`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: kinds,
	}, func(c *call) (err error) {
		if ask.Selector, err = selector(c.args); err != nil {
			return err
		}
		res, err := c.server.Revocations().Revoke(c.ctx, &ask)
		if err != nil {
			return err
		}
		if who := ask.GetSelector().GetSubject(); who != "" && !strings.Contains(who, ":") {
			fmt.Fprintf(c.cmd.ErrOrStderr(), "%q is taken for a client's id; a person is named with the issuer, by the policy's name for it: ISSUER:%[1]s\n", who)
		}
		c.doubt(res)
		return c.revocation(res.GetRevocation())
	})
	cmd.Flags().BoolVar(&ask.Block, "block", false, "refuse new tokens too, until it is lifted")
	cmd.Flags().StringVar(&ask.Reason, "reason", "", "why, for the record")
	return cmd
}

func revocationUnblock() *cobra.Command {
	return asking(&cobra.Command{
		Use:   "unblock KIND VALUE",
		Short: "Let in again what a revocation blocks; no token comes back",
		Long: `Lifts every block by a selector, so that new tokens are issued again. Those that were revoked stay dead. What can be
named:` + selectorHelp,
		Example:           "  whittle revocation unblock client research-agent",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: kinds,
	}, func(c *call) error {
		what, err := selector(c.args)
		if err != nil {
			return err
		}
		res, err := c.server.Revocations().Unblock(c.ctx, &whittlev1.UnblockRequest{Selector: what})
		if err != nil {
			return err
		}
		return c.revocation(res.GetRevocation())
	})
}

// doubt tells whoever may have mistyped a name that the policy knows none of it. With --json too: whoever runs a
// script in an incident has to see it.
func (c *call) doubt(r *whittlev1.RevokeResponse) {
	for _, unknown := range []struct{ kind, name string }{{"client", r.GetUnknownClient()}, {"issuer", r.GetUnknownIssuer()}} {
		if unknown.name != "" {
			fmt.Fprintf(c.cmd.ErrOrStderr(), "the policy in force has no %s %q; it is revoked all the same, but if that is a typing error, who was meant goes on\n",
				unknown.kind, unknown.name)
		}
	}
}

// revocation shows the revocation that is now in force.
func (c *call) revocation(r *whittlev1.Revocation) error {
	kind, value := selected(r.GetSelector())
	blocks := "no: new tokens may be issued"
	if r.GetBlock() {
		blocks = "yes: no new tokens until it is lifted"
	}
	return c.answer(r, []show.Fact{
		{Name: "revoked", Value: kind + " " + value},
		{Name: "number", Value: strconv.FormatUint(r.GetSequence(), 10)},
		{Name: "blocks", Value: blocks},
		{Name: "kept until", Value: show.Time(r.GetExpires())},
		{Name: "reason", Value: r.GetReason()},
	})
}

// revocationsPage is how many are asked for at once.
const revocationsPage = 1000

func revocationList() *cobra.Command {
	return asking(&cobra.Command{
		Use:     "list",
		Short:   "List the revocations in force",
		Long:    "Lists the revocations in force, in their order. One is dropped when all that it could kill has ended.",
		Example: "  whittle revocation list",
		Args:    cobra.NoArgs,
	}, func(c *call) error {
		list, err := pages(0, func(page string) ([]*whittlev1.Revocation, string, error) {
			after, _ := strconv.ParseUint(page, 10, 64) // it is ours, or empty
			res, err := c.server.Revocations().ListRevocations(c.ctx, &whittlev1.ListRevocationsRequest{PageSize: revocationsPage, After: after})
			found := res.GetRevocations()
			if len(found) < revocationsPage {
				return found, "", err
			}
			return found, strconv.FormatUint(found[len(found)-1].GetSequence(), 10), err
		})
		if err != nil {
			return err
		}
		return show.List(c.Printer, []string{"number", "kind", "what", "blocks", "made", "by", "kept until", "reason"},
			list, func(r *whittlev1.Revocation) []string {
				kind, value := selected(r.GetSelector())
				blocks := ""
				if r.GetBlock() {
					blocks = "yes"
				}
				return []string{
					strconv.FormatUint(r.GetSequence(), 10), kind, value, blocks,
					show.Time(r.GetCreated()), r.GetCreatedBy(), show.Time(r.GetExpires()), r.GetReason(),
				}
			})
	})
}
