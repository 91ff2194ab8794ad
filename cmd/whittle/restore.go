package main

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/internal/folder"
)

func restoreCommand() *cobra.Command {
	var yes bool
	cmd := placing(&cobra.Command{
		Use:   "restore FILE",
		Short: "Begin a new generation from a backup, in a folder that nobody serves",
		Long: `Verifies the backup, says what will be lost, asks, and puts a new generation in the place of the state in
the folder. Policies, clients' secrets, people's keys, revocations and blocks stay as they were in the
backup. Every token issued so far is dead: token keys are made anew, opaque tokens and use counts are gone.
A new audit log begins, whose first entry cites the old one's size and root hash; the old one stays in
db/archive. The key-encryption key, which no backup holds, must be in its place.`,
		Example: `  whittle restore monday.whittle`,
		Args:    cobra.ExactArgs(1),
	}, func(cmd *cobra.Command, args []string, place folder.Place) error {
		r, err := folder.Prepare(cmd.Context(), place, args[0], folder.Tools{Now: time.Now, Random: rand.Reader})
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		fmt.Fprint(out, warning(r))
		if !yes && !sure(cmd, "\nRestore it?") {
			return errNotAsked
		}
		done, err := r.Run(cmd.Context())
		if err != nil {
			return fmt.Errorf("the restore is not complete; run it again: %w", err)
		}
		fmt.Fprint(out, restored(r, done))
		return nil
	})
	cmd.Flags().BoolVar(&yes, "yes", false, "don't ask")
	return cmd
}

func when(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// warning says what a restore will lose.
func warning(r *folder.Restore) string {
	var b strings.Builder
	fmt.Fprintf(&b, "The backup holds generation %s: %d entries, the newest of %s, revocation %d, policy version %d.\n\n",
		r.Backup.Generation, r.Backup.Size, when(r.Backup.Newest), r.Backup.Rev, r.Backup.Policy)
	switch k := r.Known; {
	case k == nil:
		b.WriteString("No newer state is known here.\n\n")
	case k.Generation != r.Backup.Generation:
		fmt.Fprintf(&b, "The folder's state is of another generation, %s, with %d entries and revocation %d.\n\n", k.Generation, k.Size, k.Rev)
	default:
		fmt.Fprintf(&b, "The folder's state had come to %d entries and revocation %d.\n\n", k.Size, k.Rev)
	}
	fmt.Fprintf(&b, `Lost is everything after %s, the newest entry of the backup:
  - revocations, blocks and disabled secrets from after it are undone: what they stopped works again;
  - policies and secrets from after it are gone, and people erased after it can be named again.
Dead is every token issued so far. Agents start over from their outside tokens.
`, when(r.Backup.Newest))
	return b.String()
}

// restored says what was made and what is to be done now.
func restored(r *folder.Restore, d folder.Done) string {
	replaced := ""
	if len(d.Archived) > 1 {
		replaced = fmt.Sprintf(" and, if it is newer, the log of the database that was replaced, which names people only sealed:\n"+
			"      whittle audit export --from %d --db %s", r.Backup.Size, d.Archived[1])
	}
	return fmt.Sprintf(`
A new generation began: %s. Start the server as before.
The old log stays, read-only:
  %s

Before the server is open to all:
  - what was revoked, blocked, disabled or erased since %s has to be done again: see your own
    tickets%s
  - look at the policy: it is the one of then (whittle check names its version);
  - whoever verifies the log needs the new one's key (whittle audit checkpoint --key): until then audit verify says
    that another log was begun. The old one still verifies: whittle audit verify --key OLD-KEY --db FILE
`, d.Generation, strings.Join(d.Archived, "\n  "), when(r.Backup.Newest), replaced)
}
