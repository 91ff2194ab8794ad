package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/show"
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
)

func policyDiff() *cobra.Command {
	var from, to uint64
	cmd := asking(&cobra.Command{
		Use:   "diff [FILE]",
		Short: "Say what differs between two versions, or one and a document",
		Long: `Compares a version with a document or with another version: first what it means, item by item, then the lines.
Without --from and --to that is the version in force. FILE may be - for standard input.`,
		Example: `  whittle policy diff policy.yaml
  whittle policy diff --from 6
  whittle policy diff --from 3 --to 4`,
		Args: cobra.MaximumNArgs(1),
	}, func(c *call) error {
		ask := &whittlev1.DiffPolicyRequest{From: from, To: &whittlev1.DiffPolicyRequest_Version{Version: to}}
		if len(c.args) == 1 {
			yaml, err := readPolicy(c.cmd, c.args[0])
			if err != nil {
				return err
			}
			ask.To = &whittlev1.DiffPolicyRequest_Yaml{Yaml: string(yaml)}
			checked, err := c.server.Policies().ValidatePolicy(c.ctx, &whittlev1.ValidatePolicyRequest{Yaml: string(yaml)})
			if err != nil {
				return err
			}
			if len(checked.GetProblems()) > 0 {
				c.note("%s can't be applied as it is: whittle policy check --online says why", c.args[0])
			}
		}
		res, err := c.server.Policies().DiffPolicy(c.ctx, ask)
		if err != nil {
			return err
		}
		if c.JSON {
			return c.Object(res)
		}
		if len(c.args) == 1 { // the server isn't told what the file is called
			res.Unified = strings.Replace(res.GetUnified(), "\n+++ policy.yaml\n", "\n+++ "+c.args[0]+"\n", 1)
		}
		return differences(c.Out, res)
	})
	cmd.Flags().Uint64Var(&from, "from", 0, "the older version; 0: the one in force")
	cmd.Flags().Uint64Var(&to, "to", 0, "the newer version, if there is no FILE; 0: the one in force")
	return cmd
}

// marks are how the kinds of difference begin their lines.
var marks = map[whittlev1.DifferenceKind]string{
	whittlev1.DifferenceKind_DIFFERENCE_KIND_ADDED:   "new",
	whittlev1.DifferenceKind_DIFFERENCE_KIND_REMOVED: "gone",
	whittlev1.DifferenceKind_DIFFERENCE_KIND_CHANGED: "changed",
	whittlev1.DifferenceKind_DIFFERENCE_KIND_MOVED:   "moved",
}

// differences prints what differs, in words and in lines.
func differences(out io.Writer, res *whittlev1.DiffPolicyResponse) error {
	var b strings.Builder
	if res.GetUnified() == "" {
		b.WriteString("no difference\n")
	} else if len(res.GetDifferences()) == 0 {
		b.WriteString("the lines differ, and mean the same\n")
	}
	for _, d := range res.GetDifferences() {
		fmt.Fprintf(&b, "%-8s %s %s\n", marks[d.GetKind()], show.Clean(d.GetSection()), show.Clean(d.GetName()))
		for _, text := range d.GetRemoved() {
			fmt.Fprintf(&b, "         - %s\n", show.Clean(text))
		}
		for _, text := range d.GetAdded() {
			fmt.Fprintf(&b, "         + %s\n", show.Clean(text))
		}
	}
	if res.GetUnified() != "" {
		b.WriteByte('\n')
	}
	b.WriteString(show.Lines(res.GetUnified()))
	_, err := io.WriteString(out, b.String())
	return err
}
