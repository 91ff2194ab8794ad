package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/internal/reconcile"
	"github.com/whittle-sts/whittle/internal/verify"
	"github.com/whittle-sts/whittle/store/bolt"
)

// reconciling is what `audit reconcile` is told.
type reconciling struct {
	question   reconcile.Question
	db, export string // where the record is; both empty: at the server
	key        string
	tokens     int
	strict     bool
	limit      int
}

func auditReconcile() *cobra.Command {
	r := reconciling{question: reconcile.Question{Fields: reconcile.StandardFields()}}
	var after, before *timestamppb.Timestamp
	cmd := reaching(&cobra.Command{
		Use:   "reconcile ACCESS-LOG|-",
		Short: "Hold a resource server's own access log against the record",
		Long: `Reads what a resource server did, a JSON object a line, and finds in the record what let it: actions with no token
(no_token), with a token that didn't allow them (not_allowed), with one that had been revoked (after_revocation), and
tokens that were granted and never used (never_used). A line names its token by the id (jti, as introspection answers
it), never by the token itself, or its task (txn). Each may have a time, a scope or several, an action, a resource, and
a status: what the resource server refused, with 400 and more, isn't an action.

The record is the server's, or with --db or --export a copy, which is verified while it is read. It is read from a week
before the time looked at, since tokens descend from others; what it says of tokens is held in memory, some 700 bytes
for each. The access log is read line by line, once, and may be of any size.

Revocations by group aren't held against tokens: which of them rest on a group, entries say only sealed. Nor is what a
later policy took away, which introspection sees. A revocation by subject may name a client that acts, which a copy
says only sealed: those that it can't tell are counted.`,
		Example: `  whittle audit reconcile --resource https://data.example.com access.jsonl
  jq -c 'select(.kind == "access")' app.log | whittle audit reconcile --field time=ts --field token=auth.jti -`,
		Args: cobra.ExactArgs(1),
	}, func(c *call) error {
		r.question.After, r.question.Before = after.AsTime(), before.AsTime()
		return r.run(c)
	})
	day := moment(&after)
	_ = day("24h")            // a form that moment takes
	_ = moment(&before)("0s") // likewise
	f := cmd.Flags()
	f.Func("after", "not before then: 2026-11-25T12:00:00Z, or so long ago, as 1h (default: 24h)", moment(&after))
	f.Func("before", "before then (default: now)", moment(&before))
	f.Func("field", "where in a line something stands, as in token=auth.jti; once for each of time, token, task, scope, action, resource and\n"+
		"status (default: time, jti, txn, scope, action, resource, status)", r.question.Fields.Set)
	f.StringArrayVar(&r.question.Resources, "resource", nil,
		"whose log it is; lines that name none are of the first (default: what the lines name)")
	f.DurationVar(&r.question.Skew, "skew", 5*time.Second, "how far the resource server's clock may be off")
	f.BoolVar(&r.strict, "strict", false, "tokens that were never used count for the exit status, too")
	f.IntVar(&r.limit, "limit", 1000, "for people, at most so many findings; they are counted all the same")
	f.IntVar(&r.tokens, "tokens", 1_000_000, "at most so many tokens are held in memory")
	f.StringVar(&r.db, "db", "", "a copy of the database file instead of the server")
	f.StringVar(&r.export, "export", "", `a file that "whittle audit export" wrote instead of the server`)
	f.StringVar(&r.key, "key", "", "a verifier key of the log, the newest or an earlier one: --export needs it, --db is held to it")
	cmd.MarkFlagsMutuallyExclusive("db", "export", "url")
	return cmd
}

func (r *reconciling) run(c *call) error {
	log := c.cmd.InOrStdin()
	if c.args[0] != "-" {
		file, err := os.Open(c.args[0])
		if err != nil {
			return exit.With(exit.Usage, err)
		}
		defer file.Close()
		log = file
	}
	record := reconcile.NewRecord(r.question.After, r.tokens)
	if err := r.read(c, record); errors.Is(err, reconcile.ErrDropped) {
		return exit.With(exit.No, err)
	} else if err != nil {
		return err
	}
	return r.hold(c, record, log)
}

// read takes what the record says, from wherever it is.
func (r *reconciling) read(c *call, record *reconcile.Record) error {
	if r.db == "" && r.export == "" {
		if r.key != "" {
			return exit.With(exit.Usage, errors.New("--key is for --db and --export: a server's record isn't verified, only read"))
		}
		if err := c.identified(); err != nil {
			return err
		}
		return c.everyEntry(r.question.After.Add(-reconcile.Lookback), record.Add)
	}
	against := verify.Against{Each: func(index uint64, entry []byte) error {
		event, err := audit.Decode(entry)
		if err != nil {
			return err
		}
		return record.Add(index, &event)
	}}
	if r.key != "" {
		trust, err := checkpoint.NewTrust(r.key, nil, 0)
		if err != nil {
			return exit.With(exit.Usage, err)
		}
		against.Trust = trust
	}
	return r.copied(c.ctx, against)
}

func (r *reconciling) copied(ctx context.Context, a verify.Against) error {
	if r.db != "" {
		s, err := bolt.Open(bolt.Config{Path: r.db, ReadOnly: true, Unchecked: true})
		if err != nil {
			return exit.With(exit.Usage, err)
		}
		defer s.Close()
		_, err = verify.Database(ctx, s, a)
		return found(err)
	}
	if a.Trust == nil {
		return exit.With(exit.Usage, errors.New("--export needs --key: an export is verified with the key of the log that signed it"))
	}
	file, err := os.Open(r.export)
	if err != nil {
		return exit.With(exit.Usage, err)
	}
	defer file.Close()
	_, err = verify.ReadExport(ctx, file, a)
	return found(err)
}

// everyEntry reads the server's entries from then on that have a body, page by page, with the names of people.
func (c *call) everyEntry(from time.Time, fn func(uint64, *audit.Event) error) error {
	ask := &whittlev1.ListEntriesRequest{PageSize: 1000, Filter: &whittlev1.EntryFilter{After: timestamppb.New(from)}}
	for {
		res, err := c.server.Audit().ListEntries(c.ctx, ask)
		if err != nil {
			return err
		}
		for _, e := range res.GetEntries() {
			if e.GetDropped() != "" {
				continue // another entry says so, which comes later
			}
			event, err := audit.Decode(e.GetSealed())
			if err != nil {
				return err
			}
			for i, p := range e.GetPeople()[:min(len(e.GetPeople()), len(event.People))] {
				event.People[i].Issuer, event.People[i].Subject = p.GetIssuer(), p.GetSubject()
			}
			if err := fn(e.GetIndex(), &event); err != nil {
				return err
			}
		}
		next := res.GetNextPageToken()
		if next == "" {
			return nil
		}
		ask.PageToken = next
	}
}

// hold prints the findings, and what was looked at, and ends with status 4 if there is something to look into.
func (r *reconciling) hold(c *call, record *reconcile.Record, log io.Reader) error {
	var rows [][]string
	sum, err := record.Log(log, r.question, func(f reconcile.Finding) error {
		if c.JSON {
			return printLine(c.Out, f)
		}
		if len(rows) < r.limit {
			rows = append(rows, findingRow(&f))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if c.JSON {
		err = printLine(c.Out, map[string]reconcile.Summary{"summary": sum})
	} else {
		if len(rows) > 0 {
			err = c.Table([]string{"finding", "line", "time", "token", "scope", "action", "entry", "why"}, rows)
		}
		c.told(&sum, uint64(len(rows)))
	}
	if err != nil {
		return err
	}
	wrong := sum.Wrong()
	if r.strict {
		wrong += sum.Findings[reconcile.NeverUsed]
	}
	if wrong > 0 {
		return exit.With(exit.No, errors.New(counted(wrong, "finding", "findings")+" to look into"))
	}
	return nil
}

// told is the summary for people, on standard error.
func (c *call) told(s *reconcile.Summary, shown uint64) {
	c.note("%s, and %s for them; %s", counted(s.Actions, "action", "actions"),
		counted(uint64(s.Tokens), "token that was granted", "tokens that were granted"),
		counted(s.Entries, "entry of the record was read", "entries of the record were read"))
	all := s.Wrong() + s.Findings[reconcile.NeverUsed]
	for _, n := range []struct {
		count           uint64
		one, many, more string
	}{
		{s.Refused, "line is of a request", "lines are of requests", " that the resource server refused"},
		{s.Outside, "line is", "lines are", " of another time: --after and --before say which is looked at"},
		{uint64(s.NotAsked), "token was", "tokens were", " used though the record knows of no introspection: verified locally, answers were kept, or it is too soon, " +
			"since uses are counted first and recorded within the server's record_uses (a minute, unless set)"},
		{s.Groups, "revocation", "revocations", " by group can't be held against tokens"},
		{s.Subjects, "revocation", "revocations", " by subject may name a client, sealed to a copy or erased: what it acted in can't be held against that"},
		{all - shown, "more finding isn't", "more findings aren't", " shown: --limit, or --json"},
	} {
		if n.count > 0 {
			c.note("%s", counted(n.count, n.one, n.many)+n.more)
		}
	}
}

// counted is so many of something.
func counted(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.FormatUint(n, 10) + " " + many
}

func findingRow(f *reconcile.Finding) []string {
	line, entry, at := "", "", ""
	if f.Line > 0 {
		line = strconv.FormatUint(f.Line, 10)
	}
	if f.Entry != nil {
		entry = strconv.FormatUint(*f.Entry, 10)
	}
	if !f.Time.IsZero() {
		at = f.Time.Format(time.RFC3339)
	}
	return []string{string(f.Kind), line, at, f.Token, strings.Join(f.Scope, " "), f.Action, entry, f.Why}
}

// printLine prints a value as a line of JSON.
func printLine(out io.Writer, v any) error {
	text, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return err
	}
	_, err = out.Write(append(text, '\n'))
	return err
}
