package reconcile

import (
	"slices"

	"github.com/whittle-sts/whittle/internal/audit"
)

// names is what entries tell of whose the pseudonyms are. A revocation by subject kills what a client acts in, too, and of that
// the entries of its tokens have the name, not the pseudonym.
type names struct {
	clients map[string][]string // a client's pseudonyms; there is another after each erasure
	others  map[string]bool     // pseudonyms of whoever is no client
}

// learn takes what an entry tells, opened or sealed.
func (n names) learn(e *audit.Event) {
	for i := range e.People {
		p := &e.People[i]
		root := p.Role == audit.RoleSubject
		switch {
		case p.Issuer != "", root && e.SubjectToken != nil && e.SubjectToken.Issuer != "":
			n.others[p.Key] = true
		case p.Subject != "":
			n.client(p.Subject, p.Key)
		case root && e.Kind == audit.KindClientCredentials:
			n.client(e.Client, p.Key)
		}
	}
}

func (n names) client(id, pseudonym string) {
	if !slices.Contains(n.clients[id], pseudonym) {
		n.clients[id] = append(n.clients[id], pseudonym)
	}
}

// unnamed is how many revocations by subject may name a client, for all that the entries tell.
func (r *Record) unnamed() (count uint64) {
	known := make(map[string]bool)
	for _, pseudonyms := range r.named.clients {
		for _, pseudonym := range pseudonyms {
			known[pseudonym] = true
		}
	}
	for s, list := range r.revoked {
		if s.kind == "subject" && !known[s.value] && !r.named.others[s.value] {
			count += uint64(len(list))
		}
	}
	return count
}
