package engine

import (
	"context"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/store"
)

// Vault has the key-encryption key and knows where the next one is. Only ids of keys leave it.
type Vault interface {
	// KEK is the id of the key in force.
	KEK() string
	// Resealing says whether values are left that were sealed before it.
	Resealing() bool
	// Next is the id of the key to come, which it makes where it may. [ErrNoNextKEK]: there is none.
	Next(ctx context.Context) (id string, err error)
	// Rotate puts the next key to work, durably, and begins to seal the state anew.
	Rotate(ctx context.Context) error
}

// ErrNoNextKEK is what a [Vault] without a next key says.
var ErrNoNextKEK = Refuse(InvalidRequest, "kek_next",
	"the settings name no next key-encryption key, and the one in force is no file: set kek_next and restart")

// KeyEncryptionKey is the id of the key that wraps the data keys, and whether the state is being sealed anew. The
// caller must hold key.manage.
func (e *Engine) KeyEncryptionKey(_ context.Context, caller clientauth.Caller) (id string, resealing bool, err error) {
	if err := e.require(caller, policy.KeyManage); err != nil {
		return "", false, err
	}
	return e.vault.KEK(), e.vault.Resealing(), nil
}

// RotateKeyEncryptionKey puts the next key-encryption key to work. Its entry comes first: a rotation that is
// on the record and wasn't made can be asked for again, one that was made without a trace can't be found.
// The caller must hold key.manage.
func (e *Engine) RotateKeyEncryptionKey(ctx context.Context, caller clientauth.Caller) (id, previous string, err error) {
	if err := e.require(caller, policy.KeyManage); err != nil {
		return "", "", err
	}
	previous = e.vault.KEK()
	if id, err = e.vault.Next(ctx); err != nil {
		return "", "", err
	}
	err = e.commit(ctx, func(store.Tx) (audit.Entry, error) {
		return e.changed(caller, audit.KindKey, &audit.Change{
			Action: audit.ActionKEKRotated, ID: id, Note: "key-encryption key, in place of " + previous,
		})
	})
	if err != nil {
		return "", "", err
	}
	if err := e.vault.Rotate(ctx); err != nil {
		return "", "", unavailable("kek", err)
	}
	return id, previous, nil
}

// LogKeySince is when the key that signs the audit log's checkpoints began to; zero while the log is empty.
func (e *Engine) LogKeySince(ctx context.Context) (time.Time, error) {
	since, err := e.log.SigningSince(ctx)
	if err != nil {
		return since, unavailable("store", err)
	}
	return since, nil
}

// RotateLogKey replaces the key that signs the audit log's checkpoints, and returns the verifier keys of the new one
// and of the one before. The caller must hold key.manage.
func (e *Engine) RotateLogKey(ctx context.Context, caller clientauth.Caller) (verifier, previous string, err error) {
	if err := e.require(caller, policy.KeyManage); err != nil {
		return "", "", err
	}
	event, err := e.administered(caller, audit.KindKey)
	if err != nil {
		return "", "", err
	}
	if previous, verifier, err = e.log.RotateKey(ctx, event); err != nil {
		return "", "", unavailable("log_key", err)
	}
	return verifier, previous, nil
}
