package audit

import (
	"context"
	"time"

	"github.com/whittle-sts/whittle/store"
)

// Pseudonym is what entries call the key of a person. It leads to nobody once the person was erased.
type Pseudonym string

// Held is what the log has to open its entries about a person with.
type Held struct {
	Key   Pseudonym
	Since time.Time // the first entry under this key
}

// Held is how the log knows the person; [store.ErrNotFound] if no entry names them, or none since they were erased.
func (l *Log) Held(r store.Reader, who Name) (Held, error) {
	record, err := r.Person(l.lookup(who))
	if err != nil {
		return Held{}, err
	}
	return Held{Pseudonym(toText(record.ID[:])), record.Since}, nil
}

// Erase deletes the person's key in the transaction of an op. What entries of before say of the person can't be
// read again; one that is being made of them, also in this commit, is sealed under a new key.
// Call [Log.Forget] when it is durable. Nothing else may delete a person's key.
func (l *Log) Erase(tx store.Tx, who Name) error {
	lookup := l.lookup(who)
	l.standing.erased(lookup)
	return tx.DeletePerson(lookup)
}

// Forget drops the erased person's key from memory, and then from what the store's deleted records left behind.
// Entries that are being sealed at this moment hold the key until they are written or given up.
func (l *Log) Forget(ctx context.Context, name Name) error {
	l.people.forget(who{name.Issuer, name.Subject})
	return l.store.Scrub(ctx)
}

func (l *Log) lookup(n Name) [32]byte { return l.people.lookup(who{n.Issuer, n.Subject}) }
