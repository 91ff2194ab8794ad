package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/show"
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
)

func keyCommand() *cobra.Command {
	return group("key", "Look after the keys that sign tokens, and the one that seals the state",
		`The signing keys rotate by themselves; these commands are for looking at them, and for doing it sooner. Needs
key.manage.`,
		keyList(), keyRotate(), keyRetire(), keyRevoke(), keyKEK(), keyRotateKEK(), keyRotateLog())
}

// keys lists signing keys.
func (c *call) keys(keys []*whittlev1.SigningKey) error {
	return show.List(c.Printer, []string{"key", "alg", "state", "made", "signs from", "until", "dropped"}, keys,
		func(k *whittlev1.SigningKey) []string {
			return []string{
				k.GetId(), k.GetAlg(), keyState(k),
				show.Time(k.GetCreated()), show.Time(k.GetActive()), show.Time(k.GetRetired()), show.Time(k.GetExpires()),
			}
		})
}

// keyState is how a key stands, in one word.
func keyState(k *whittlev1.SigningKey) string {
	return strings.ToLower(strings.TrimPrefix(k.GetState().String(), "KEY_STATE_"))
}

func keyList() *cobra.Command {
	return asking(&cobra.Command{
		Use:     "list",
		Short:   "List the signing keys, the newest first",
		Long:    "Lists the keys that are published, and those that were revoked and not dropped yet.",
		Example: "  whittle key list",
		Args:    cobra.NoArgs,
	}, func(c *call) error {
		res, err := c.server.Keys().ListKeys(c.ctx, &whittlev1.ListKeysRequest{})
		if err != nil {
			return err
		}
		return c.keys(res.GetKeys())
	})
}

func keyRotate() *cobra.Command {
	var overlap time.Duration
	cmd := asking(&cobra.Command{
		Use:   "rotate",
		Short: "Publish a new key, which then takes over",
		Long: `Publishes a new key. It begins to sign when everybody who caches the key set can have it, or after --overlap; if that
is shorter, those who verify tokens locally may refuse new ones for a while.`,
		Example: "  whittle key rotate",
		Args:    cobra.NoArgs,
	}, func(c *call) error {
		ask := &whittlev1.RotateKeyRequest{}
		if c.cmd.Flags().Changed("overlap") {
			ask.Overlap = durationpb.New(overlap)
		}
		res, err := c.server.Keys().RotateKey(c.ctx, ask)
		if err != nil {
			return err
		}
		return c.keys([]*whittlev1.SigningKey{res.GetKey()})
	})
	cmd.Flags().DurationVar(&overlap, "overlap", 0,
		"how long it is published before it signs, as 1h (default: as long as others may cache the key set)")
	return cmd
}

func keyRetire() *cobra.Command {
	return asking(&cobra.Command{
		Use:               "retire KEY",
		Short:             "End a key's signing; what it signed stays good",
		Long:              "Ends a key's signing: another takes over. What it signed stays good until it ends by itself.",
		Example:           "  whittle key retire -- \"$KEY\"",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completing(keyIDs),
	}, func(c *call) error {
		res, err := c.server.Keys().RetireKey(c.ctx, &whittlev1.RetireKeyRequest{Id: c.args[0]})
		if err != nil {
			return err
		}
		return c.keys(res.GetKeys())
	})
}

func keyRevoke() *cobra.Command {
	var reason string
	cmd := asking(&cobra.Command{
		Use:   "revoke KEY",
		Short: "Kill at once whatever a key signed, for good",
		Long: `Kills whatever the key signed, for good: for a key that somebody else may have. If no other can sign, a new one
takes over. There is no way back. An id may begin with a
dash: behind -- it is no flag.`,
		Example:           "  whittle key revoke --reason 'found on a laptop' -- \"$KEY\"",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completing(keyIDs),
	}, func(c *call) error {
		res, err := c.server.Keys().RevokeKey(c.ctx, &whittlev1.RevokeKeyRequest{Id: c.args[0], Reason: reason})
		if err != nil {
			return err
		}
		return c.keys(res.GetKeys())
	})
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the record")
	return cmd
}
