package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"github.com/spf13/cobra"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/gen/whittle/v1/whittlev1connect"
)

func whyCommand() *cobra.Command {
	var server string
	cmd := &cobra.Command{
		Use:   "why DECISION",
		Short: "Say why a decision was what it was",
		Long: `Finds the decision's entry in the audit log and says what decided: the rule, and which scope was
removed by what. For clients with the permission audit.read; their id and secret come from the
environment (WHITTLE_CLIENT_ID, WHITTLE_CLIENT_SECRET), never from arguments, which others can see.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, client, err := dial(cmd.Context(), server)
			if err != nil {
				return err
			}
			res, err := whittlev1connect.NewAuditServiceClient(client).Explain(ctx, &whittlev1.ExplainRequest{Decision: args[0]})
			if err != nil {
				return fmt.Errorf("asking %s: %w", server, err)
			}
			return explain(cmd.OutOrStdout(), res)
		},
	}
	standard := "http://127.0.0.1:8080"
	if set := os.Getenv("WHITTLE_URL"); set != "" {
		standard = set
	}
	cmd.Flags().StringVar(&server, "url", standard, "the server's Connect address (WHITTLE_URL)")
	return cmd
}

// dial makes a client of the server, with the credentials that the environment holds.
func dial(ctx context.Context, server string) (context.Context, *connect.Client, error) {
	id, secret := os.Getenv("WHITTLE_CLIENT_ID"), os.Getenv("WHITTLE_CLIENT_SECRET")
	if id == "" || secret == "" {
		return nil, nil, errors.New("set WHITTLE_CLIENT_ID and WHITTLE_CLIENT_SECRET to a client with the permission audit.read")
	}
	r := &http.Request{Header: make(http.Header)}
	r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret)) // RFC 6749 section 2.3.1
	ctx, info := connect.NewClientContext(ctx)
	info.RequestHeader().Set("Authorization", r.Header.Get("Authorization"))
	return ctx, connect.NewClient(connecthttp.NewTransport(http.DefaultClient, server)), nil
}

func explain(out io.Writer, res *whittlev1.ExplainResponse) error {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-10s %s\n", name, value)
		}
	}
	line("decision", res.GetDecision())
	line("entry", strconv.FormatUint(res.GetIndex(), 10))
	line("time", res.GetTime().AsTime().Format(time.RFC3339))
	line("what", res.GetKind()+", "+res.GetOutcome())
	line("client", res.GetClient())
	for _, p := range res.GetPeople() {
		if p.GetErased() {
			line(p.GetRole(), "(erased)")
			continue
		}
		line(p.GetRole(), strings.TrimPrefix(p.GetIssuer()+":"+p.GetSubject(), ":"))
	}
	line("policy", fmt.Sprintf("version %d", res.GetPolicyVersion()))
	line("rule", res.GetRule())
	line("reason", res.GetReason())
	line("detail", res.GetDetail())
	for _, r := range res.GetRemoved() {
		where := ""
		if r.GetResource() != "" {
			where = " at " + r.GetResource()
		}
		line("removed", strings.TrimSpace(fmt.Sprintf("%s%s by %s %s", r.GetScope(), where, r.GetBy(), r.GetName())))
	}
	_, err := io.WriteString(out, b.String())
	return err
}
