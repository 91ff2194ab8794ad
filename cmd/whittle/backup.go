package main

import (
	"fmt"

	"github.com/spf13/cobra"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
)

func backupCommand() *cobra.Command {
	var note string
	cmd := asking(&cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the whole state while it is served",
		Long: `Writes one consistent copy of the database into a new file, while everything goes on. What is secret in it
stays sealed under the key-encryption key, which is not in it: keep a copy of that elsewhere, or the
backup is worthless. Needs state.backup. That a backup was asked for is on the record.`,
		Example: `  whittle backup monday.whittle
  whittle check --backup monday.whittle`,
		Args: cobra.ExactArgs(1),
	}, func(c *call) error {
		file := c.args[0]
		if err := unused(file); err != nil {
			return err
		}
		stream, err := c.server.Backups().Backup(c.ctx, &whittlev1.BackupRequest{Note: note})
		if err != nil {
			return err
		}
		summary, err := keepBackup(file, stream.Receive)
		if err != nil {
			return fmt.Errorf("no backup was made: %w", err)
		}
		if c.JSON {
			return c.Object(summary)
		}
		_, err = fmt.Fprintf(c.Out, `%s: %d bytes, SHA-256 %x
It holds generation %s with %d entries, revocation %d and policy version %d.
Its secrets are sealed under the key-encryption key, which is not in it: keep that elsewhere.
`, file, summary.GetBytes(), summary.GetSha256(), summary.GetGeneration(), summary.GetEntries(), summary.GetRevocationSequence(), summary.GetPolicyVersion())
		return err
	})
	cmd.Flags().StringVar(&note, "note", "", "what it is for, for the record")
	return cmd
}
