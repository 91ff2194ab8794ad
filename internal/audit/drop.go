package audit

import (
	"context"
	"errors"
	"time"

	"github.com/whittle-sts/whittle/store"
)

// DropExpired forgets up to limit records that ended before then, and says how many. It takes no power
// from anybody and gives none, so no entry tells of it.
func (l *Log) DropExpired(ctx context.Context, before time.Time, limit int) (dropped int, err error) {
	outcomes, err := l.store.Update(ctx, func(tx store.Tx) (err error) {
		dropped, err = tx.DropExpired(before, limit)
		return err
	})
	return dropped, errors.Join(append(outcomes, err)...)
}

// Use is when a client's credential was last used.
type Use struct {
	Client, Credential string
	At                 time.Time
}

// NoteUses remembers when credentials were last used. It gives nobody power, so no entry tells of it either.
func (l *Log) NoteUses(ctx context.Context, uses []Use) error {
	outcomes, err := l.store.Update(ctx, func(tx store.Tx) error {
		for _, u := range uses {
			if err := tx.NoteCredentialUse(u.Client, u.Credential, u.At); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(append(outcomes, err)...)
}
