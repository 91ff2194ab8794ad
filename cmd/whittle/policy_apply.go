package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	"github.com/whittle-sts/whittle/cmd/whittle/internal/show"
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
)

// change is what is said about a change of the policy.
type change struct {
	note   string
	expect uint64
}

func (ch *change) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&ch.note, "note", "", "what this version is about, for the record")
	cmd.Flags().Uint64Var(&ch.expect, "expect", 0,
		"the version that you edited: if another is in force by now, nothing is applied (default: the one in force)")
}

// expected is the version that has to be in force: the one that was named, else the one that is.
func (ch *change) expected(c *call) (uint64, error) {
	if c.cmd.Flags().Changed("expect") {
		return ch.expect, nil
	}
	current, err := c.current()
	return current.GetVersion(), err
}

// current is the policy in force. Before the first it is empty, with version 0.
func (c *call) current() (*whittlev1.GetPolicyResponse, error) {
	res, err := c.server.Policies().GetPolicy(c.ctx, &whittlev1.GetPolicyRequest{})
	if exit.Of(c.server.Explain(err), exit.Failed) == exit.No {
		return &whittlev1.GetPolicyResponse{}, nil
	}
	return res, err
}

func policyApply() *cobra.Command {
	var ch change
	cmd := asking(&cobra.Command{
		Use:   "apply FILE",
		Short: "Put a policy document in force",
		Long: `Applies a document as the next version, as a whole or not at all. What it takes away is gone at once, also from
tokens that are out; clients that it no longer names lose their secrets for good. If it is the very document
in force, nothing happens. With --expect nothing is applied if somebody was faster (exit status 6): look at
their version with policy diff, bring the two together, and apply on top of it. FILE may be - for standard input.`,
		Example: `  whittle policy apply policy.yaml --note 'data scientists may analyze'
  whittle policy apply policy.yaml --expect 7`,
		Args: cobra.ExactArgs(1),
	}, func(c *call) error {
		yaml, err := readPolicy(c.cmd, c.args[0])
		if err != nil {
			return err
		}
		if _, err := checked(yaml, c.args[0]); err != nil {
			return err
		}
		current, err := c.current()
		if err != nil {
			return err
		}
		expect := current.GetVersion()
		if c.cmd.Flags().Changed("expect") {
			expect = ch.expect
		}
		if expect == current.GetVersion() && current.GetYaml() == string(yaml) {
			c.note("nothing to apply: this is version %d already", expect)
			return c.live(expect)
		}
		return c.apply(string(yaml), expect, ch.note)
	})
	ch.flags(cmd)
	return cmd
}

// apply applies a document on top of the expected version and says which it is.
func (c *call) apply(yaml string, expect uint64, note string) error {
	res, err := c.server.Policies().ApplyPolicy(c.ctx, &whittlev1.ApplyPolicyRequest{Yaml: yaml, ExpectedVersion: expect, Note: note})
	if err != nil {
		return err
	}
	return c.live(res.GetVersion())
}

func (c *call) live(version uint64) error {
	return c.answer(&whittlev1.ApplyPolicyResponse{Version: version},
		[]show.Fact{{Name: "in force", Value: "version " + strconv.FormatUint(version, 10)}})
}

func policyRollback() *cobra.Command {
	var ch change
	cmd := asking(&cobra.Command{
		Use:   "rollback VERSION",
		Short: "Put an earlier version in force again, as a new one",
		Long: `Applies the document of an earlier version as the next version. It is checked like any other, undoes no
revocation, and revives no secret of a client that was gone in between.`,
		Example: `  whittle policy diff --from 6
  whittle policy rollback 6 --note 'the analyzers were right'`,
		Args: cobra.ExactArgs(1),
	}, func(c *call) error {
		version, err := versionOf(c.args)
		if err != nil {
			return err
		}
		expect, err := ch.expected(c)
		if err != nil {
			return err
		}
		res, err := c.server.Policies().RollbackPolicy(c.ctx,
			&whittlev1.RollbackPolicyRequest{Version: version, ExpectedVersion: expect, Note: ch.note})
		if err != nil {
			return err
		}
		value := fmt.Sprintf("version %d, the document of version %d", res.GetVersion(), version)
		return c.answer(res, []show.Fact{{Name: "in force", Value: value}})
	})
	ch.flags(cmd)
	return cmd
}
