package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
)

func auditCheckpoint() *cobra.Command {
	var witnessed, key bool
	cmd := asking(&cobra.Command{
		Use:   "checkpoint",
		Short: "Show the log's newest signed size and root, or the key that verifies it",
		Long: `Prints the newest checkpoint of the log as the signed note that it is. With --key, prints what the log's signatures are
verified with. Whoever takes the key from the server trusts it this once: take it early, and by another way too.`,
		Example: `  whittle audit checkpoint > checkpoint
  whittle audit checkpoint --key`,
		Args: cobra.NoArgs,
	}, func(c *call) error {
		res, err := c.server.Proofs().GetCheckpoint(c.ctx, &whittlev1.GetCheckpointRequest{Witnessed: witnessed})
		if err != nil {
			return err
		}
		if c.JSON {
			return c.Object(res)
		}
		text := res.GetNote()
		if key {
			text = res.GetVerifierKey() + "\n"
		}
		_, err = fmt.Fprint(c.Out, text)
		return err
	})
	cmd.Flags().BoolVar(&witnessed, "witnessed", false, "the newest that enough witnesses have co-signed")
	cmd.Flags().BoolVar(&key, "key", false, "the log's verifier key instead")
	return cmd
}

func auditReceipt() *cobra.Command {
	var witnessed bool
	cmd := asking(&cobra.Command{
		Use:   "receipt INDEX",
		Short: "Get an entry with the proof that it is on the record",
		Long: `Prints the entry, what names people sealed, and the proof that the newest checkpoint covers it, for whoever has the
log's key to verify without the server. For the client that the entry names, and holders of audit.read.`,
		Example: `  whittle token exchange --receipt --scope reports.read < task > token # says which entry
  whittle audit receipt 4711 > receipt
  whittle audit verify --key "$KEY" --receipt receipt`,
		Args: cobra.ExactArgs(1),
	}, func(c *call) error {
		index, err := strconv.ParseUint(c.args[0], 10, 64)
		if err != nil {
			return exit.With(exit.Usage, fmt.Errorf("%q is no index of an entry", c.args[0]))
		}
		res, err := c.receipt(&whittlev1.GetReceiptRequest{Index: index, Witnessed: witnessed})
		if err != nil {
			return err
		}
		c.JSON = true // which is what a receipt is
		return c.Object(res)
	})
	cmd.Flags().BoolVar(&witnessed, "witnessed", false, "under the newest checkpoint that enough witnesses have co-signed")
	return cmd
}

// receipt asks again for a moment, since a checkpoint comes within a second.
func (c *call) receipt(ask *whittlev1.GetReceiptRequest) (*whittlev1.GetReceiptResponse, error) {
	return soon(c, recordedSoon, func() (*whittlev1.GetReceiptResponse, error) {
		return c.server.Proofs().GetReceipt(c.ctx, ask)
	})
}
