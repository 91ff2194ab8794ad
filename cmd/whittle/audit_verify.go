package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	"github.com/whittle-sts/whittle/cmd/whittle/internal/profile"
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/internal/loopback"
	"github.com/whittle-sts/whittle/internal/verify"
	"github.com/whittle-sts/whittle/store/bolt"
)

// verifying is what `audit verify` is told.
type verifying struct {
	db, export, receipt, url string // what is verified; all empty: the server that the key names
	key                      string
	witnesses                []string
	quorum                   int
	state                    string
	entries                  bool
	every                    time.Duration
	complain                 io.Writer
}

func auditVerify() *cobra.Command {
	var v verifying
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Verify the log: a copy of the database, an export, a receipt, or a server from outside",
		Long: `Verifies that the log is what it was, with nothing of the server's but the verifier key of its log. It names the first
entry that was edited, removed, moved or cut off, and a log that isn't the one that was seen before.

With --db, of a copy of the database file, every entry is read; neither the key-encryption key nor a server is needed.
With --export, every entry is held to its own proof. With --receipt, one is. With none of them the server's published
checkpoint and hashes are read, and with --state it is held to what was seen last: run so by somebody else than the
server's operator, again and again or with --every, it is a monitor. --entries lets it read the new entries too, as the
profile's client, who needs audit.read.

A log's key may be replaced. From any of its keys the others are found by what both signed when one followed another,
which database, export, server and receipt hold. A receipt holds what was when it was made: it is verified with the key
that was in force then, or an earlier one. Who knows only a later one gets the receipt anew.

Without --key a database is only held to itself, which whoever can write it can arrange. The key comes with
"whittle audit checkpoint"; keep it, and what --state holds, where the server's operator can't write.`,
		Example: `  whittle audit verify --key "$KEY" --db /backup/whittle.db --state seen
  whittle audit verify --key "$KEY" --state seen --every 1m`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v.complain = cmd.ErrOrStderr()
			return v.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&v.db, "db", "", "a copy of the database file")
	f.StringVar(&v.export, "export", "", `a file that "whittle audit export" wrote; - is standard input`)
	f.StringVar(&v.receipt, "receipt", "", "a file with a receipt")
	f.StringVar(&v.url, "log", "", "where the server publishes its log (default: what the key's name says)")
	f.StringVar(&v.key, "key", "", "the log's verifier key")
	f.StringArrayVar(&v.witnesses, "witness", nil, "the verifier key of a witness; once for each")
	f.IntVar(&v.quorum, "quorum", 0, "how many of the witnesses must have co-signed")
	f.StringVar(&v.state, "state", "", "the file that holds the newest checkpoint that was seen")
	f.BoolVar(&v.entries, "entries", false, "of a server, read the new entries too")
	f.DurationVar(&v.every, "every", 0, "of a server, look again so often until something is wrong; once it was reached, that it can't be is told, and passes")
	cmd.MarkFlagsMutuallyExclusive("db", "export", "receipt", "log")
	cmd.MarkFlagsMutuallyExclusive("db", "export", "receipt", "every")
	cmd.MarkFlagsMutuallyExclusive("db", "export", "receipt", "entries")
	return cmd
}

func (v *verifying) run(ctx context.Context, out io.Writer) error {
	var against verify.Against
	if v.key != "" {
		trust, err := checkpoint.NewTrust(v.key, v.witnesses, v.quorum)
		if err != nil {
			return exit.With(exit.Usage, err)
		}
		against.Trust = trust
	} else if v.db == "" {
		return exit.With(exit.Usage, errors.New("--key is needed for all but --db"))
	}
	if v.receipt != "" {
		return v.verifyReceipt(out, against.Trust)
	}
	if v.db == "" && v.export == "" {
		return v.watch(ctx, out, against.Trust)
	}
	return v.offline(ctx, out, against)
}

// offline verifies a file, against what was seen if anything was.
func (v *verifying) offline(ctx context.Context, out io.Writer, a verify.Against) error {
	seen, err := v.seen()
	if err != nil {
		return err
	}
	if seen != nil {
		a.Seen = append(a.Seen, seen)
	}
	report, err := v.file(ctx, a)
	if err != nil {
		return found(err)
	}
	tell(out, report, true)
	if v.quorum > 0 && !report.Witnessed {
		return exit.With(exit.No, fmt.Errorf("%d of the witnesses have co-signed, %d are needed", len(report.Witnesses), v.quorum))
	}
	return nil
}

func (v *verifying) seen() ([]byte, error) {
	if v.state == "" {
		return nil, nil
	}
	return verify.File(v.state).Load()
}

func (v *verifying) file(ctx context.Context, a verify.Against) (verify.Report, error) {
	if v.db != "" {
		s, err := bolt.Open(bolt.Config{Path: v.db, ReadOnly: true, Unchecked: true})
		if err != nil {
			return verify.Report{}, err
		}
		defer s.Close()
		return verify.Database(ctx, s, a)
	}
	if v.export == "-" {
		return verify.ReadExport(ctx, os.Stdin, a)
	}
	f, err := os.Open(v.export)
	if err != nil {
		return verify.Report{}, exit.With(exit.Usage, err)
	}
	defer f.Close()
	return verify.ReadExport(ctx, f, a)
}

func (v *verifying) verifyReceipt(out io.Writer, trust *checkpoint.Trust) error {
	text, err := os.ReadFile(v.receipt)
	if err != nil {
		return exit.With(exit.Usage, err)
	}
	r, err := verify.ParseReceipt(text)
	if err != nil {
		return exit.With(exit.No, err)
	}
	index, event, s, err := r.Verify(trust)
	if err != nil {
		return exit.With(exit.No, err)
	}
	if trust.Quorum() > len(s.Witnesses) {
		return exit.With(exit.No, fmt.Errorf("%d of the witnesses have co-signed, %d are needed", len(s.Witnesses), trust.Quorum()))
	}
	fmt.Fprintf(out, "entry %d of %s is on the record: %s %s for %s", index, s.Origin, event.Kind, event.Outcome, event.Client)
	if g := event.Granted; g != nil {
		fmt.Fprintf(out, ", token %s, scope %q", g.Token, strings.Join(g.Scope, " "))
	}
	fmt.Fprintln(out)
	return nil
}

// watch looks at a server once, or until something is wrong.
func (v *verifying) watch(ctx context.Context, out io.Writer, trust *checkpoint.Trust) error {
	m := verify.Monitor{Trust: trust, URL: v.url, Seen: verify.File(v.state)}
	if v.url == "" {
		m.URL = place(trust.Origin())
	}
	if v.state == "" {
		if v.every > 0 {
			return exit.With(exit.Usage, errors.New("--every needs --state"))
		}
		m.Seen = verify.Forgetful{}
	}
	if v.entries {
		server, err := dial(profile.Flags{})
		if err != nil {
			return err
		}
		m.Entries = func(ctx context.Context, from uint64) ([][]byte, error) {
			page, err := server.Audit().ListEntries(ctx, &whittlev1.ListEntriesRequest{From: &from, PageSize: 1000})
			var out [][]byte
			for _, e := range page.GetEntries() {
				out = append(out, e.GetSealed())
			}
			return out, server.Explain(err)
		}
	}
	for begun := false; ; {
		report, err := m.Step(ctx)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // interrupted, which is how it is ended
		case err == nil:
			begun = true
			tell(out, report, v.entries)
		case begun && verify.MayPass(err): // the server starts anew, say; what was seen is kept
			fmt.Fprintf(v.complain, "looking again in %s: %v\n", v.every, err)
		default:
			return found(err)
		}
		if v.every == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(v.every):
		}
	}
}

// place is where a log of that name is published.
func place(origin string) string {
	if u, err := url.Parse("http://" + origin); err == nil && loopback.Host(u.Hostname()) {
		return "http://" + origin
	}
	return "https://" + origin
}

// found gives what is wrong with a log its exit code.
func found(err error) error {
	if f, ok := errors.AsType[*verify.Finding](err); ok {
		return exit.With(exit.No, f)
	}
	if errors.Is(err, verify.ErrUnsigned) || errors.Is(err, verify.ErrExport) {
		return exit.With(exit.No, err)
	}
	return err
}

// tell says what was found to be good: entries, if they were read.
func tell(out io.Writer, r verify.Report, read bool) {
	switch {
	case r.Origin == "":
		fmt.Fprintf(out, "%d entries fit together; without a key nothing shows that they are the log's\n", r.Size)
		return
	case r.From == r.Size:
		fmt.Fprintf(out, "%s: %d entries, nothing new\n", r.Origin, r.Size)
	case !read && r.From > 0:
		fmt.Fprintf(out, "%s: the checkpoint of %d entries is signed, and the log begins with the %d that were seen\n", r.Origin, r.Size, r.From)
	case !read:
		fmt.Fprintf(out, "%s: the checkpoint of %d entries is signed; none of them was read\n", r.Origin, r.Size)
	case r.Signed < r.Size:
		fmt.Fprintf(out, "%s: entries %d to %d are good, and the checkpoint of the first %d is signed; those from %d on have none yet\n",
			r.Origin, r.From, r.Size-1, r.Signed, r.Signed)
	default:
		fmt.Fprintf(out, "%s: entries %d to %d are good, and the checkpoint of %d is signed\n", r.Origin, r.From, r.Size-1, r.Signed)
	}
	if len(r.Witnesses) > 0 {
		fmt.Fprintf(out, "co-signed by %s\n", strings.Join(r.Witnesses, ", "))
	}
}
