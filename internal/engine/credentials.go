package engine

import (
	"context"
	"encoding/hex"
	"io"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/store"
)

// BootstrapLife is how long the bootstrap credential is good after the first start.
const BootstrapLife = 24 * time.Hour

// Bootstrap makes the bootstrap credential and the first signing key, if this is the first start, and only
// a key at the first start of a generation that was restored with its policy. At any other it makes a
// bootstrap credential only if told to make it anew, for an operator who has lost every other way in; the
// credential is zero otherwise.
func (e *Engine) Bootstrap(ctx context.Context, anew bool) (Credential, error) {
	self := clientauth.Caller{ID: policy.Bootstrap}
	if e.Image.View().Keys.Len() > 0 {
		if !anew {
			return Credential{}, nil
		}
		return e.createSecret(ctx, self, policy.Bootstrap, e.Clock.Now().Add(BootstrapLife))
	}
	if e.Image.View().Policy.Version() > 0 && !anew {
		// A restored generation: its policy says who gets in.
		_, err := e.addKey(ctx, self, e.Clock.Now())
		return Credential{}, err
	}
	made, err := e.createSecret(ctx, self, policy.Bootstrap, e.Clock.Now().Add(BootstrapLife))
	if err != nil {
		return Credential{}, err
	}
	// The key comes last: its presence says that the first start was completed.
	_, err = e.addKey(ctx, self, e.Clock.Now())
	return made, err
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
		entry, err := e.changed(caller, audit.KindCredential, credentialChange("added", record))
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
	secret, verifier, err := clientauth.NewSecret(e.Random)
	if err != nil {
		return Credential{}, store.Credential{}, err
	}
	var id [8]byte
	if _, err := io.ReadFull(e.Random, id[:]); err != nil {
		return Credential{}, store.Credential{}, err
	}
	record := store.Credential{
		Client: client, ID: hex.EncodeToString(id[:]), Kind: clientauth.KindSecret, Verifier: verifier[:],
		Created: e.Clock.Now(), Expires: expires,
	}
	return Credential{Client: client, ID: record.ID, Secret: secret, Created: record.Created, Expires: expires}, record, nil
}
