package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
)

func policyEdit() *cobra.Command {
	var note string
	var yes bool
	cmd := asking(&cobra.Command{
		Use:   "edit",
		Short: "Edit the policy in force in your editor, then apply it",
		Long: `Opens the policy in force in $VISUAL, $EDITOR or vi. What you save is checked, what differs is shown, and after a
yes it is applied, on top of the version that you saw: if somebody was faster, nothing is (exit status 6).
Whatever goes wrong, your text is kept, and the message says where.`,
		Example: "  EDITOR=nano whittle policy edit --note 'a rule for the summarizer'",
		Args:    cobra.NoArgs,
	}, func(c *call) error {
		current, err := c.server.Policies().GetPolicy(c.ctx, &whittlev1.GetPolicyRequest{})
		if err != nil {
			return err
		}
		e := edit{call: c, current: current, yes: yes}
		if err := e.open(); err != nil {
			return err
		}
		if err := e.apply(note); err != nil {
			return exit.With(exit.Of(c.server.Explain(err), exit.Failed), fmt.Errorf("%w\nyour text is in %s", c.server.Explain(err), e.file))
		}
		return os.Remove(e.file)
	})
	cmd.Flags().StringVar(&note, "note", "", "what this version is about, for the record")
	cmd.Flags().BoolVar(&yes, "yes", false, "don't ask before applying")
	return cmd
}

// edit is a policy under edit: a file with the text, and the version that it began as.
type edit struct {
	*call

	current *whittlev1.GetPolicyResponse
	file    string
	yes     bool
}

// open writes the text to a file of its own.
func (e *edit) open() error {
	f, err := os.CreateTemp("", "policy-*.yaml") // mode 0600
	if err != nil {
		return err
	}
	e.file = f.Name()
	_, err = f.WriteString(e.current.GetYaml())
	return errors.Join(err, f.Close())
}

// apply lets the text be edited until it has no problems and somebody says yes, and applies it.
func (e *edit) apply(note string) error {
	for {
		if err := e.runEditor(); err != nil {
			return err
		}
		text, err := os.ReadFile(e.file)
		if err != nil {
			return err
		}
		if string(text) == e.current.GetYaml() {
			e.note("nothing was changed")
			return nil
		}
		if _, err := checked(text, e.file); err != nil {
			if sure(e.cmd, fmt.Sprintf("%v\nEdit again?", err)) {
				continue
			}
			return err
		}
		return e.applied(string(text), note)
	}
}

// applied shows what differs, asks, and applies.
func (e *edit) applied(text, note string) error {
	res, err := e.server.Policies().DiffPolicy(e.ctx, &whittlev1.DiffPolicyRequest{
		From: e.current.GetVersion(), To: &whittlev1.DiffPolicyRequest_Yaml{Yaml: text},
	})
	if err != nil {
		return err
	}
	if err := differences(e.cmd.ErrOrStderr(), res); err != nil {
		return err
	}
	if !e.yes && !sure(e.cmd, fmt.Sprintf("Apply this on top of version %d?", e.current.GetVersion())) {
		return errNotAsked
	}
	return e.call.apply(text, e.current.GetVersion(), note)
}

// runEditor lets somebody edit the file. The variable may hold arguments too.
func (e *edit) runEditor() error {
	words := strings.Fields(cmp.Or(os.Getenv("VISUAL"), os.Getenv("EDITOR"), "vi"))
	if len(words) == 0 {
		return exit.With(exit.Usage, errors.New("$VISUAL or $EDITOR is blank: name an editor"))
	}
	// Interrupts are the editor's own while it runs.
	//nolint:gosec // the editor that its user names
	editor := exec.CommandContext(context.WithoutCancel(e.ctx), words[0], append(words[1:], e.file)...)
	editor.Stdin, editor.Stdout, editor.Stderr = e.cmd.InOrStdin(), e.cmd.OutOrStdout(), e.cmd.ErrOrStderr()
	if err := editor.Run(); err != nil {
		return fmt.Errorf("the editor %s: %w", words[0], err)
	}
	return nil
}
