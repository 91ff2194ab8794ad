package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	"github.com/whittle-sts/whittle/cmd/whittle/internal/show"
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
)

func privacyCommand() *cobra.Command {
	return group("privacy", "Say what is held about a person, and erase them",
		`What the record says of a person is sealed under a key of their own. These commands hand out all that it opens,
and destroy it. SUBJECT is whom tokens speak for, as sub writes it: issuer:subject, or a client's id. Arguments stay in
the shell's history: with - it is read from standard input. Needs privacy.manage.`,
		privacyExport(), privacyErase())
}

// maxSubject is more than the server takes.
const maxSubject = 4096

// subject is the person whom the one argument names, or standard input if it is a dash.
func (c *call) subject() (string, error) {
	if c.args[0] != "-" {
		return c.args[0], nil
	}
	text, err := io.ReadAll(io.LimitReader(c.cmd.InOrStdin(), maxSubject))
	if err != nil {
		return "", err
	}
	if text := strings.TrimSpace(string(text)); text != "" {
		return text, nil
	}
	return "", exit.With(exit.Usage, errors.New("standard input names nobody"))
}

func privacyErase() *cobra.Command {
	var yes bool
	cmd := asking(&cobra.Command{
		Use:   "erase SUBJECT|-",
		Short: "Destroy a person's key, so that nobody can read what the record says of them",
		Long: `Destroys the key under which the record seals what it says of a person. Entries and hashes stay, and everything
verifies as before; who was meant can't be told any more. Nothing undoes it. It is on the record itself, by the
key's pseudonym. It revokes nothing: to end the person's tokens too, revoke the subject first (whittle revocation
create), so that this entry is erased as well. It says what still names the person.`,
		Example: `  whittle privacy erase corp:ana
  printf %s corp:ana | whittle privacy erase --yes -`,
		Args: cobra.ExactArgs(1),
	}, func(c *call) error {
		who, err := c.subject()
		if err != nil {
			return err
		}
		if !yes && !sure(c.cmd, "Erase "+show.Clean(who)+"? Nothing undoes it.") {
			return errNotAsked
		}
		res, err := c.server.Privacy().ErasePerson(c.ctx, &whittlev1.ErasePersonRequest{Subject: who})
		if err != nil {
			return err
		}
		if c.JSON {
			return c.Object(res)
		}
		return c.erased(res)
	})
	cmd.Flags().BoolVar(&yes, "yes", false, "don't ask")
	return cmd
}

// erased says what was done, and what remains.
func (c *call) erased(r *whittlev1.ErasePersonResponse) error {
	fmt.Fprintf(c.Out, "Erased. Entry %d says so of the key %s, which leads nowhere now.\n", r.GetEntry(), r.GetKey())
	if r.GetTraces() {
		fmt.Fprintln(c.Out, "The key may still stand in free space of the database, which is cleared when no backup reads it any more.")
	}
	fmt.Fprintln(c.Out, "\nWhat remains:")
	for _, rev := range r.GetRevocations() {
		kind, value := selected(rev.GetSelector())
		until := "until it is lifted"
		if rev.GetExpires() != nil {
			until = "until " + show.Time(rev.GetExpires())
		}
		fmt.Fprintf(c.Out, "  - revocation %d (%s %s) names them, and goes on working %s\n", rev.GetSequence(), kind, show.Clean(value), until)
	}
	for _, m := range r.GetMentions() {
		fmt.Fprintf(c.Out, "  - %s names them: %s\n", whereNamed(m), show.Clean(m.GetText()))
	}
	_, err := fmt.Fprint(c.Out, `  - tokens that were issued name them until they end; nothing was revoked
  - backups, exports and forwarded copies made before this are as they were, with the key or without sealing
`)
	return err
}

// whereNamed is where a policy names somebody.
func whereNamed(m *whittlev1.PolicyMention) string {
	versions := strconv.FormatUint(m.GetLastVersion(), 10)
	if m.GetFirstVersion() < m.GetLastVersion() {
		versions = strconv.FormatUint(m.GetFirstVersion(), 10) + " to " + versions
	}
	if m.GetLine() == 0 {
		return "the note of policy version " + versions
	}
	return fmt.Sprintf("policy version %s, line %d,", versions, m.GetLine())
}
