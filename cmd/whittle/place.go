package main

import (
	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	"github.com/whittle-sts/whittle/cmd/whittle/internal/settings"
	"github.com/whittle-sts/whittle/internal/folder"
)

// placing gives a command that looks after a folder which nobody serves the settings that say where it is, as
// serve reads them.
func placing(cmd *cobra.Command, run func(cmd *cobra.Command, args []string, p folder.Place) error) *cobra.Command {
	flags := settings.Register(cmd.Flags(), "data", "kek", "anchor")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s, err := flags.Load()
		if err != nil {
			return err
		}
		place, err := s.Server.Place()
		if err != nil {
			return exit.With(exit.Usage, err)
		}
		return run(cmd, args, place)
	}
	return cmd
}
