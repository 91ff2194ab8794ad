package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/internal/report"
)

// Without --from, a report is about the last thirty days.
const reportWindow = 30 * 24 * time.Hour

func reportCommand() *cobra.Command {
	return group("report", "Make reports of the audit log, as a page to print or as JSON",
		`Each report is one HTML page on standard output that needs nothing else, or with --json one object. Every figure
carries the checkpoint of the log that its entries were held to, and the page says how to verify it. Times of day
without a time are the beginning of that day in UTC. Needs audit.read.`,
		reportOf(report.AccessReview, "Who may do what, who made use of it, and when last",
			`Lists the bindings and clients of the policy in force with what each gives, what was used of it in the window, by whom
and when last, and the policies that were in force. Needs policy.read, too.`, (*reporting).ofPolicy),
		reportOf(report.PrivilegedUse, "Who got privileged scopes, and who administered Whittle itself",
			`Privileged are the scopes that the policy in force gives risk: high or audit: every_use, and those that --scope names.
Operations on Whittle itself are policies, keys, secrets, revocations by selector, backups and the like. Needs
policy.read, too.`, (*reporting).ofPolicy),
		reportOf(report.Revocations, "What was revoked, by whom, and whether it held",
			`Lists each revocation with the first request that was refused for it, and holds the log to it: a token that was granted
in spite of one is counted. All entries after the window are read for that.`, nil),
		reportOf(report.KeyRotation, "How old signing keys and secrets are, and when they were exchanged",
			`Lists the signing keys and the clients' secrets with their ages, those that are older than they should be, and what the
log says was done to them. Needs key.manage and client.manage, too.`, (*reporting).ofKeys))
}

// reporting is one run of a report.
type reporting struct {
	*call

	from, to  *timestamppb.Timestamp
	key       string
	witnesses []string
	quorum    int
	scopes    []string

	maxKeyAge, maxSecretAge time.Duration

	source report.Source
}

func reportOf(kind report.Kind, short, long string, further func(*reporting) error) *cobra.Command {
	r := new(reporting)
	cmd := asking(&cobra.Command{
		Use:     string(kind),
		Short:   short,
		Long:    long,
		Example: fmt.Sprintf("  whittle report %s --from 2026-11-01 --to 2026-12-01 > %s.html\n  whittle report %s --from 168h --json", kind, kind, kind),
		Args:    cobra.NoArgs,
	}, func(c *call) error {
		r.call = c
		return r.run(kind, further)
	})
	f := cmd.Flags()
	f.Func("from", "entries from then on: 2026-11-25, 2026-11-25T12:00:00Z, or so long ago, as 168h (default: 30 days ago)", day(&r.from))
	f.Func("to", "entries before then (default: now)", day(&r.to))
	f.StringVar(&r.key, "key", "", "the log's verifier key (default: what the server says, which trusts it)")
	f.StringArrayVar(&r.witnesses, "witness", nil, "the verifier key of a witness; once for each. The entries are held to the newest checkpoint that they have co-signed")
	f.IntVar(&r.quorum, "quorum", 0, "how many of the witnesses must have co-signed (default: all)")
	if kind == report.PrivilegedUse {
		f.StringArrayVar(&r.scopes, "scope", nil, "a scope or pattern that counts as privileged, too; may be repeated")
	}
	if kind == report.KeyRotation {
		f.DurationVar(&r.maxKeyAge, "max-key-age", 31*24*time.Hour, "how old a key that signs may be")
		f.DurationVar(&r.maxSecretAge, "max-secret-age", 90*24*time.Hour, "how old a secret may be that a client proves itself with")
	}
	return cmd
}

// day is moment, or the beginning of a day.
func day(to **timestamppb.Timestamp) func(string) error {
	read := moment(to)
	return func(text string) error {
		if at, err := time.Parse(time.DateOnly, text); err == nil {
			*to = timestamppb.New(at)
			return nil
		}
		return read(text)
	}
}

func (r *reporting) run(kind report.Kind, further func(*reporting) error) error {
	now := time.Now().UTC()
	to := now.Truncate(time.Second).Add(time.Second) // what the page says is then exact
	r.source = report.Source{Made: now, To: to, From: to.Add(-reportWindow), Server: r.server.URL(),
		MaxKeyAge: r.maxKeyAge, MaxSecretAge: r.maxSecretAge}
	if r.to != nil {
		r.source.To = r.to.AsTime()
		r.source.From = r.source.To.Add(-reportWindow)
	}
	if r.from != nil {
		r.source.From = r.from.AsTime()
	}
	if !r.source.From.Before(r.source.To) {
		return exit.With(exit.Usage, errors.New("--from must be before --to"))
	}
	if further != nil {
		if err := further(r); err != nil {
			return err
		}
	}
	if err := r.read(kind == report.Revocations); err != nil {
		return err
	}
	made, _ := report.Make(kind, r.source) // it is one of the kinds
	if !r.JSON {
		return made.WriteHTML(r.Out)
	}
	if err := json.MarshalWrite(r.Out, made, jsontext.EscapeForHTML(true)); err != nil {
		return err
	}
	_, err := fmt.Fprintln(r.Out)
	return err
}

// ofPolicy asks for the policy in force, and for which there were.
func (r *reporting) ofPolicy() error {
	current, err := r.server.Policies().GetPolicy(r.ctx, &whittlev1.GetPolicyRequest{})
	if err != nil {
		return err
	}
	compiled, err := policy.Compile([]byte(current.GetYaml()), "the policy in force", current.GetVersion())
	if err != nil {
		return err
	}
	if r.source.Policy, err = compiled.Overview(); err != nil {
		return err
	}
	r.source.Version = current.GetVersion()
	named, err := compiled.Catalogue().Expand(r.scopes...)
	if err != nil {
		return exit.With(exit.Usage, fmt.Errorf("--scope: %w", err))
	}
	r.source.Privileged = named.Names()
	all, err := pages(0, func(page string) ([]*whittlev1.PolicyVersion, string, error) {
		res, err := r.server.Policies().ListPolicies(r.ctx, &whittlev1.ListPoliciesRequest{PageToken: page})
		return res.GetVersions(), res.GetNextPageToken(), err
	})
	for _, v := range all {
		r.source.Versions = append(r.source.Versions, report.Version{Version: v.GetVersion(),
			Applied: instant(v.GetApplied()), By: v.GetAppliedBy(), Note: v.GetNote()})
	}
	return err
}

// ofKeys asks for signing keys and secrets.
func (r *reporting) ofKeys() error {
	keys, err := r.server.Keys().ListKeys(r.ctx, &whittlev1.ListKeysRequest{})
	if err != nil {
		return err
	}
	for _, k := range keys.GetKeys() {
		r.source.Keys = append(r.source.Keys, report.Key{
			ID: k.GetId(), Alg: k.GetAlg(), State: keyState(k), Created: instant(k.GetCreated()), Active: instant(k.GetActive()), Retired: instant(k.GetRetired()),
		})
	}
	r.source.LogKey = instant(keys.GetLogKeySince())
	all, err := pages(0, func(page string) ([]*whittlev1.Client, string, error) {
		res, err := r.server.Clients().ListClients(r.ctx, &whittlev1.ListClientsRequest{PageToken: page})
		return res.GetClients(), res.GetNextPageToken(), err
	})
	for _, c := range all {
		for _, s := range c.GetSecrets() {
			r.source.Secrets = append(r.source.Secrets, report.Secret{
				Client: c.GetId(), ID: s.GetId(), Created: instant(s.GetCreated()), Expires: instant(s.GetExpires()), LastUsed: instant(s.GetLastUsed()), Disabled: s.GetDisabled(),
			})
		}
	}
	return err
}

// instant is a time; an absent one is zero.
func instant(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}
