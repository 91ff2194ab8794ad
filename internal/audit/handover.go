package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/whittle-sts/whittle/internal/checkpoint"
	"github.com/whittle-sts/whittle/internal/tree"
	"github.com/whittle-sts/whittle/store"
)

// The log's key is replaced in two commits. The first has the entry that names the next key, and its secret. The second
// has a checkpoint over that entry, signed by both keys (the handover), the next key in the place of the one before, and
// an entry with the handover. Whatever stops between, the log is signed by the key before, and the next round goes
// on; no checkpoint is ever signed by a key that the log doesn't name.

// What the entries of a replacement say that was done.
const (
	actionNamed    = "log_key_named"
	ActionTookOver = "log_key_took_over" // the note of the change is the handover
)

// RotateKey replaces the key that signs the log. The event says who asked. What the key before signed stays good.
func (l *Log) RotateKey(ctx context.Context, e Event) (before, after string, err error) {
	s := l.signer
	s.mu.Lock()
	defer s.mu.Unlock()
	before = l.Verifier()
	if s.keys.Load().next == nil {
		if err := l.nameKey(ctx, e); err != nil {
			return "", "", err
		}
	}
	if err := l.handOver(ctx); err != nil {
		return "", "", err
	}
	return before, l.Verifier(), nil
}

// nameKey makes the next key and puts it on the record. The caller has the signer's mu.
func (l *Log) nameKey(ctx context.Context, e Event) error {
	seed := make([]byte, checkpoint.SeedSize)
	if _, err := io.ReadFull(l.random, seed); err != nil {
		return fmt.Errorf("a key of the log: %w", err)
	}
	now := *l.signer.keys.Load()
	var err error
	if now.next, err = checkpoint.NewKey(l.Origin(), seed); err != nil {
		return err
	}
	e.Kind, e.Outcome, e.Change = KindKey, OutcomeDone, &Change{Action: actionNamed, Alg: "Ed25519", ID: now.next.Verifier()}
	entry, err := l.Prepare(e)
	if err != nil {
		return err
	}
	_, err = l.Do(ctx, func(tx store.Tx) (Entry, error) { return entry, tx.PutSecret(nextKeyName, seed) })
	if err != nil {
		return err
	}
	l.signer.keys.Store(&now)
	return nil
}

// handOver lets the next key, which an entry names, take over. The caller has the signer's mu.
func (l *Log) handOver(ctx context.Context) error {
	was := l.signer.keys.Load()
	t := l.tree.Load() // has that entry: it was durable before
	signed, err := was.key.HandOver(was.next, t.Size(), t.Root())
	if err != nil {
		return err
	}
	next := store.Checkpoint{Size: t.Size(), Root: t.Root(), Note: signed, Edge: tree.Join(t.Edge())}
	now := &keys{key: was.next, handovers: append(was.handovers[:len(was.handovers):len(was.handovers)], signed)}
	if err := now.trusted(); err != nil {
		return err
	}
	entry, err := l.Prepare(Event{Kind: KindKey, Outcome: OutcomeDone, Change: &Change{
		Action: ActionTookOver, Alg: "Ed25519", ID: now.key.Verifier(), Note: string(signed),
	}})
	if err != nil {
		return err
	}
	_, err = l.Do(ctx, func(tx store.Tx) (Entry, error) {
		seed, err := tx.Secret(nextKeyName)
		if err == nil && len(seed) == 0 {
			err = errTookOver
		}
		if err != nil {
			return Entry{}, err
		}
		record := append(bytes.Clone(seed), l.Origin()...)
		if err := mayFollow(tx, next); err != nil {
			return Entry{}, err
		}
		for _, write := range []func() error{
			func() error { return tx.PutSecret(keyName, record) },
			func() error { return tx.PutSecret(nextKeyName, nil) },
			func() error { return tx.PutSecret(handoversName, checkpoint.JoinHandovers(now.handovers)) },
			func() error { return tx.PutCheckpoint(next) },
		} {
			if err := write(); err != nil {
				return Entry{}, err
			}
		}
		return entry, nil
	})
	if errors.Is(err, errTookOver) {
		return l.store.View(ctx, l.signer.reload)
	}
	if err != nil {
		return err
	}
	l.signer.signed.Store(&next)
	l.signer.keys.Store(now)
	return nil
}

// errTookOver says that a commit which failed was durable all the same.
var errTookOver = errors.New("the next key of the log has taken over")

// reload takes up what the store has.
func (s *signer) reload(r store.Reader) error {
	stored, err := r.Secret(keyName)
	if err != nil {
		return err
	}
	secrets := signerSecrets{seed: bytes.Clone(stored[:checkpoint.SeedSize])}
	if err := secrets.loadOthers(r); err != nil {
		return err
	}
	now, err := secrets.keys(s.keys.Load().key.Origin())
	if err != nil {
		return err
	}
	s.keys.Store(now)
	return s.resume(r)
}

// Handovers is with which checkpoints the log's keys followed each other, in their order.
func (l *Log) Handovers() [][]byte { return l.signer.keys.Load().handovers }

// SigningSince is when the key that signs the log took over; of the first one, when the log began; zero while the log is empty.
func (l *Log) SigningSince(ctx context.Context) (time.Time, error) {
	if l.Size() == 0 {
		return time.Time{}, nil
	}
	// the last entry that a handover covers, which is about the key that takes over
	return l.TimeOf(ctx, max(l.signer.keys.Load().since, 1)-1)
}
