package bolt

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"time"

	"go.etcd.io/bbolt"

	"github.com/whittle-sts/whittle/store"
)

const (
	backupPiece = 256 << 10 // bytes written at once
	// giveWay is how long a commit may take before a backup ends for it. Few commits ever wait for a reader:
	// one that has to map more of the file, and one that failed, after which the file is opened anew.
	giveWay = 2 * time.Second
)

// Backup implements [store.Store]. It reads the file under one read transaction. While that lasts, pages
// that commits free aren't used again, so each commit lengthens the file by all that it rewrites: the
// price of a slow reader. That space isn't lost; later commits fill it.
func (s *Store) Backup(ctx context.Context, w io.Writer) (store.Meta, error) {
	if err := ctx.Err(); err != nil {
		return store.Meta{}, err
	}
	s.copying.Add(1)
	defer s.copying.Add(-1)
	tx, err := s.snapshot()
	if err != nil {
		return store.Meta{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	pieces, passed := make(chan []byte), make(chan error, 1)
	go func() { passed <- pass(w, pieces, cancel) }()
	go s.makeWay(ctx, cancel)

	meta, err := s.copyOut(ctx, tx, pieces) // which ends the transaction, however long w takes to fail
	close(pieces)
	if late := <-passed; late != nil {
		err = late
	} else if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return meta, err
}

// copyOut hands the snapshot on in pieces. It lets go of the snapshot, which the caller began.
func (s *Store) copyOut(ctx context.Context, tx *bbolt.Tx, pieces chan<- []byte) (meta store.Meta, err error) {
	defer s.mu.RUnlock()
	defer rollback(tx)
	if meta, err = (&reader{tx: tx}).Meta(); err != nil {
		return meta, err
	}
	defer trap(&err)()
	out := bufio.NewWriterSize(relay{ctx, pieces}, backupPiece)
	if _, err = tx.WriteTo(out); err == nil {
		err = out.Flush()
	}
	return meta, s.explain(err)
}

// makeWay ends the backup when a commit has been under way for too long.
func (s *Store) makeWay(ctx context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(giveWay / 20)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if began := s.began.Load(); began != 0 && time.Since(time.Unix(0, began)) > giveWay {
			cancel(store.ErrGaveWay)
			return
		}
	}
}

// relay passes on what is written to it, unless ctx has ended.
type relay struct {
	ctx context.Context
	to  chan<- []byte
}

// Write implements io.Writer.
func (r relay) Write(p []byte) (int, error) {
	select {
	case r.to <- bytes.Clone(p):
		return len(p), nil
	case <-r.ctx.Done():
		return 0, context.Cause(r.ctx)
	}
}

// pass writes the pieces until there are no more. The first error ends the backup.
func pass(w io.Writer, pieces <-chan []byte, cancel context.CancelCauseFunc) (err error) {
	for p := range pieces {
		if err != nil {
			continue
		}
		if _, err = w.Write(p); err != nil {
			cancel(err)
		}
	}
	return err
}
