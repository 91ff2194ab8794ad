package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/whittle-sts/whittle/internal/audit"
	"github.com/whittle-sts/whittle/internal/clientauth"
	"github.com/whittle-sts/whittle/internal/live"
	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/store"
)

const (
	// MaxSecrets is how many secrets of one client may be good, or disabled, at a time.
	MaxSecrets = 20
	// MaxOverlap is how long earlier secrets may stay good beside a new one.
	MaxOverlap = 365 * 24 * time.Hour
)

// CreateSecret makes a secret for a client of the policy, beside those that it has, which ends after the
// lifetime; 0: never by itself. The answer is the only place where the secret is ever shown. The caller must
// hold client.manage.
func (e *Engine) CreateSecret(ctx context.Context, caller clientauth.Caller, client string, lifetime time.Duration) (Credential, error) {
	if err := e.mayManage(caller, client); err != nil {
		return Credential{}, err
	}
	if lifetime < 0 {
		return Credential{}, Refuse(InvalidRequest, "shape", "a secret's lifetime is more than nothing")
	}
	var expires time.Time
	if lifetime > 0 {
		expires = e.clock.Now().Add(lifetime)
	}
	return e.createSecret(ctx, caller, client, expires)
}

// RotateSecret makes a secret for a client of the policy and lets all earlier ones end after the overlap;
// one that ends sooner still does. All of that is one commit: either the client has the new secret, or the
// earlier ones are as they were. The caller must hold client.manage.
func (e *Engine) RotateSecret(ctx context.Context, caller clientauth.Caller, client string, overlap time.Duration) (Credential, []ClientSecret, error) {
	if err := e.mayManage(caller, client); err != nil {
		return Credential{}, nil, err
	}
	if overlap < 0 || overlap > MaxOverlap {
		return Credential{}, nil, Refuse(InvalidRequest, "shape", "secrets overlap for at most a year")
	}
	made, record, err := e.newSecret(client, time.Time{})
	if err != nil {
		return Credential{}, nil, err
	}
	err = e.commit(ctx, func(tx store.Tx) (audit.Entry, error) { return e.putRotated(tx, caller, record, overlap) })
	if err != nil {
		return Credential{}, nil, err
	}
	if err := e.reload(ctx); err != nil {
		return Credential{}, nil, err
	}
	rest := slices.DeleteFunc(e.secretsOf(client), func(s ClientSecret) bool { return s.ID == made.ID })
	return made, rest, nil
}

// putRotated writes the new secret and the end of the earlier ones.
func (e *Engine) putRotated(tx store.Tx, caller clientauth.Caller, record store.Credential, overlap time.Duration) (audit.Entry, error) {
	if err := e.mayGrow(tx, record.Client); err != nil {
		return audit.Entry{}, err
	}
	earlier, err := credentialsOf(tx, record.Client)
	if err != nil {
		return audit.Entry{}, err
	}
	if err := roomForSecret(earlier, record.Created); err != nil && overlap > 0 {
		return audit.Entry{}, err
	}
	end := record.Created.Add(overlap)
	earlier = slices.DeleteFunc(earlier, func(c store.Credential) bool { return !c.Expires.IsZero() && c.Expires.Before(end) })
	change := credentialChange(audit.ActionRotated, record)
	if len(earlier) > 0 {
		change.Note = "the earlier secrets end " + end.UTC().Format(time.RFC3339)
	}
	entry, err := e.changed(caller, audit.KindCredential, change)
	if err != nil {
		return audit.Entry{}, err
	}
	for _, c := range earlier {
		c.Expires = end
		if err := tx.PutCredential(c); err != nil {
			return audit.Entry{}, err
		}
	}
	return entry, tx.PutCredential(record)
}

// mayManage says why the caller can't make secrets for the client.
func (e *Engine) mayManage(caller clientauth.Caller, client string) error {
	if err := e.require(caller, policy.ClientManage); err != nil {
		return err
	}
	if _, known := e.image.View().Policy.Client(client); !known {
		return Refuse(NotFound, "no_client", "the policy has no such client")
	}
	return e.room()
}

// roomForSecret refuses one secret too many. Those that ended by then don't count.
func roomForSecret(known []store.Credential, then time.Time) error {
	n := 0
	for _, c := range known {
		if c.Expires.IsZero() || c.Expires.After(then) {
			n++
		}
	}
	if n >= MaxSecrets {
		return Refuse(InvalidRequest, "many_secrets", fmt.Sprintf("the client has %d secrets; delete one first", n))
	}
	return nil
}

// mayGrow is [Engine.mayManage] once more where the secret is written: a policy that drops the client drops its
// secrets in its own commit, and one that is made after that would wait for the client's return.
func (e *Engine) mayGrow(tx store.Tx, client string) error {
	meta, err := tx.Meta()
	if err != nil || client == policy.Bootstrap {
		return err
	}
	current := e.image.View().Policy
	if current.Version() != meta.Policy {
		return Refuse(Conflict, "policy", "the policy is being replaced at this moment; try again")
	}
	if _, known := current.Client(client); !known {
		return Refuse(NotFound, "no_client", "the policy has no such client")
	}
	return nil
}

func credentialsOf(r store.Reader, client string) ([]store.Credential, error) {
	all, err := r.Credentials()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(c store.Credential) bool { return c.Client != client }), nil
}

// Clients lists the clients of the policy with their secrets, or just the one named, with the token of the
// next page. The caller must hold client.manage.
func (e *Engine) Clients(_ context.Context, caller clientauth.Caller, only string, limit int, page string) ([]Client, string, error) {
	if err := e.require(caller, policy.ClientManage); err != nil {
		return nil, "", err
	}
	list := listOf("clients", only)
	after, err := list.position(page)
	if err != nil {
		return nil, "", err
	}
	view := e.image.View()
	ids := view.Policy.Clients()
	if only != "" {
		if _, known := view.Policy.Client(only); !known {
			return nil, "", Refuse(NotFound, "no_client", "the policy has no such client")
		}
		ids = []string{only}
	}
	first, found := slices.BinarySearch(ids, after)
	if found {
		first++
	}
	var out []Client
	for _, id := range ids[first:min(first+limit, len(ids))] {
		out = append(out, e.clientOf(view, id))
	}
	if first+limit >= len(ids) {
		return out, "", nil
	}
	return out, list.token(out[len(out)-1].ID), nil
}

func (e *Engine) clientOf(view *live.View, id string) Client {
	c, _ := view.Policy.Client(id)
	_, blocked := e.image.Revocations.Blocked(live.OfClient(id))
	return Client{
		ID: id, Ceiling: c.Ceiling.Names(), May: c.May, Serves: view.Policy.Serves(id),
		Secrets: e.secretsOf(id), Blocked: blocked,
	}
}

// secretsOf is what may be known of a client's secrets, the oldest first.
func (e *Engine) secretsOf(client string) []ClientSecret {
	known, now := e.image.View().Credentials[client], e.clock.Now()
	out := make([]ClientSecret, len(known))
	for i, c := range known {
		out[i] = ClientSecret{
			ID: c.ID, Created: c.Created, Expires: c.Expires, Disabled: c.Disabled, LastUsed: c.Use.At(), Usable: c.UsableAt(now),
		}
	}
	return out
}
