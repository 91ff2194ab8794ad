package main

import (
	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/demo"
)

func demoCommand() *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Walk the main job on a scratch server, then keep it serving",
		Long: `Starts a server in a scratch folder with an AI platform's policy and walks the main job, a numbered
line for each step: what was asked, and what came back. Everything is real but the outside identity
providers, which are played in this process. Then it keeps serving and prints commands to paste.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return demo.Run(cmd.Context(), cmd.OutOrStdout(), once)
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "exit after the last step, with 0 only if all went as expected")
	return cmd
}
