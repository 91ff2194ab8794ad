package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/internal/folder"
	"github.com/whittle-sts/whittle/store"
)

func checkCommand() *cobra.Command {
	var backup string
	cmd := placing(&cobra.Command{
		Use:   "check",
		Short: "Verify a folder that nobody serves: database, anchor and record",
		Long: `Looks at every page and every record of the database, holds it against its anchor, and reads the whole
audit log. It changes nothing. Each thing that is wrong is one line, with the page, or the table and key,
or the index of the entry; then it exits with 1. With --backup it verifies a backup instead, which needs
the same key-encryption key and has no anchor.`,
		Example: `  whittle check
  whittle check --backup monday.whittle`,
		Args: cobra.NoArgs,
	}, func(cmd *cobra.Command, _ []string, place folder.Place) error {
		look := folder.Check
		what := place.Database()
		if backup != "" {
			what = backup
			look = func(ctx context.Context, p folder.Place) (store.Meta, []folder.Finding, error) {
				return folder.CheckBackup(ctx, p, backup)
			}
		}
		meta, findings, err := look(cmd.Context(), place)
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		for _, f := range findings {
			fmt.Fprintln(out, f)
		}
		if len(findings) > 0 {
			return fmt.Errorf("%s: %s wrong", what, counted(uint64(len(findings)), "thing is", "things are"))
		}
		fmt.Fprintf(out, "%s is whole: %s\n", what, howFar(meta))
		return nil
	})
	cmd.Flags().StringVar(&backup, "backup", "", "verify this backup instead of the folder's database")
	return cmd
}

// howFar says how far a state has come.
func howFar(m store.Meta) string {
	return fmt.Sprintf("generation %s, %d entries, the newest of %s, revocation %d, policy version %d",
		hex.EncodeToString(m.Generation[:]), m.Size, m.Time.UTC().Format(time.RFC3339), m.Rev, m.Policy)
}
