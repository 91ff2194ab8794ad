package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/token"
)

func tokenExchange() *cobra.Command {
	var w wish
	subject, actor := hidden{what: "subject token"}, hidden{what: "actor token"}
	ask := whittlev1.ExchangeRequest{SubjectTokenType: whittlev1.TokenType_TOKEN_TYPE_ACCESS_TOKEN}
	cmd := asking(&cobra.Command{
		Use:   "exchange",
		Short: "Trade a token for a narrower one (RFC 8693)",
		Long: `Trades the subject token on standard input for one that is good for less: the scopes, resources and time
that the task needs. The new token alone goes to standard output, what it is good for to standard error.
Without a resource it is, unless the rule has a default, a token for a whole task: usable nowhere, and good
for trading into narrow ones.

A token of an outside issuer is --subject-token-type jwt or id_token; Whittle's own are access_token.`,
		Example: `  TASK=$(whittle token exchange --subject-token-type jwt --scope ai.training.read < corporate-token)
  export TASK
  whittle token exchange --subject-token-env TASK --scope ai.training.read --resource https://data.example.com --lifetime 5m`,
		Args: cobra.NoArgs,
	}, func(c *call) error {
		if !subject.given() && actor.file == "-" || subject.file == "-" && actor.file == "-" {
			return exit.With(exit.Usage, errors.New("both tokens can't come from standard input: name a file or variable for one"))
		}
		if err := unused(w.to); err != nil {
			return err
		}
		text, err := subjectToken(c.cmd, &subject)
		if err != nil {
			return err
		}
		ask.SubjectToken = text.Reveal()
		if actor.given() {
			if text, err = actor.read(c.cmd); err != nil {
				return err
			}
			ask.ActorToken = text.Reveal()
			if ask.GetActorTokenType() == whittlev1.TokenType_TOKEN_TYPE_UNSPECIFIED {
				ask.ActorTokenType = whittlev1.TokenType_TOKEN_TYPE_ACCESS_TOKEN
			}
		}
		ask.Resource, ask.Audience, ask.Scope, ask.Lifetime, ask.TaskLabel = w.resource, w.audience, w.scope, w.wanted(), w.label
		ask.Receipt = w.receipt
		res, err := c.server.Tokens().Exchange(c.ctx, &ask)
		if err != nil {
			return err
		}
		return c.issued(res.GetToken(), w.to)
	})
	subject.flags(cmd, "subject-token")
	typeFlag(cmd, &ask.SubjectTokenType, "subject-token-type", "what the subject token is, access_token if nothing is said")
	actor.flags(cmd, "actor-token")
	typeFlag(cmd, &ask.ActorTokenType, "actor-token-type", "what the actor token is, access_token if nothing is said")
	typeFlag(cmd, &ask.RequestedTokenType, "requested-token-type", "what is wanted")
	w.flags(cmd)
	return cmd
}

// subjectToken reads it. Unless its type is said it must not be an outside issuer's: the server may only say that it isn't
// acceptable.
func subjectToken(cmd *cobra.Command, from *hidden) (token.Secret, error) {
	text, err := from.read(cmd)
	if err != nil || cmd.Flags().Changed("subject-token-type") {
		return text, err
	}
	if foreign(text) {
		return text, exit.With(exit.Usage, errors.New("this subject token isn't one of Whittle's: say --subject-token-type jwt, or id_token"))
	}
	return text, nil
}

// foreign says whether it is a JWT of another type than Whittle's own have (RFC 9068).
func foreign(text token.Secret) bool {
	jws, err := token.ParseJWS(text.Reveal())
	return err == nil && jws.Type() != "at+jwt"
}
