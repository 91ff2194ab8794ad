package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/devissuer"
)

func devCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "An identity provider to develop against, on this machine alone",
		Long: `Plays an identity provider for development: "whittle init --dev" makes it. Whoever reads its file can be
anybody to a server that takes its tokens.`,
	}
	cmd.AddCommand(devIssuerCommand(), devTokenCommand())
	return cmd
}

func devIssuerCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "issuer",
		Short: "Publish the development issuer's key on loopback",
		Long: `Serves the metadata and the key of the development issuer that "whittle init --dev" made, until it is
interrupted. It is for development: whoever reads its file can be anybody to a server that takes its tokens.
So it listens on a loopback address and on no other.`,
		Example: "  whittle dev issuer",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			issuer, err := devissuer.Load(filepath.Join(dir, devissuer.File))
			if err != nil {
				return err
			}
			on, err := issuer.Listen(cmd.Context())
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "FOR DEVELOPMENT ONLY: issuer %s, whose tokens anybody signs who can read %s\n",
				issuer.URL, filepath.Join(dir, devissuer.File))
			return issuer.Serve(cmd.Context(), on)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder that \"whittle init --dev\" filled")
	return cmd
}

func devTokenCommand() *cobra.Command {
	var dir string
	var further []string
	var c devissuer.Claims
	cmd := &cobra.Command{
		Use:   "token --subject NAME",
		Short: "Sign a development issuer's token for a subject and groups",
		Long: `Prints a token of the development issuer: what an identity provider would give to that subject. The issuer
need not run for that, but a server that verifies the token asks it for its key.`,
		Example: `  whittle dev token --subject ana --group research --claim 'amr=["pwd", "mfa"]'`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			issuer, err := devissuer.Load(filepath.Join(dir, devissuer.File))
			if err != nil {
				return err
			}
			if c.Further, err = readClaims(further); err != nil {
				return err
			}
			text, err := issuer.Token(c, time.Now())
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), text)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&dir, "dir", ".", "the folder that \"whittle init --dev\" filled")
	f.StringVar(&c.Subject, "subject", "", "whom the token is for (sub)")
	f.StringArrayVar(&c.Groups, "group", nil, "a group that the subject is in (groups); may be repeated")
	f.StringVar(&c.Audience, "audience", "whittle", "whom the token is meant for (aud)")
	f.DurationVar(&c.Lifetime, "lifetime", time.Hour, "how long it is good")
	f.StringArrayVar(&further, "claim", nil, "a further claim, NAME=VALUE; a value that is JSON is taken as such; may be repeated")
	_ = cmd.MarkFlagRequired("subject") // it is there
	return cmd
}

// readClaims reads NAME=VALUE. A value that isn't JSON is a text.
func readClaims(list []string) (map[string]any, error) {
	claims := make(map[string]any, len(list))
	for _, text := range list {
		name, value, found := strings.Cut(text, "=")
		if !found || name == "" {
			return nil, fmt.Errorf("--claim %s: write it as NAME=VALUE", text)
		}
		var read any
		if json.Unmarshal([]byte(value), &read) != nil {
			read = value
		}
		claims[name] = read
	}
	return claims, nil
}
