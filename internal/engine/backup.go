package engine

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/store"
)

// While a backup reads, commits can't use again what they free, so nobody may read as slowly as they like.
const (
	backupPace  = 1 << 20          // bytes a second that a reader has to take
	backupGrace = 30 * time.Second // and how far it may fall behind
)

// BackupSummary says what a backup holds.
type BackupSummary struct {
	SHA256 [32]byte
	Bytes  uint64
	State  store.Meta
}

var errSlowReader = errors.New("the reader is too slow")

// Backup sends a copy of the whole state in pieces, its secrets sealed, while everything goes on. That
// it was asked for is on the record before anything leaves. The caller must hold state.backup. After
// an error what was sent is worthless.
func (e *Engine) Backup(ctx context.Context, caller clientauth.Caller, note string, send func([]byte) error) (BackupSummary, error) {
	if err := e.require(caller, policy.StateBackup); err != nil {
		return BackupSummary{}, err
	}
	if !writable(note) {
		return BackupSummary{}, Refuse(InvalidRequest, "shape", "the note is too long or no text")
	}
	if !e.copying.CompareAndSwap(false, true) {
		return BackupSummary{}, Refuse(Conflict, "backup", "another backup is being made")
	}
	defer e.copying.Store(false)
	err := e.commit(ctx, func(store.Tx) (audit.Entry, error) {
		return e.changed(caller, audit.KindBackup, &audit.Change{Action: audit.ActionCopied, Note: note})
	})
	if err != nil {
		return BackupSummary{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := &copied{ctx: ctx, send: send, sum: sha256.New(), began: time.Now()}
	state, err := e.store.Backup(ctx, out)
	switch {
	case errors.Is(err, errSlowReader):
		return BackupSummary{}, Refuse(TemporarilyUnavailable, "slow_reader", "the backup was read too slowly").because(err)
	case errors.Is(err, store.ErrGaveWay):
		return BackupSummary{}, unavailable("backup_gave_way", err)
	case err != nil:
		return BackupSummary{}, err
	}
	return BackupSummary{SHA256: [32]byte(out.sum.Sum(nil)), Bytes: out.bytes, State: state}, nil
}

// copied is the writer that sends.
type copied struct {
	ctx   context.Context
	send  func([]byte) error
	sum   hash.Hash
	bytes uint64
	began time.Time
}

// Write implements io.Writer. It doesn't wait for a reader that stands still; what sends to that one ends
// with the stream.
func (c *copied) Write(p []byte) (int, error) {
	sent := make(chan error, 1)
	go func() { sent <- c.send(p) }()
	late := time.NewTimer(backupGrace + time.Duration(c.bytes/backupPace)*time.Second - time.Since(c.began))
	defer late.Stop()
	select {
	case err := <-sent:
		c.sum.Write(p)
		c.bytes += uint64(len(p))
		return len(p), err
	case <-late.C:
		return 0, errSlowReader
	case <-c.ctx.Done():
		return 0, context.Cause(c.ctx)
	}
}
