package audit

import "github.com/whittle-sts/whittle/store"

// keyring asks once for the key of a person whom many entries name. It lasts no longer than the look at the store that
// it is for, so that who was erased is gone for the next.
type keyring struct {
	store.Reader
	known map[[16]byte]keyed
}

func newKeyring(r store.Reader, people int) keyring {
	return keyring{r, make(map[[16]byte]keyed, people)}
}

type keyed struct {
	record store.Person
	err    error
}

// PersonByID implements [store.Reader].
func (k keyring) PersonByID(id [16]byte) (store.Person, error) {
	of, ok := k.known[id]
	if !ok {
		of.record, of.err = k.Reader.PersonByID(id)
		k.known[id] = of
	}
	return of.record, of.err
}
