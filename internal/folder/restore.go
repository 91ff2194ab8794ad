package folder

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/durable"
	"github.com/whittle-sts/whittle/store"
	"github.com/whittle-sts/whittle/store/anchored"
	"github.com/whittle-sts/whittle/store/bolt"
	"github.com/whittle-sts/whittle/store/sealed"
)

// Restore is a restore that is prepared: the backup is whole, and it is known what will be lost.
type Restore struct {
	Backup audit.Past  // the state in the backup
	Known  *audit.Past // how far the state was known to have come, if there is anything left that knows

	place Place
	file  string
	tools Tools
}

// Tools is what a restore needs besides the place.
type Tools struct {
	Now    func() time.Time
	Random io.Reader // cryptographic
}

// Prepare verifies the backup in the file and finds out what restoring it would lose. It changes nothing.
func Prepare(ctx context.Context, p Place, file string, tools Tools) (*Restore, error) {
	meta, findings, err := CheckBackup(ctx, p, file)
	if err != nil {
		return nil, err
	}
	var wrong []error
	for _, f := range findings {
		wrong = append(wrong, errors.New(f.String()))
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("the backup isn't whole, so nothing was changed:\n%w", errors.Join(wrong...))
	}
	r := &Restore{place: p, file: file, tools: tools, Backup: pastOf(meta)}
	return r, r.seeWhatIsThere(ctx)
}

// seeWhatIsThere finds out how far the state had come: by the database that is to be replaced or, if that
// is gone or damaged, by its anchor.
func (r *Restore) seeWhatIsThere(ctx context.Context) error {
	if exists(r.place.Database()) {
		now, err := bolt.Open(bolt.Config{Path: r.place.Database(), ReadOnly: true})
		if served(err) {
			return fmt.Errorf("a process serves this folder: %w", err)
		}
		if err == nil {
			defer now.Close()
			meta, err := metaOf(ctx, now)
			if err != nil {
				return err
			}
			known := pastOf(meta)
			r.Known = &known
		}
	}
	// The anchor may know of more than a damaged database, or one that was copied back.
	a, found, err := anchored.Read(r.place.Anchor)
	if err == nil && found && (r.Known == nil || a.Generation != r.Known.Generation || a.Size > r.Known.Size || a.Rev > r.Known.Rev) {
		r.Known = &audit.Past{Generation: a.Generation, Size: a.Size, Root: a.Root, Rev: a.Rev}
	}
	if r.Known != nil && r.Known.Generation == r.Backup.Generation && r.Known.Size == r.Backup.Size && r.Known.Rev == r.Backup.Rev {
		r.Known = nil // the backup is of the newest state
	}
	return nil
}

func pastOf(m store.Meta) audit.Past {
	past := audit.Past{
		Generation: hex.EncodeToString(m.Generation[:]), Newest: m.Time, Policy: m.Policy, Rev: m.Rev, Size: m.Size,
	}
	if m.Treed == m.Size && m.Size > 0 {
		past.Root = hex.EncodeToString(m.Root[:])
	}
	return past
}

// Done is what a restore made.
type Done struct {
	Generation string
	Archived   []string // where the old log stays: the backup, and the database that was replaced
}

// Run makes the new generation and puts it in the old one's place. Whatever stops it, it can be run again:
// until the last step the old database is where it was; after it, nothing is served before the anchor
// is of the new generation, too.
func (r *Restore) Run(ctx context.Context) (Done, error) {
	var generation [16]byte
	if _, err := io.ReadFull(r.tools.Random, generation[:]); err != nil {
		return Done{}, err
	}
	next := r.place.Database() + ".restoring"
	if err := os.Remove(next); err != nil && !errors.Is(err, os.ErrNotExist) {
		return Done{}, err // it was left by one that was stopped
	}
	if _, err := bolt.Restore(r.file, next, generation); err != nil {
		return Done{}, err
	}
	done := Done{Generation: hex.EncodeToString(generation[:])}
	if err := r.begin(ctx, next, done.Generation); err != nil {
		return Done{}, err
	}
	var err error
	if done.Archived, err = r.archive(); err != nil {
		return Done{}, err
	}
	if err := os.Rename(next, r.place.Database()); err != nil {
		return Done{}, err
	}
	if err := durable.SyncFolder(filepath.Dir(r.place.Database())); err != nil {
		return Done{}, err
	}
	for _, file := range done.Archived { // only now: one of them was the database
		if err := os.Chmod(file, 0o400); err != nil {
			return Done{}, err
		}
	}
	return done, r.anchor(ctx)
}

// begin writes the first entry of the new log, which cites the old one.
func (r *Restore) begin(ctx context.Context, path, generation string) (err error) {
	kek, err := r.place.KEK.Load(ctx)
	if err != nil {
		return err
	}
	db, err := bolt.Open(bolt.Config{Path: path})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	open, err := sealed.Open(ctx, db, kek, r.tools.Random)
	if err != nil {
		return err
	}
	// The clock never goes back, not even if it is wrong on this machine.
	now := func() time.Time {
		if t := r.tools.Now(); t.After(r.Backup.Newest) {
			return t
		}
		return r.Backup.Newest
	}
	log, err := audit.Open(audit.Config{Store: open, Now: now, Random: r.tools.Random})
	if err != nil {
		return err
	}
	defer log.Close()
	entry, err := log.Prepare(audit.Event{
		Kind: audit.KindRestore, Outcome: audit.OutcomeDone, Policy: r.Backup.Policy, Rev: r.Backup.Rev,
		Change:   &audit.Change{Action: audit.ActionBegun, ID: generation},
		Restored: &audit.Restored{From: r.Backup, Known: r.Known},
	})
	if err != nil {
		return err
	}
	_, err = log.Do(ctx, func(store.Tx) (audit.Entry, error) { return entry, nil })
	return err
}

func (r *Restore) anchor(ctx context.Context) (err error) {
	db, err := bolt.Open(bolt.Config{Path: r.place.Database()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return anchored.Renew(ctx, r.place.anchorOf(db))
}
