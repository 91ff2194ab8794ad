package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/show"
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/token"
)

// shownOnce hands over a new secret: to a new file, or alone on standard output. What programs read
// doesn't have it if it went to a file.
func (c *call) shownOnce(res proto.Message, member *string, to, about string) error {
	secret := token.NewSecret(*member)
	if to != "" {
		if err := keep(to, secret); err != nil {
			return fmt.Errorf("%s was made, but can't be handed over: %w; delete it and make another", about, err)
		}
		*member = ""
	}
	if c.JSON {
		return c.Object(res)
	}
	c.note("%s: shown this once", about)
	if to != "" {
		return nil
	}
	_, err := fmt.Fprintln(c.Out, secret.Reveal())
	return err
}

const toUsage = "write the secret to this new file, for your eyes alone, not to standard output"

func secretCreate() *cobra.Command {
	var lifetime time.Duration
	var to string
	cmd := asking(&cobra.Command{
		Use:   "create CLIENT",
		Short: "Make a secret for a client, beside those that it has",
		Long: `Makes a secret. It is shown this once: alone on standard output, so that it can go where it is kept, or in a
new file with --to.`,
		Example: `  whittle client secret create research-agent --to research-agent.secret
  whittle client secret create nightly-export --lifetime 720h`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completing(clientIDs),
	}, func(c *call) error {
		if err := unused(to); err != nil {
			return err
		}
		ask := &whittlev1.CreateSecretRequest{Client: c.args[0]}
		if lifetime != 0 {
			ask.Lifetime = durationpb.New(lifetime)
		}
		res, err := c.server.Clients().CreateSecret(c.ctx, ask)
		if err != nil {
			return err
		}
		about := fmt.Sprintf("secret %s of client %s", res.GetId(), res.GetClient())
		if end := show.Time(res.GetExpires()); end != "" {
			about += ", good until " + end
		}
		return c.shownOnce(res, &res.Secret, to, about)
	})
	cmd.Flags().DurationVar(&lifetime, "lifetime", 0, "how long it is good, as 720h; without it until it is disabled or deleted")
	cmd.Flags().StringVar(&to, "to", "", toUsage)
	return cmd
}

func secretRotate() *cobra.Command {
	var overlap time.Duration
	var to string
	cmd := asking(&cobra.Command{
		Use:   "rotate CLIENT",
		Short: "Make a secret, and let the earlier ones end after an overlap",
		Long: `Makes a secret for a client and lets all its earlier ones end, at once or after an overlap in which both are
good, so that the client can change over without a failed request.`,
		Example:           "  whittle client secret rotate research-agent --overlap 24h --to research-agent.secret",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completing(clientIDs),
	}, func(c *call) error {
		if err := unused(to); err != nil {
			return err
		}
		res, err := c.server.Clients().RotateSecret(c.ctx, &whittlev1.RotateSecretRequest{Client: c.args[0], Overlap: durationpb.New(overlap)})
		if err != nil {
			return err
		}
		about := fmt.Sprintf("secret %s of client %s; %d earlier ones end ", res.GetId(), res.GetClient(), len(res.GetEarlier()))
		if overlap > 0 {
			about += "in " + overlap.String() + " at the latest"
		} else {
			about += "now"
		}
		return c.shownOnce(res, &res.Secret, to, about)
	})
	cmd.Flags().DurationVar(&overlap, "overlap", 0, "how long the earlier secrets stay good, as 24h; 0: they end now")
	cmd.Flags().StringVar(&to, "to", "", toUsage)
	return cmd
}

func secretDisable() *cobra.Command {
	return asking(&cobra.Command{
		Use:   "disable CLIENT [ID]",
		Short: "Stop a secret at once, or all of a client's",
		Long: `Stops a secret, or all of the client's, until it is enabled. Tokens that were issued stay: whittle revocation create
client ends those.`,
		Example:           "  whittle client secret disable research-agent",
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: completing(clientIDs),
	}, func(c *call) error {
		res, err := c.server.Clients().DisableSecret(c.ctx, &whittlev1.DisableSecretRequest{Client: c.args[0], Id: c.second()})
		if err != nil {
			return err
		}
		return c.secrets(res.GetSecrets())
	})
}

func secretEnable() *cobra.Command {
	return asking(&cobra.Command{
		Use:               "enable CLIENT [ID]",
		Short:             "Undo disable",
		Long:              "Lets a disabled secret, or all of the client's, be used again. One that has ended stays so.",
		Example:           "  whittle client secret enable research-agent",
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: completing(clientIDs),
	}, func(c *call) error {
		res, err := c.server.Clients().EnableSecret(c.ctx, &whittlev1.EnableSecretRequest{Client: c.args[0], Id: c.second()})
		if err != nil {
			return err
		}
		return c.secrets(res.GetSecrets())
	})
}

// second is the second argument, if it was given.
func (c *call) second() string {
	if len(c.args) < 2 {
		return ""
	}
	return c.args[1]
}

func secretDelete() *cobra.Command {
	return asking(&cobra.Command{
		Use:               "delete CLIENT ID",
		Short:             "End a secret for good",
		Long:              "Ends a secret for good. whittle client show lists the ids.",
		Example:           "  whittle client secret delete research-agent 06h0mtdf0reb9p1qydj6jdf4xg",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completing(clientIDs),
	}, func(c *call) error {
		res, err := c.server.Clients().DeleteSecret(c.ctx, &whittlev1.DeleteSecretRequest{Client: c.args[0], Id: c.args[1]})
		if err != nil {
			return err
		}
		return c.secrets(res.GetSecrets())
	})
}
