package engine

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/store"
)

// BootstrapLife is how long the bootstrap credential is good after the first start.
const BootstrapLife = 24 * time.Hour

// Bootstrap makes the bootstrap credential and the first signing key, if the first start wasn't completed yet, and only
// a key at the first start of a generation that was restored. At any other it makes a bootstrap credential only if
// told to make it anew, for an operator who has lost every other way in; the credential is zero otherwise. An
// earlier one ends with it. It is shown before the key is made, whose presence says that the first start was
// completed: whatever stops that, the next one shows another.
func (e *Engine) Bootstrap(ctx context.Context, anew bool, show func(Credential) error) (made Credential, err error) {
	isFirst := e.image.View().Keys.Len() == 0
	restored := false
	if isFirst {
		if restored, err = e.restored(ctx); err != nil {
			return Credential{}, err
		}
	}
	if anew || isFirst && !restored {
		if made, err = e.bootstrapSecret(ctx); err != nil {
			return Credential{}, err
		}
		if err := show(made); err != nil {
			return Credential{}, fmt.Errorf("show the bootstrap credential: %w", err)
		}
	}
	if isFirst {
		_, err = e.addKey(ctx, operator(), e.clock.Now())
	}
	return made, err
}

// restored says whether the generation began from a backup with its policy, which says who gets in.
func (e *Engine) restored(ctx context.Context) (bool, error) {
	if e.image.View().Policy.Version() == 0 || e.log.Size() == 0 {
		return false, nil
	}
	items, err := e.log.List(ctx, 0, 1)
	if err != nil {
		return false, err
	}
	first, err := audit.Decode(items[0].Bytes)
	return first.Kind == audit.KindRestore, err
}

// bootstrapSecret makes a secret for the bootstrap credential in the place of those that it has.
func (e *Engine) bootstrapSecret(ctx context.Context) (Credential, error) {
	if len(e.image.View().Credentials[policy.Bootstrap]) == 0 {
		return e.createSecret(ctx, operator(), policy.Bootstrap, e.clock.Now().Add(BootstrapLife))
	}
	made, record, err := e.newSecret(policy.Bootstrap, e.clock.Now().Add(BootstrapLife))
	if err != nil {
		return Credential{}, err
	}
	err = e.commit(ctx, func(tx store.Tx) (audit.Entry, error) { return e.putRotated(tx, operator(), record, 0) })
	if err != nil {
		return Credential{}, err
	}
	return made, e.reload(ctx)
}

func (e *Engine) createSecret(ctx context.Context, caller clientauth.Caller, client string, expires time.Time) (Credential, error) {
	made, record, err := e.newSecret(client, expires)
	if err != nil {
		return Credential{}, err
	}
	err = e.commit(ctx, func(tx store.Tx) (audit.Entry, error) {
		if err := e.mayGrow(tx, client); err != nil {
			return audit.Entry{}, err
		}
		known, err := credentialsOf(tx, client)
		if err != nil {
			return audit.Entry{}, err
		}
		if err := roomForSecret(known, record.Created); err != nil {
			return audit.Entry{}, err
		}
		entry, err := e.changed(caller, audit.KindCredential, credentialChange(audit.ActionAdded, record))
		if err != nil {
			return audit.Entry{}, err
		}
		return entry, tx.PutCredential(record)
	})
	if err != nil {
		return Credential{}, err
	}
	return made, e.reload(ctx)
}

// newSecret draws a secret.
func (e *Engine) newSecret(client string, expires time.Time) (Credential, store.Credential, error) {
	secret, verifier, err := clientauth.NewSecret(e.random)
	if err != nil {
		return Credential{}, store.Credential{}, err
	}
	var id [8]byte
	if _, err := io.ReadFull(e.random, id[:]); err != nil {
		return Credential{}, store.Credential{}, err
	}
	record := store.Credential{
		Client: client, ID: hex.EncodeToString(id[:]), Kind: clientauth.KindSecret, Verifier: verifier[:],
		Created: e.clock.Now(), Expires: expires,
	}
	return Credential{Client: client, ID: record.ID, Secret: secret, Created: record.Created, Expires: expires}, record, nil
}
