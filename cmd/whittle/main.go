// Command whittle is a security token service: it trades broad tokens for narrow, short-lived ones
// (RFC 8693), says whether they are still good, and takes them back at once.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := root().ExecuteContext(ctx)
	stop()
	if err != nil {
		os.Exit(1) // cobra printed it
	}
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:          "whittle",
		Short:        "A security token service: narrower, always; gone at once; on the record",
		SilenceUsage: true,
	}
	cmd.AddCommand(configCommand(), demoCommand(), serveCommand(), versionCommand(), whyCommand(), devCommand())
	return cmd
}
