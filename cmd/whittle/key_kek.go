package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/show"
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
)

func keyKEK() *cobra.Command {
	return asking(&cobra.Command{
		Use:   "kek",
		Short: "Say which key-encryption key seals the state",
		Long: `Prints the id of the key-encryption key, which is the same wherever the key is kept, and whether the state is
still being sealed anew after a rotation. The key itself never leaves its place.`,
		Example: "  whittle key kek",
		Args:    cobra.NoArgs,
	}, func(c *call) error {
		res, err := c.server.Keys().GetKeyEncryptionKey(c.ctx, &whittlev1.GetKeyEncryptionKeyRequest{})
		if err != nil {
			return err
		}
		if c.JSON {
			return c.Object(res)
		}
		return c.Facts([]show.Fact{{Name: "id", Value: res.GetId()}, {Name: "sealing anew", Value: strconv.FormatBool(res.GetResealing())}})
	})
}

func keyRotateKEK() *cobra.Command {
	return asking(&cobra.Command{
		Use:   "rotate-kek",
		Short: "Replace the key-encryption key, and seal the state anew while it is served",
		Long: `Replaces the key-encryption key by the one that the setting kek_next names or, if it is a file, by a new one in its
place. The one before is kept beside it under its id: backups that were made before need it, so destroy it only with
them. What the state holds is sealed anew in the background; "whittle key kek" says when that is done.`,
		Example: "  whittle key rotate-kek",
		Args:    cobra.NoArgs,
	}, func(c *call) error {
		res, err := c.server.Keys().RotateKeyEncryptionKey(c.ctx, &whittlev1.RotateKeyEncryptionKeyRequest{})
		if err != nil {
			return err
		}
		if c.JSON {
			return c.Object(res)
		}
		_, err = fmt.Fprintf(c.Out, "%s seals the state now, in place of %s, which backups made before still need\n",
			res.GetId(), res.GetPrevious())
		return err
	})
}

func keyRotateLog() *cobra.Command {
	return asking(&cobra.Command{
		Use:   "rotate-log",
		Short: "Replace the key that signs the audit log's checkpoints",
		Long: `Replaces the key that signs the audit log. An entry names the new key before it signs, and both keys sign the
checkpoint with which it takes over. What the old one signed until then stays good, and whittle audit verify, given
either, follows to the other. Hand the new verifier key to your witnesses, who refuse what a key signs that they
don't know, and to whoever verifies receipts.`,
		Example: "  whittle key rotate-log",
		Args:    cobra.NoArgs,
	}, func(c *call) error {
		res, err := c.server.Keys().RotateLogKey(c.ctx, &whittlev1.RotateLogKeyRequest{})
		if err != nil {
			return err
		}
		if c.JSON {
			return c.Object(res)
		}
		return c.Facts([]show.Fact{{Name: "signs now", Value: res.GetVerifierKey()}, {Name: "before", Value: res.GetPrevious()}})
	})
}
