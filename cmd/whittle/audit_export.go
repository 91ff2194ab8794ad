package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/whittle-sts/whittle/cmd/whittle/internal/exit"
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/folder"
	"github.com/whittle-sts/whittle/internal/verify"
	"github.com/whittle-sts/whittle/store/bolt"
)

func auditExport() *cobra.Command {
	var db string
	var from uint64
	var witnessed bool
	cmd := asking(&cobra.Command{
		Use:   "export",
		Short: "Write the entries of a server, or of a copy of its database, each with its proof, as lines of JSON",
		Long: `Writes the newest checkpoint and then each entry that it covers, byte for byte as it is hashed, what names people
sealed, with the proof that the checkpoint covers it. "whittle audit verify --export" verifies them, without the server.
If bodies of entries are dropped meanwhile, a newer checkpoint follows, with the entries that say so.
With --db, a copy of the database is read instead of a server, as far as the newest checkpoint in it.`,
		Example: `  whittle audit export > log.jsonl
  whittle audit export --from 100000 | gzip > log.jsonl.gz
  whittle audit export --db /backup/whittle.db > log.jsonl`,
		Args: cobra.NoArgs,
	}, func(c *call) error {
		return c.export(&whittlev1.ExportEntriesRequest{From: from, Witnessed: witnessed})
	})
	remote := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if db == "" {
			return remote(cmd, args)
		}
		return exportCopy(cmd.Context(), db, from, cmd.OutOrStdout())
	}
	cmd.Flags().StringVar(&db, "db", "", "a copy of the database file, instead of the server")
	cmd.Flags().Uint64Var(&from, "from", 0, "the first entry")
	cmd.Flags().BoolVar(&witnessed, "witnessed", false, "of a server, under the newest checkpoint that enough witnesses have co-signed")
	cmd.MarkFlagsMutuallyExclusive("db", "witnessed")
	return cmd
}

func exportCopy(ctx context.Context, db string, from uint64, out io.Writer) error {
	s, err := bolt.Open(bolt.Config{Path: db, ReadOnly: true})
	if err != nil {
		return err
	}
	defer s.Close()
	return verify.Export(ctx, s, from, out)
}

// export writes what the server sends. One that ends before its checkpoint does has failed, and verifying it says so too.
func (c *call) export(ask *whittlev1.ExportEntriesRequest) (err error) {
	stream, err := c.server.AuditFeed().ExportEntries(c.ctx, ask)
	if err != nil {
		return err
	}
	defer stream.Close()
	out := verify.NewExport(c.Out)
	defer func() { err = errors.Join(err, out.Flush()) }()
	next, size := ask.GetFrom(), uint64(0)
	for {
		res, err := stream.Receive()
		switch {
		case errors.Is(err, io.EOF) && size > 0 && next == size:
			return nil
		case errors.Is(err, io.EOF):
			return exit.With(exit.Unavailable, fmt.Errorf("the server ended the export after entry %d of %d", next, size))
		case err != nil:
			return err
		}
		if e := res.GetEntry(); e != nil {
			next = e.GetIndex() + 1
			err = out.Entry(e.GetIndex(), e.GetSealed(), e.GetLeafHash(), e.GetHashes())
		} else {
			size = res.GetSize()
			handovers := make([][]byte, len(res.GetHandovers()))
			for i, h := range res.GetHandovers() {
				handovers[i] = []byte(h)
			}
			err = out.Begin(res.GetCheckpoint(), next, handovers, res.GetConsistency())
		}
		if err != nil {
			return err
		}
	}
}

func auditReindex() *cobra.Command {
	return placing(&cobra.Command{
		Use:   "reindex",
		Short: "Make the index of the audit log anew, of a folder that nobody serves",
		Long: `Reads the whole log and writes the file that makes searches fast. Nothing is lost with that file: a server makes it
anew by itself when it is missing, damaged or of an earlier version, and searches by reading the log until it is done.
This command does it beforehand. It needs the key-encryption key, by which a server knows the file for its own.`,
		Example: "  whittle audit reindex",
		Args:    cobra.NoArgs,
	}, func(cmd *cobra.Command, _ []string, place folder.Place) error {
		entries, err := folder.Reindex(cmd.Context(), place)
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%d entries are indexed in %s\n", entries, place.Index())
		return nil
	})
}
