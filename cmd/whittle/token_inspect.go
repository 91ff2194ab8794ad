package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	"github.com/whittle-sts/whittle/cmd/whittle/internal/remote"
	"github.com/whittle-sts/whittle/cmd/whittle/internal/show"
	"github.com/whittle-sts/whittle/internal/token"
)

func tokenInspect() *cobra.Command {
	from := hidden{what: "token"}
	var verify bool
	cmd := reaching(&cobra.Command{
		Use:   "inspect",
		Short: "Show what a JWT says, without asking whether it is good",
		Long: `Decodes the JWT on standard input. Nothing is sent anywhere, and nothing is verified: anybody could have
written it. With --verify its signature is checked against the server's published keys, its times against
this machine's clock. Even so it may be revoked, used up or suspended by the policy: only introspection
tells.`,
		Example: `  whittle token inspect < token
  whittle token inspect --verify --token-env TOKEN`,
		Args: cobra.NoArgs,
	}, func(c *call) error {
		text, err := from.read(c.cmd)
		if err != nil {
			return err
		}
		if token.IsOpaque(text.Reveal()) {
			return exit.With(exit.Usage, errors.New("this is an opaque reference: what it stands for only the server knows (whittle token introspect)"))
		}
		jws, err := token.ParseJWS(text.Reveal())
		if err != nil {
			return exit.With(exit.Usage, fmt.Errorf("this is no JWT: %w", err))
		}
		if err := shown(c.Printer, jws); err != nil {
			return err
		}
		if !verify {
			fmt.Fprintln(c.cmd.ErrOrStderr(), "NOT VERIFIED: anybody could have written this. --verify checks the signature; only introspection says whether it is good")
			return nil
		}
		if c.lost != nil {
			return c.lost
		}
		by, err := verified(c.ctx, c.server, jws, time.Now())
		if err != nil {
			return err
		}
		fmt.Fprintf(c.cmd.ErrOrStderr(), "VERIFIED: signed by key %s of %s, and within its times. Whether it was revoked, only introspection says\n", by, c.server.URL())
		return nil
	})
	from.flags(cmd, "token")
	cmd.Flags().BoolVar(&verify, "verify", false, "check the signature against the server's key set, and the times")
	return cmd
}

// shown prints header and payload as they stand in the token: indented, or both as one line.
func shown(p show.Printer, jws *token.JWS) error {
	encoded, _, _ := strings.Cut(string(jws.SigningInput()), ".")
	header, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return err // it was read before
	}
	if !jsontext.Value(jws.Payload()).IsValid() {
		return exit.With(exit.Usage, errors.New("this is no JWT: its payload is not JSON"))
	}
	both := jsontext.Value(fmt.Sprintf(`{"header":%s,"payload":%s}`, header, jws.Payload()))
	if p.JSON {
		if err := both.Compact(); err != nil {
			return err
		}
		_, err = fmt.Fprintln(p.Out, both)
		return err
	}
	return object(p.Out, both)
}

// object prints JSON indented.
func object(out io.Writer, text jsontext.Value) error {
	if err := text.Indent(jsontext.WithIndent("  ")); err != nil {
		return err
	}
	_, err := io.WriteString(out, show.Lines(string(text)))
	return err
}

// verified says which of the server's keys signed the token, if one did, and the token is this server's
// and within its times.
func verified(ctx context.Context, s *remote.Server, jws *token.JWS, now time.Time) (kid string, err error) {
	no := func(format string, args ...any) (string, error) {
		return "", exit.With(exit.No, fmt.Errorf("NOT GOOD: "+format, args...))
	}
	issuer, keys, err := published(ctx, s)
	if err != nil {
		return "", err
	}
	claims, err := token.ParseClaims(jws.Payload())
	if err != nil {
		return no("%w", err)
	}
	if iss, err := claims.String("iss"); err != nil || iss != issuer {
		return no("its issuer is %q, and this server is %q", iss, issuer)
	}
	found := keys.Find(jws.KeyID(), jws.Algorithm())
	if len(found) == 0 {
		return no("no published key of this server is %q", jws.KeyID())
	}
	for _, key := range found {
		if err = jws.Verify(key); err == nil {
			break
		}
	}
	if err != nil {
		return no("the signature doesn't verify: it was made by another key, or the token was changed")
	}
	if exp, err := claims.NumericDate("exp"); err != nil || !now.Before(exp) {
		return no("it ended at %s", exp.UTC().Format(time.RFC3339))
	}
	return jws.KeyID(), nil
}

// published is the server's issuer identifier, from its metadata (RFC 8414), and its key set.
func published(ctx context.Context, s *remote.Server) (issuer string, keys *token.KeySet, err error) {
	text, err := s.Document(ctx, "/.well-known/oauth-authorization-server")
	if err != nil {
		return "", nil, err
	}
	var metadata struct {
		Issuer string `json:"issuer"`
	}
	if err := json.Unmarshal(text, &metadata); err != nil || metadata.Issuer == "" {
		return "", nil, fmt.Errorf("%s publishes no metadata that names its issuer", s.URL())
	}
	if text, err = s.Document(ctx, "/oauth2/jwks"); err != nil {
		return "", nil, err
	}
	keys, err = token.ParseKeySet(text)
	return metadata.Issuer, keys, err
}
