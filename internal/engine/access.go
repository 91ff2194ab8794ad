package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/store"
)

// DisableSecret stops a client's secret, or all of them if none is named: in memory at once, and durably
// before the answer. The caller must hold client.manage.
func (e *Engine) DisableSecret(ctx context.Context, caller clientauth.Caller, client, id string) ([]ClientSecret, error) {
	return e.takeSecrets(ctx, caller, client, id, audit.ActionDisabled, func(tx store.Tx, c store.Credential) error {
		c.Disabled = true
		return tx.PutCredential(c)
	})
}

// DeleteSecret ends a client's secret for good: in memory at once, and durably before the answer. The caller
// must hold client.manage.
func (e *Engine) DeleteSecret(ctx context.Context, caller clientauth.Caller, client, id string) ([]ClientSecret, error) {
	if id == "" {
		return nil, Refuse(InvalidRequest, "shape", "name the secret to delete")
	}
	return e.takeSecrets(ctx, caller, client, id, audit.ActionDeleted, func(tx store.Tx, c store.Credential) error {
		return tx.DeleteCredential(c.Client, c.ID)
	})
}

// EnableSecret undoes DisableSecret, durably before it acts. It revives no secret that has ended. The caller
// must hold client.manage.
func (e *Engine) EnableSecret(ctx context.Context, caller clientauth.Caller, client, id string) ([]ClientSecret, error) {
	if err := e.require(caller, policy.ClientManage); err != nil {
		return nil, err
	}
	named, err := e.named(client, id)
	if err != nil {
		return nil, err
	}
	named = slices.DeleteFunc(named, func(c live.Credential) bool { return !c.Disabled })
	if len(named) == 0 {
		return e.secretsOf(client), nil
	}
	err = e.changeSecrets(ctx, caller, client, id, named, audit.ActionEnabled, func(tx store.Tx, c store.Credential) error {
		c.Disabled = false
		return tx.PutCredential(c)
	})
	if err != nil {
		return nil, err
	}
	return e.secretsOf(client), nil
}

// takeSecrets disables secrets in memory, and then does what is to be durable. The last secret by which
// somebody may apply a policy can't be taken: whoever must be rid of it rotates it.
func (e *Engine) takeSecrets(ctx context.Context, caller clientauth.Caller, client, id, action string, take func(store.Tx, store.Credential) error) ([]ClientSecret, error) {
	if err := e.require(caller, policy.ClientManage); err != nil {
		return nil, err
	}
	e.access.Lock()
	defer e.access.Unlock()
	named, err := e.named(client, id)
	if err != nil {
		return nil, err
	}
	ids := credentialIDs(client, named)
	view := e.image.View()
	if e.administrable(view.Policy, nil) && !e.administrable(view.Policy, ids) {
		return nil, Refuse(Precondition, "no_administrator",
			"nobody could apply a policy without this secret; rotate it, or make another administrator one first")
	}
	e.image.Take(ids...)
	if err := e.changeSecrets(ctx, caller, client, id, named, action, take); err != nil {
		return nil, err
	}
	return e.secretsOf(client), nil
}

// named is the client's secret with the id, or all of them.
func (e *Engine) named(client, id string) ([]live.Credential, error) {
	known := slices.Clone(e.image.View().Credentials[client])
	if id != "" {
		known = slices.DeleteFunc(known, func(c live.Credential) bool { return c.ID != id })
	}
	if len(known) == 0 {
		return nil, Refuse(NotFound, "no_secret", "the client has no such secret")
	}
	return known, nil
}

func credentialIDs(client string, list []live.Credential) []live.CredentialID {
	ids := make([]live.CredentialID, len(list))
	for i, c := range list {
		ids[i] = live.CredentialID{Client: client, ID: c.ID}
	}
	return ids
}

// changeSecrets makes a change of the named secrets durable, with its entry, and shows it. One that was made
// already needs no entry.
func (e *Engine) changeSecrets(ctx context.Context, caller clientauth.Caller, client, id string, named []live.Credential, action string, change func(store.Tx, store.Credential) error) error {
	err := e.commit(ctx, func(tx store.Tx) (audit.Entry, error) {
		stored, err := credentialsOf(tx, client)
		if err != nil {
			return audit.Entry{}, err
		}
		stored = slices.DeleteFunc(stored, func(c store.Credential) bool {
			return !slices.ContainsFunc(named, func(n live.Credential) bool { return n.ID == c.ID }) || action == audit.ActionDisabled && c.Disabled
		})
		if len(stored) == 0 {
			return audit.Entry{}, errUnchanged
		}
		record := store.Credential{Client: client, ID: id}
		entry, err := e.changed(caller, audit.KindCredential, credentialChange(action, record))
		if err != nil {
			return audit.Entry{}, err
		}
		for _, c := range stored {
			if err := change(tx, c); err != nil {
				return audit.Entry{}, err
			}
		}
		return entry, nil
	})
	if err != nil && !errors.Is(err, errUnchanged) {
		return err
	}
	e.image.Settle(credentialIDs(client, named)...)
	return e.reload(ctx)
}
