package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	"github.com/whittle-sts/whittle/cmd/whittle/internal/show"
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/token"
)

func tokenCommand() *cobra.Command {
	return group("token", "Exchange, look at and revoke single tokens",
		`Trades tokens for narrower ones, asks whether they are good, takes them back, and shows what is in them.
Tokens are read from standard input, a file or the environment, never from arguments.`,
		tokenExchange(), tokenIssue(), tokenIntrospect(), tokenRevoke(), tokenInspect())
}

// tokenTypes are the names of the token types, the last part of their identifiers (RFC 8693 section 3).
var tokenTypes = map[string]whittlev1.TokenType{
	"access_token": whittlev1.TokenType_TOKEN_TYPE_ACCESS_TOKEN,
	"jwt":          whittlev1.TokenType_TOKEN_TYPE_JWT,
	"id_token":     whittlev1.TokenType_TOKEN_TYPE_ID_TOKEN,
}

const tokenTypePrefix = "urn:ietf:params:oauth:token-type:"

// typeFlag adds a flag that names a token type, by its identifier or the last part of it.
func typeFlag(cmd *cobra.Command, t *whittlev1.TokenType, name, usage string) {
	cmd.Flags().Func(name, usage+": access_token, jwt or id_token", func(text string) error {
		known, ok := tokenTypes[strings.TrimPrefix(text, tokenTypePrefix)]
		if !ok {
			return errors.New("it is access_token, jwt or id_token")
		}
		*t = known
		return nil
	})
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions([]string{"access_token", "jwt", "id_token"}, cobra.ShellCompDirectiveNoFileComp)) // it is there
}

// wish is what both grants can ask for, and where the token goes.
type wish struct {
	resource, audience, scope []string
	lifetime                  time.Duration
	label, to                 string
	receipt                   bool
}

func (w *wish) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&w.scope, "scope", nil, "a scope that the task needs; none: the rule's default")
	f.StringSliceVar(&w.resource, "resource", nil, "where the token is to be used, an absolute URI; none: a token to trade further")
	f.StringSliceVar(&w.audience, "audience", nil, "the same by the policy's name for it")
	f.DurationVar(&w.lifetime, "lifetime", 0, "how long the token should be good at most, as 5m")
	f.StringVar(&w.label, "task-label", "", "your own name for the task, for the record")
	f.BoolVar(&w.receipt, "receipt", false, "also say which entry of the audit log it is, for whittle audit receipt")
	f.StringVar(&w.to, "to", "", "write the token to this new file, for your eyes alone, not to standard output")
}

// wanted is the lifetime for the request; absent if none was named.
func (w *wish) wanted() *durationpb.Duration {
	if w.lifetime == 0 {
		return nil
	}
	return durationpb.New(w.lifetime)
}

// issued hands over a new token: the token alone on standard output, so that a script can take it, and
// what it is on standard error.
func (c *call) issued(got *whittlev1.IssuedToken, to string) error {
	if c.JSON && to == "" {
		return c.Object(got)
	}
	text := token.NewSecret(got.GetAccessToken())
	if to != "" {
		if err := keep(to, text); err != nil {
			return err
		}
		got.AccessToken = ""
	}
	if c.JSON {
		return c.Object(got)
	}
	kind := got.GetTokenType()
	if kind == "N_A" {
		kind = "good only for exchange"
	}
	c.note("%s, for %v: %s\ntask %s, decision %s", kind, got.GetExpiresIn().AsDuration(),
		strings.Join(got.GetScope(), " "), got.GetTask(), got.GetDecision())
	if got.EntryIndex != nil {
		c.note("entry %d", got.GetEntryIndex())
	}
	if to != "" {
		return nil
	}
	_, err := fmt.Fprintln(c.Out, text.Reveal())
	return err
}

func tokenIssue() *cobra.Command {
	var w wish
	cmd := asking(&cobra.Command{
		Use:   "issue",
		Short: "Get a token for the client itself (client_credentials)",
		Long: `Asks for a token for the client itself (RFC 6749 section 4.4), if the policy binds the client to a role. The
token alone goes to standard output, what it is good for to standard error.`,
		Example: `  whittle token issue --scope ai.usage.log.read --resource https://data.example.com`,
		Args:    cobra.NoArgs,
	}, func(c *call) error {
		if err := unused(w.to); err != nil {
			return err
		}
		res, err := c.server.Tokens().ClientCredentials(c.ctx, &whittlev1.ClientCredentialsRequest{
			Resource: w.resource, Audience: w.audience, Scope: w.scope, Lifetime: w.wanted(), TaskLabel: w.label, Receipt: w.receipt,
		})
		if err != nil {
			return err
		}
		return c.issued(res.GetToken(), w.to)
	})
	w.flags(cmd)
	return cmd
}

func tokenRevoke() *cobra.Command {
	from := hidden{what: "token"}
	cmd := asking(&cobra.Command{
		Use:   "revoke",
		Short: "Kill a token and all that descends from it (RFC 7009)",
		Long: `Revokes the token on standard input: it and everything that was traded from it is inactive for every look
that begins after this returns. For the clients of the token's exchanges and holders of revoke.any. A token
that the server doesn't know is no error (RFC 7009 section 2.2).`,
		Example: `  whittle token revoke < token
  whittle token revoke --token-env TOKEN`,
		Args: cobra.NoArgs,
	}, func(c *call) error {
		text, err := from.read(c.cmd)
		if err != nil {
			return err
		}
		res, err := c.server.Revocations().RevokeToken(c.ctx, &whittlev1.RevokeTokenRequest{Token: text.Reveal()})
		if err != nil {
			return err
		}
		return c.answer(res, []show.Fact{{Name: "revoked", Value: "the token and all that descends from it, if it was one"}})
	})
	from.flags(cmd, "token")
	return cmd
}

func tokenIntrospect() *cobra.Command {
	from := hidden{what: "token"}
	var ask whittlev1.IntrospectRequest
	cmd := asking(&cobra.Command{
		Use:   "introspect",
		Short: "Ask whether a token is good at your resources now (RFC 7662)",
		Long: `Asks about the token on standard input as a resource server does: it is active if it is good now, under
today's policy, at a resource that the asking client serves, and only that part of it is shown. Exit
status 4 if it is inactive. For a use-limited token this is a use, unless --look says otherwise.`,
		Example: `  whittle token introspect < token
  whittle token introspect --token-env TOKEN --json | jq .scope`,
		Args: cobra.NoArgs,
	}, func(c *call) error {
		text, err := from.read(c.cmd)
		if err != nil {
			return err
		}
		ask.Token = text.Reveal()
		res, err := c.server.Introspection().Introspect(c.ctx, &ask)
		if err != nil {
			return err
		}
		if err := c.answer(res.GetIntrospection(), introspected(res.GetIntrospection())); err != nil {
			return err
		}
		if !res.GetIntrospection().GetActive() {
			if foreign(text) {
				return exit.With(exit.No, errors.New("the token is inactive: it isn't one of Whittle's; it can only be traded for one (whittle token exchange --subject-token-type jwt, or id_token)"))
			}
			return exit.With(exit.No, errors.New("the token is inactive: not good at this client's resources now, and nothing says why"))
		}
		return nil
	})
	from.flags(cmd, "token")
	cmd.Flags().StringVar(&ask.UseId, "use-id", "", "names this use of a use-limited token, so that asking again isn't another")
	cmd.Flags().StringVar(&ask.UseScope, "use-scope", "", "the scope that it is about to be used for, for the record")
	cmd.Flags().StringVar(&ask.UseAction, "use-action", "", "what is about to be done, in your words, for the record; never a person's name")
	cmd.Flags().BoolVar(&ask.Look, "look", false, "don't count a use; needs the permission token.look")
	return cmd
}

func introspected(in *whittlev1.Introspection) []show.Fact {
	if !in.GetActive() {
		return []show.Fact{{Name: "active", Value: "no"}}
	}
	facts := []show.Fact{
		{Name: "active", Value: "yes"},
		{Name: "scope", Value: strings.Join(in.GetScope(), " ")},
		{Name: "audience", Value: strings.Join(in.GetAud(), " ")},
		{Name: "subject", Value: in.GetSub()},
		{Name: "client", Value: in.GetClientId()},
	}
	for a := in.GetAct(); a != nil; a = a.GetAct() {
		facts = append(facts, show.Fact{Name: "acting", Value: a.GetSub()})
	}
	left := ""
	if in.UsesLeft != nil {
		left = strconv.FormatUint(uint64(in.GetUsesLeft()), 10)
	}
	return append(facts,
		show.Fact{Name: "issued", Value: time.Unix(in.GetIat(), 0).UTC().Format(time.RFC3339)},
		show.Fact{Name: "expires", Value: time.Unix(in.GetExp(), 0).UTC().Format(time.RFC3339)},
		show.Fact{Name: "task", Value: in.GetTxn()},
		show.Fact{Name: "token id", Value: in.GetJti()},
		show.Fact{Name: "depth", Value: strconv.FormatUint(uint64(in.GetDepth()), 10)},
		show.Fact{Name: "uses left", Value: left},
		show.Fact{Name: "policy", Value: fmt.Sprintf("version %d", in.GetPolicyVersion())},
	)
}
