package live

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/whittle-sts/whittle/store"
)

// SecretCredential is the kind of a stored credential whose verifier is the SHA-256 of a secret. One of
// another kind is never read as a secret.
const SecretCredential = "secret-sha256"

// Credential is how a client may prove who it is: a secret, so far.
type Credential struct {
	ID       string
	Verifier [32]byte
	Created  time.Time
	Expires  time.Time // zero: never
	Disabled bool
	Use      *Use // of the credential, whatever view it is in
}

// UsableAt says whether the credential can be proved with now.
func (c Credential) UsableAt(now time.Time) bool {
	return !c.Disabled && (c.Expires.IsZero() || now.Before(c.Expires))
}

// CredentialID names one credential.
type CredentialID struct{ Client, ID string }

// Use is when a credential was last used, to about a minute. It is safe for concurrent use.
type Use struct{ minute, written atomic.Int64 } // since 1970; 0: never

// Mark says that the credential was used now. Nearly always that is one load: who authenticates writes nothing.
func (u *Use) Mark(now time.Time) {
	if minute := now.Unix() / 60; u.minute.Load() < minute {
		u.minute.Store(minute)
	}
}

// At is when that was; zero: never, as far as is known.
func (u *Use) At() time.Time {
	minute := u.minute.Load()
	if minute == 0 {
		return time.Time{}
	}
	return time.Unix(minute*60, 0).UTC()
}

// Unwritten is At, if the store doesn't know it yet.
func (u *Use) Unwritten() (at time.Time, is bool) {
	at = u.At()
	return at, at.Unix()/60 > u.written.Load()
}

// Written says that the store knows of a use.
func (u *Use) Written(at time.Time) {
	u.Mark(at)
	u.written.Store(at.Unix() / 60)
}

// Take disables credentials before that is durable. They stay so even if the commit fails: taking power away
// never waits, and the caller is told to ask again.
func (i *Image) Take(ids ...CredentialID) {
	i.change.Lock()
	defer i.change.Unlock()
	for _, id := range ids {
		i.taken[id] = true
	}
	view := *i.View()
	view.Credentials = maps.Clone(view.Credentials)
	view.disable(i.taken)
	i.view.Store(&view)
}

// Settle says that what became of the credentials is durable: from the next [Image.Reload] on the store
// says how they stand.
func (i *Image) Settle(ids ...CredentialID) {
	i.change.Lock()
	defer i.change.Unlock()
	for _, id := range ids {
		delete(i.taken, id)
	}
}

// disable disables the credentials in a view that nobody sees yet, leaving the lists of other views alone.
func (v *View) disable(taken map[CredentialID]bool) {
	for id := range taken {
		list := slices.Clone(v.Credentials[id.Client])
		for i := range list {
			list[i].Disabled = list[i].Disabled || list[i].ID == id.ID
		}
		if len(list) > 0 {
			v.Credentials[id.Client] = list
		}
	}
}

// loadCredentials reads them, those of each client in the order in which they were made. A credential that
// was there before goes on counting its use.
func loadCredentials(r store.Reader, before map[string][]Credential) (map[string][]Credential, error) {
	records, err := r.Credentials()
	if err != nil {
		return nil, err
	}
	out := make(map[string][]Credential)
	for _, c := range records {
		if c.Kind != SecretCredential || len(c.Verifier) != 32 {
			return nil, fmt.Errorf("credential %s of client %s: %q with a verifier of %d bytes is of no known kind", c.ID, c.Client, c.Kind, len(c.Verifier))
		}
		out[c.Client] = append(out[c.Client], Credential{
			ID: c.ID, Verifier: [32]byte(c.Verifier), Created: c.Created, Expires: c.Expires, Disabled: c.Disabled,
			Use: useOf(before[c.Client], c),
		})
	}
	for _, list := range out {
		slices.SortFunc(list, func(a, b Credential) int { return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID)) })
	}
	return out, nil
}

func useOf(before []Credential, c store.Credential) *Use {
	use := &Use{}
	if i := slices.IndexFunc(before, func(b Credential) bool { return b.ID == c.ID }); i >= 0 {
		use = before[i].Use
	}
	if !c.LastUsed.IsZero() {
		use.Written(c.LastUsed)
	}
	return use
}
