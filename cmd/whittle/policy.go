package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	"github.com/whittle-sts/whittle/cmd/whittle/internal/show"
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/policy"
)

func policyCommand() *cobra.Command {
	return group("policy", "Read, check and change the one live policy",
		`The policy is one YAML document, applied as a whole or not at all and live at once, without a restart.
Each applied document is a version. Reading needs policy.read or policy.apply, changing policy.apply.`,
		policyShow(), policyCheck(), policyApply(), policyDiff(), policyHistory(), policyRollback(), policyEdit())
}

func policyShow() *cobra.Command {
	return asking(&cobra.Command{
		Use:   "show [VERSION]",
		Short: "Print the policy in force, or an earlier version",
		Long: `Prints the document as it was applied, comments and all, to standard output, and its version, author and
note to standard error.`,
		Example: `  whittle policy show > policy.yaml
  whittle policy show 3`,
		Args: cobra.MaximumNArgs(1),
	}, func(c *call) error {
		version, err := versionOf(c.args)
		if err != nil {
			return err
		}
		res, err := c.server.Policies().GetPolicy(c.ctx, &whittlev1.GetPolicyRequest{Version: version})
		if err != nil {
			return err
		}
		if c.JSON {
			return c.Object(res)
		}
		c.note("version %d, applied %s by %s%s", res.GetVersion(), show.Time(res.GetApplied()),
			show.Clean(res.GetAppliedBy()), noted(res.GetNote()))
		_, err = io.WriteString(c.Out, res.GetYaml())
		return err
	})
}

// versionOf is the first argument as a version; without one, 0.
func versionOf(args []string) (uint64, error) {
	if len(args) == 0 {
		return 0, nil
	}
	version, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil || version == 0 {
		return 0, exit.With(exit.Usage, fmt.Errorf("%q is no version: it is a number from 1", args[0]))
	}
	return version, nil
}

func noted(note string) string {
	if note == "" {
		return ""
	}
	return ": " + show.Clean(note)
}

func policyHistory() *cobra.Command {
	var limit int
	cmd := asking(&cobra.Command{
		Use:     "history",
		Short:   "List the versions, the newest first",
		Long:    "Lists the versions of the policy: when each was applied, by whom, and what was said about it.",
		Example: "  whittle policy history --limit 10",
		Args:    cobra.NoArgs,
	}, func(c *call) error {
		versions, err := pages(limit, func(page string) ([]*whittlev1.PolicyVersion, string, error) {
			res, err := c.server.Policies().ListPolicies(c.ctx, &whittlev1.ListPoliciesRequest{PageToken: page})
			return res.GetVersions(), res.GetNextPageToken(), err
		})
		if err != nil {
			return err
		}
		return show.List(c.Printer, []string{"version", "applied", "by", "digest", "note"}, versions, func(v *whittlev1.PolicyVersion) []string {
			digest := v.GetDigest()
			return []string{strconv.FormatUint(v.GetVersion(), 10), show.Time(v.GetApplied()), v.GetAppliedBy(),
				digest[:min(12, len(digest))], v.GetNote()}
		})
	})
	cmd.Flags().IntVar(&limit, "limit", 0, "at most so many; 0: all")
	return cmd
}

// readPolicy reads a document from a file, or from standard input if that is called -.
func readPolicy(cmd *cobra.Command, file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(cmd.InOrStdin())
	}
	text, err := os.ReadFile(file)
	return text, exit.With(exit.Usage, err)
}

func policyCheck() *cobra.Command {
	var online bool
	cmd := reaching(&cobra.Command{
		Use:   "check FILE",
		Short: "Check a policy document, without a server",
		Long: `Checks a document with the compiler that the server has, and shows each problem with its line. Exit status
4 if there is one. A server has more to say: whether an issuer had another name or URL in any version before, and
whether anybody could still change the policy; --online asks it too. FILE may be - for standard input.`,
		Example: `  whittle policy check policy.yaml
  whittle policy check --online policy.yaml`,
		Args: cobra.ExactArgs(1),
	}, func(c *call) error {
		yaml, err := readPolicy(c.cmd, c.args[0])
		if err != nil {
			return err
		}
		if online {
			return c.checkOnline(yaml)
		}
		res, err := checked(yaml, c.args[0])
		return c.verdict(res, err)
	})
	cmd.Flags().BoolVar(&online, "online", false, "ask the server, which also knows what is in force")
	return cmd
}

// checked compiles a document. The error shows what is wrong; the message says it for programs.
func checked(yaml []byte, file string) (*whittlev1.ValidatePolicyResponse, error) {
	var err error
	if problems := policy.Secrets(yaml, file); problems != nil {
		err = problems
	} else {
		_, err = policy.Compile(yaml, file, 0)
	}
	res := &whittlev1.ValidatePolicyResponse{}
	if problems, ok := errors.AsType[*policy.Problems](err); ok {
		res.Text = problems.Error()
		for _, p := range problems.List() {
			res.Problems = append(res.Problems, &whittlev1.PolicyProblem{Line: int32(p.Line), Column: int32(p.Column), Message: p.Message})
		}
	}
	return res, exit.With(exit.No, err)
}

func (c *call) checkOnline(yaml []byte) error {
	if err := c.identified(); err != nil {
		return err
	}
	res, err := c.server.Policies().ValidatePolicy(c.ctx, &whittlev1.ValidatePolicyRequest{Yaml: string(yaml)})
	if err == nil && len(res.GetProblems()) > 0 {
		err = exit.With(exit.No, errors.New(res.GetText()))
	}
	return c.verdict(res, err)
}

// verdict says that there are no problems, or which: to programs also as an object.
func (c *call) verdict(res *whittlev1.ValidatePolicyResponse, err error) error {
	if c.JSON && res != nil {
		return errors.Join(err, c.Object(res))
	}
	if err == nil {
		_, err = fmt.Fprintln(c.Out, "no problems")
	}
	return err
}
