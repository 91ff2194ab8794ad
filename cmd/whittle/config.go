package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	"github.com/whittle-sts/whittle/cmd/whittle/internal/settings"
)

func configCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Look at the server's settings",
		Long: "Looks at the settings of the server: whittle.yaml, the environment and flags."}
	cmd.AddCommand(configCheckCommand())
	return cmd
}

func configCheckCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say what is wrong with the settings, or what they are and where each came from",
		Long: `Reads whittle.yaml, the environment and the flags as serve does, of which the later win, looks for the
files that they name, and starts nothing. What is wrong is shown with its place; otherwise each setting is, with where
it came from.`,
		Example: "  whittle config check",
		Args:    cobra.NoArgs,
	}
	flags := settings.Register(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := flags.Load()
		if err != nil {
			return err
		}
		if err := s.Server.Check(cmd.Context()); err != nil {
			return exit.With(exit.Usage, err)
		}
		for _, warning := range s.Server.Warnings() {
			fmt.Fprintln(cmd.ErrOrStderr(), "whittle:", warning)
		}
		return effective(cmd.OutOrStdout(), s)
	}
	return cmd
}

// effective is a line for each setting. None of them is a secret.
func effective(out io.Writer, s *settings.Settings) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, v := range s.Values {
		text := v.Text
		if text == "" {
			text = "(" + v.Default + ")"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", v.Path, text, v.From)
	}
	return w.Flush()
}
