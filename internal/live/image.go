package live

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/whittle-sts/whittle/internal/policy"
	"github.com/whittle-sts/whittle/internal/token"
	"github.com/whittle-sts/whittle/store"
)

// View is what one request reads: all of it of one moment, and never changed.
type View struct {
	Policy      *policy.Policy // of a version of its own: it only ever rises
	Keys        *token.Keyring
	Ring        uint64                  // which ring Keys is: it rises with each new one
	Credentials map[string][]Credential // by client
}

// Image is the memory image of a store.
type Image struct {
	Revocations *Revocations

	view   atomic.Pointer[View]
	change sync.Mutex // held while a new view is made from the old one
	taken  map[CredentialID]bool
}

// View is the state now. A request reads it once and keeps to it.
func (i *Image) View() *View { return i.view.Load() }

// Load makes the image of what the store holds. A store without a policy has the empty one, under
// which nobody may do anything.
func Load(ctx context.Context, s store.Store) (*Image, error) {
	i := &Image{Revocations: newRevocations(), taken: make(map[CredentialID]bool)}
	i.view.Store(&View{})
	if err := i.Reload(ctx, s); err != nil {
		return nil, fmt.Errorf("reading the state: %w", err)
	}
	return i, nil
}

// Reload makes the image of what the store holds now: after keys or credentials changed, and after a
// commit of which nobody knows whether it was made.
func (i *Image) Reload(ctx context.Context, s store.Store) error {
	i.change.Lock()
	defer i.change.Unlock()
	return s.View(ctx, func(r store.Reader) error {
		view := *i.View()
		before := view.Keys
		if err := view.loadSecrets(r); err != nil {
			return err
		}
		if view.Keys != before {
			view.Ring++
		}
		view.disable(i.taken)
		meta, err := r.Meta()
		if err != nil {
			return err
		}
		if view.Policy == nil || meta.Policy > view.Policy.Version() {
			if view.Policy, err = loadPolicy(r); err != nil {
				return err
			}
		}
		i.view.Store(&view)
		return i.loadRevocations(r)
	})
}

// SetPolicy puts a policy that is durable in the place of an older one.
func (i *Image) SetPolicy(p *policy.Policy) {
	i.change.Lock()
	defer i.change.Unlock()
	view := *i.View()
	if p.Version() <= view.Policy.Version() {
		return // somebody applied a newer one meanwhile
	}
	view.Policy = p
	i.view.Store(&view)
}

func (v *View) loadSecrets(r store.Reader) (err error) {
	if v.Keys, err = loadKeys(r, v.Keys); err != nil {
		return err
	}
	v.Credentials, err = loadCredentials(r, v.Credentials)
	return err
}

func loadPolicy(r store.Reader) (*policy.Policy, error) {
	meta, err := r.Meta()
	if err != nil {
		return nil, err
	}
	if meta.Policy == 0 {
		return policy.Empty()
	}
	record, err := r.Policy(meta.Policy)
	if err != nil {
		return nil, err
	}
	return policy.Compile(record.YAML, fmt.Sprintf("policy version %d", record.Version), record.Version)
}

// loadKeys makes the ring of the store's keys, or keeps the old one if that is of the same.
func loadKeys(r store.Reader, old *token.Keyring) (*token.Keyring, error) {
	stored, err := r.Keys()
	if err != nil {
		return nil, err
	}
	records := make([]token.KeyRecord, 0, len(stored))
	for _, k := range stored {
		records = append(records, token.KeyRecord(k))
	}
	if old != nil && old.Holds(records) {
		return old, nil
	}
	keys := make([]*token.SigningKey, 0, len(records))
	for _, k := range records {
		key, err := token.ParseSigningKey(k)
		if err != nil {
			return nil, fmt.Errorf("signing key %s: %w", k.ID, err)
		}
		keys = append(keys, key)
	}
	return token.NewKeyring(keys...)
}

// loadRevocations takes in those that the image hasn't seen. One that is announced stays so until
// whoever announced it knows that it is durable.
func (i *Image) loadRevocations(r store.Reader) error {
	err := r.Revocations(i.Revocations.Newest(), func(rev store.Revocation) bool {
		if !i.Revocations.announced(Selector{Kind(rev.Kind), rev.Selector}) {
			i.Revocations.Apply(rev)
		}
		return true
	})
	if err != nil {
		return err
	}
	meta, err := r.Meta()
	if err != nil {
		return err
	}
	i.Revocations.reach(meta.Rev) // also when the newest one was forgotten
	return nil
}
