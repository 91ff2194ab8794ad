package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/show"
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/audit"
)

func auditCommand() *cobra.Command {
	return group("audit", "Read the audit log, and verify it",
		`Every token that left and every change has an entry, durable before it took effect. For programs (--json) an entry
is as the contract has it: its stored form, which is hashed, is base64 in "sealed". Needs audit.read.`,
		auditList(), auditFollow(), auditShow(), auditCheckpoint(), auditReceipt(), auditVerify(), auditExport(), auditReindex(),
		auditReconcile())
}

// filterFlags adds a flag for each member of the contract's filter.
func filterFlags(cmd *cobra.Command, f *whittlev1.EntryFilter) {
	flags := cmd.Flags()
	flags.Func("after", "not before then: 2026-11-25T12:00:00Z, or so long ago, as 1h", moment(&f.After))
	flags.Func("before", "before then", moment(&f.Before))
	flags.StringVar(&f.Subject, "subject", "", "whom it names in any role: issuer:subject, or a client's id")
	flags.StringVar(&f.Client, "client", "", "the client that asked")
	flags.StringVar(&f.Task, "task", "", "the task that it belongs to (txn)")
	flags.StringVar(&f.TokenId, "token-id", "", "the id (jti) of a token that it is about, or of an ancestor")
	flags.StringVar(&f.Scope, "scope", "", "a scope that was asked for, granted or exercised")
	flags.StringVar(&f.Resource, "resource", "", "a resource that was asked for or granted")
	oneOf(cmd, &f.Kind, "kind", "what it is about: exchange, revocation and others", audit.Kinds())
	oneOf(cmd, &f.Outcome, "outcome", "granted, refused or done",
		[]audit.Outcome{audit.OutcomeGranted, audit.OutcomeRefused, audit.OutcomeDone})
	flags.StringVar(&f.Reason, "reason", "", "the short word for why")
	flags.StringVar(&f.Rule, "rule", "", "the rule that decided")
	flags.StringVar(&f.Decision, "decision", "", "the id of one decision")
	flags.Uint64Var(&f.PolicyVersion, "policy-version", 0, "the policy version that decided")
}

// oneOf adds a flag that takes one of these words: with another one nothing would match, which looks as if
// nothing had happened.
func oneOf[T ~string](cmd *cobra.Command, to *string, name, usage string, words []T) {
	var all []string
	for _, w := range words {
		all = append(all, string(w))
	}
	cmd.Flags().Func(name, usage, func(text string) error {
		if !slices.Contains(all, text) {
			return errors.New("it is one of " + strings.Join(all, ", "))
		}
		*to = text
		return nil
	})
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(all, cobra.ShellCompDirectiveNoFileComp)) // it is there
}

// wanted is the filter, absent if no flag named a member.
func wanted(f *whittlev1.EntryFilter) *whittlev1.EntryFilter {
	if proto.Size(f) == 0 {
		return nil
	}
	return f
}

// moment reads a time, or how long ago it was.
func moment(to **timestamppb.Timestamp) func(string) error {
	return func(text string) error {
		if ago, err := time.ParseDuration(text); err == nil {
			*to = timestamppb.New(time.Now().Add(-ago))
			return nil
		}
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return errors.New("write a time as 2026-11-25T12:00:00Z, or how long ago as 1h30m")
		}
		*to = timestamppb.New(at)
		return nil
	}
}

func auditList() *cobra.Command {
	var filter whittlev1.EntryFilter
	var limit int
	var from uint64
	var oldest bool
	cmd := asking(&cobra.Command{
		Use:   "list",
		Short: "List entries that match a filter, the newest first",
		Long: `Lists the entries that match every filter that is given. Pages are stable: what comes later changes none that was
given out.`,
		Example: `  whittle audit list --client research-agent --outcome refused --after 1h
  whittle audit list --oldest-first --from 1000 --limit 0 --json > entries.jsonl`,
		Args: cobra.NoArgs,
	}, func(c *call) error {
		ask := &whittlev1.ListEntriesRequest{Filter: wanted(&filter), NewestFirst: !oldest}
		if c.cmd.Flags().Changed("from") {
			ask.From = &from
		}
		entries, err := pages(limit, func(page string) ([]*whittlev1.AuditEntry, string, error) {
			ask.PageToken = page
			res, err := c.server.Audit().ListEntries(c.ctx, ask)
			return res.GetEntries(), res.GetNextPageToken(), err
		})
		if err != nil {
			return err
		}
		return show.List(c.Printer, []string{"entry", "time", "what", "client", "subject", "why", "decision"}, entries, entryRow)
	})
	filterFlags(cmd, &filter)
	cmd.Flags().IntVar(&limit, "limit", 50, "at most so many; 0: all")
	cmd.Flags().Uint64Var(&from, "from", 0, "the index to begin at (default: the newest, or with --oldest-first the first)")
	cmd.Flags().BoolVar(&oldest, "oldest-first", false, "in the order of the log")
	return cmd
}

// entry prints an entry as one line.
func (c *call) entry(e *whittlev1.AuditEntry) error {
	if c.JSON {
		return c.Object(e)
	}
	_, err := fmt.Fprintln(c.Out, show.Clean(strings.Join(entryRow(e), "  ")))
	return err
}

// entryRow is what people see of an entry in a list.
func entryRow(e *whittlev1.AuditEntry) []string {
	s := stored(e)
	var subject string
	for _, p := range e.GetPeople() {
		if subject == "" || p.GetRole() == "subject" {
			subject = person(p)
		}
	}
	why := s.Rule
	if s.Reason != "" {
		why = s.Reason
	}
	return []string{strconv.FormatUint(e.GetIndex(), 10), s.Time, s.Kind + ", " + s.Outcome, s.Client, subject, why, s.Decision}
}
